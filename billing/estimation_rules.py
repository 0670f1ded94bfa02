"""By which methods, and how often, a utility estimates what nobody could read: its own data, with our defaults."""

from dataclasses import dataclass
from enum import StrEnum

from billing.toml_fields import Fields


class EstimateWhy(StrEnum):
    """Why nobody could read. ``faulty_meter``: Rozp. 2018 par. 18 ust. 1. ``no_access``: the utility's regulamin."""

    FAULTY_METER = "faulty_meter"
    NO_ACCESS = "no_access"


class Method(StrEnum):
    """From what a volume is reckoned; the usual order is the one in which they stand here.

    ``mean_3_months``: the last three months read. ``same_period_last_year``: the same days a year before.
    ``monthly_mean_last_year``: the calendar year before. ``class_mean``: all points of the tariff class. ``norm``: m³ a
    person and month, for points without a meter.
    """

    MEAN_3_MONTHS = "mean_3_months"
    SAME_PERIOD_LAST_YEAR = "same_period_last_year"
    MONTHLY_MEAN_LAST_YEAR = "monthly_mean_last_year"
    CLASS_MEAN = "class_mean"
    NORM = "norm"


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimationRules:
    """The order of methods by reason, and the limits in a row: at most so many estimates, and so many months unread.

    ``override_two_persons``: another index in place of an estimate needs a second person.
    """

    faulty_meter: tuple[Method, ...] = tuple(Method)
    no_access: tuple[Method, ...] = tuple(Method)
    periods_max: int = 2
    months_max: int = 6
    override_two_persons: bool = True

    def methods(self, why: EstimateWhy) -> tuple[Method, ...]:
        """The methods for a reason, in the order in which they are tried."""
        return self.faulty_meter if why is EstimateWhy.FAULTY_METER else self.no_access


def read_estimation_rules(readings: Fields) -> EstimationRules:
    """The rules of ``[readings.estimation]`` and ``[readings]``; what is left out is the default.

    Raises:
        DataRefused: ``UTILITY_FIELD_WRONG``.
    """
    fields = readings.within("estimation", default={})
    fields.known("faulty_meter", "no_access", "periods_max", "months_max")
    usual = EstimationRules()
    return EstimationRules(
        faulty_meter=_methods(fields, "faulty_meter"),
        no_access=_methods(fields, "no_access"),
        periods_max=fields.integer("periods_max", default=usual.periods_max),
        months_max=fields.integer("months_max", default=usual.months_max),
        override_two_persons=readings.flag("estimate_override_two_persons", default=usual.override_two_persons),
    )


def _methods(fields: Fields, name: str) -> tuple[Method, ...]:
    named = fields.texts(name, default=tuple(Method))
    with fields.keeping(name):
        if not named or len(set(named)) != len(named) or not set(named) <= set(Method):
            raise fields.refuse("FIELD_WRONG", f"{name} must list methods once each: {', '.join(Method)}")
        return tuple(Method(one) for one in named)
    return tuple(Method)
