"""VAT by a named model, rounded half up to the grosz (VAT act art. 106e ust. 11)."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from billing.charges import LineRounding, VatSum
from billing.money import ZERO_ZL, round_zl


class VatModel(StrEnum):
    """How the VAT of a document follows from its lines; one document never mixes them.

    ``vat_on_rate_sum``: on the sum of the line nets of each rate (art. 106e ust. 1 pkt 13-14), the default.
    ``vat_per_line``: the sum of VAT amounts rounded line by line (art. 106e ust. 10, to verify).
    """

    ON_RATE_SUM = "vat_on_rate_sum"
    PER_LINE = "vat_per_line"


def vat_sums(
    *,
    lines: Iterable[tuple[Decimal, Decimal]],
    model: VatModel,
    rounding: LineRounding = LineRounding.EACH_LINE,
) -> tuple[VatSum, ...]:
    """Net, VAT and gross per rate, highest rate first, from the ``(vat_rate, net_zl)`` of each line.

    A net that is not in full grosze is rounded as ``rounding`` says: by itself, or in the sum of its rate.
    """
    nets: dict[Decimal, list[Decimal]] = {}
    for vat_rate, net_zl in lines:
        if vat_rate in nets:
            nets[vat_rate].append(net_zl)
        else:
            nets[vat_rate] = [net_zl]
    rates = sorted(nets, reverse=True) if len(nets) > 1 else nets
    return tuple([_vat_sum(vat_rate, nets[vat_rate], model, rounding) for vat_rate in rates])


def _vat_sum(vat_rate: Decimal, exact_zl: list[Decimal], model: VatModel, rounding: LineRounding) -> VatSum:
    nets_zl = (
        [round_zl(sum(exact_zl, ZERO_ZL))] if rounding is LineRounding.RATE_SUM else [round_zl(net) for net in exact_zl]
    )
    net_zl = sum(nets_zl, ZERO_ZL)
    if model is VatModel.ON_RATE_SUM:
        vat_zl = round_zl(net_zl * vat_rate)
    else:
        vat_zl = sum((round_zl(line_zl * vat_rate) for line_zl in nets_zl), ZERO_ZL)
    return VatSum(vat_rate=vat_rate, net_zl=net_zl, vat_zl=vat_zl, gross_zl=net_zl + vat_zl)
