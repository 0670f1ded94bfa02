"""Whether a tariff may be switched on as far as its own file tells: decided, published, and not too early."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from billing.law import publication_days_min
from billing.tariffs import Tariff

_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffProblem:
    """One thing that keeps a tariff from being switched on; ``code`` is stable."""

    code: str
    text: str


def decision_problems(*, tariff: Tariff, today: date) -> tuple[TariffProblem, ...]:
    """All that the file lacks: ``TARIFF_UNDECIDED`` and ``TARIFF_DATES``, none when it is decided and published.

    The order of the days: decided, published, in force (uzzwś art. 24c, 24f ust. 1); a publication that is still to
    come has not happened.
    """
    return (*_undecided(tariff), *_dates(tariff, today))


def _undecided(tariff: Tariff) -> Iterator[TariffProblem]:
    texts = {"decision": tariff.decision, "basis": tariff.basis}
    texts |= {
        f"basis of {price.service} for {price.group} from {price.valid_from}": price.basis for price in tariff.prices
    }
    for name, text in texts.items():
        if text.strip().casefold().startswith(_UNKNOWN):
            yield TariffProblem(code="TARIFF_UNDECIDED", text=f"{tariff.name}: {name} is unknown")


def _dates(tariff: Tariff, today: date) -> Iterator[TariffProblem]:
    decided, published, starts = tariff.decided_on, tariff.published_on, tariff.valid_from
    for name, day in (("decided_on", decided), ("published_on", published)):
        if day is None:
            yield _wrong_dates(tariff, f"{name} is missing")
        elif day > today:
            yield _wrong_dates(tariff, f"{name} = {day} is still to come, today is {today}")
    if published is None:
        return
    if decided is not None and decided > published:
        yield _wrong_dates(tariff, f"it was published on {published}, before the decision of {decided}")
    least = publication_days_min(on=published)
    if starts < published + timedelta(days=least):
        text = f"valid_from = {starts} is less than {least} days after its publication on {published}"
        yield _wrong_dates(tariff, f"{text} (uzzwś art. 24f ust. 1)")


def _wrong_dates(tariff: Tariff, text: str) -> TariffProblem:
    return TariffProblem(code="TARIFF_DATES", text=f"{tariff.name}: {text}")
