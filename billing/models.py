"""The named models by which a utility bills where the law gives no formula: data of its folder, with our defaults.

Each has a name, so that a document, a decision and a setting speak of the same thing.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing.charges import LineRounding
from billing.toml_fields import Fields
from billing.vat import VatModel


class SplitModel(StrEnum):
    """A price or a contract begins between two readings and nobody read the meter on that day.

    ``by_days``: the volume is shared by days. ``hold``: the account waits for a reading of that day.
    """

    BY_DAYS = "by_days"
    HOLD = "hold"


class SplitPlaces(StrEnum):
    """To what a share by days is rounded: the digits that the register bills (``metered``), or ``three`` places."""

    METERED = "metered"
    THREE = "three"


class ForecastDocument(StrEnum):
    """What charges for a prognoza: an ``invoice``.

    A prepayment for water and sewage has no VAT tax point (VAT act art. 19a ust. 8 pkt 2, second-hand), so a payment
    notice with the invoice only at the settlement is the other way in use; it is not built.
    """

    INVOICE = "invoice"


class LegalisationModel(StrEnum):
    """Whether a garden meter whose legalisation has lapsed still lowers the quantity of sewage.

    ``closing_reading``: only while it is legalised on the day of the closing reading. ``ignored``: always.
    """

    CLOSING_READING = "closing_reading"
    IGNORED = "ignored"


class MissingSub(StrEnum):
    """A meter behind the main one was not read: the account waits (``hold``), or nothing is deducted this time."""

    HOLD = "hold"
    NO_DEDUCTION = "no_deduction"


class DifferenceModel(StrEnum):
    """Who pays what a building's main meter counts beyond the meters of the points behind it.

    ``owner``: the contract of the building. ``flats``: the contracts behind it, in proportion to what they used.
    """

    OWNER = "owner"
    FLATS = "flats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Everything named that rating depends on apart from prices.

    ``split`` is for a price that begins between two readings, ``contract_split`` for a contract. ``jitter_m3`` is how
    far a register may run back and count as standing still; ``rollover_share`` how near to its end (and, from 0, to its
    beginning) it must stand to have passed through zero; ``volume_max_m3_day`` is more than any meter passes in a day.
    ``legalisation``, ``missing_sub`` and ``difference`` are for meters and points behind a main meter, which may be
    read up to ``sub_days_apart`` days from it.
    """

    vat: VatModel = VatModel.ON_RATE_SUM
    line_rounding: LineRounding = LineRounding.EACH_LINE
    split: SplitModel = SplitModel.BY_DAYS
    split_places: SplitPlaces = SplitPlaces.METERED
    contract_split: SplitModel = SplitModel.BY_DAYS
    jitter_m3: Decimal = Decimal("0.050")
    rollover_share: Decimal = Decimal("0.90")
    volume_max_m3_day: Decimal = Decimal(60)
    forecast_document: ForecastDocument = ForecastDocument.INVOICE
    legalisation: LegalisationModel = LegalisationModel.CLOSING_READING
    missing_sub: MissingSub = MissingSub.HOLD
    sub_days_apart: int = 0
    difference: DifferenceModel = DifferenceModel.OWNER


def read_models(fields: Fields, *, vat: VatModel, line_rounding: LineRounding, volume_max_m3_day: Decimal) -> Models:
    """The models of ``[models]``; what the table leaves out is the default.

    Raises:
        DataRefused: ``UTILITY_FIELD_WRONG``.
    """
    fields.known(
        *("split", "split_places", "contract_split", "jitter_m3", "rollover_share", "forecast_document"),
        *("legalisation", "missing_sub", "sub_days_apart", "difference"),
    )
    usual = Models()
    return Models(
        vat=vat,
        line_rounding=line_rounding,
        split=fields.choice("split", SplitModel, default=usual.split.value),
        split_places=fields.choice("split_places", SplitPlaces, default=usual.split_places.value),
        contract_split=fields.choice("contract_split", SplitModel, default=usual.contract_split.value),
        jitter_m3=fields.decimal("jitter_m3", places=3, default=usual.jitter_m3),
        rollover_share=fields.decimal("rollover_share", places=2, default=usual.rollover_share),
        volume_max_m3_day=volume_max_m3_day,
        forecast_document=fields.choice("forecast_document", ForecastDocument, default=usual.forecast_document.value),
        legalisation=fields.choice("legalisation", LegalisationModel, default=usual.legalisation.value),
        missing_sub=fields.choice("missing_sub", MissingSub, default=usual.missing_sub.value),
        sub_days_apart=fields.integer("sub_days_apart", default=usual.sub_days_apart),
        difference=fields.choice("difference", DifferenceModel, default=usual.difference.value),
    )
