"""What an invoice says of charges beside metered water: under their lines, and in the small print.

A document without such lines gets none of it and keeps its bytes.
"""

from decimal import Decimal

from billing.accounts import Service
from billing.charges import ChargeLine, Origin
from billing.invoices import Invoice
from billing.polish import NBSP, format_quantity

PRICE_LISTED = frozenset({Service.STORMWATER, Service.EXTRA})
"""Services whose ``tariff_group`` is an item of a price list."""

_FORECAST = (
    "Prognoza opiera się na umowie, normach zużycia albo średnim zużyciu z poprzedniego okresu rozliczeniowego; "
    "rozliczymy ją po odczycie, co najmniej raz w roku i przy każdej zmianie ceny (§ 16 ust. 4–5 i § 17 ust. 2–3 "
    "rozporządzenia z 27 lutego 2018 r.)."
)
_SETTLEMENT = (
    "Ta faktura rozlicza zużycie według odczytu i odejmuje to, co naliczyły wcześniejsze prognozy, po tych samych "
    "cenach i stawkach VAT (§ 17 ust. 3 rozporządzenia z 27 lutego 2018 r.)."
)


def line_caption(line: ChargeLine) -> str:
    """How the quantity or the amount of a line came about, in a few words; empty where the columns say it all."""
    if line.excess is not None:
        measured, permitted = _number(line.excess.measured), _number(line.excess.permitted)
        return f"× ({measured} – {permitted}){NBSP}/{NBSP}{permitted}"
    if line.area is not None:
        area = f"{_number(line.area.area_m2)}{NBSP}m²"
        runs = line.area.m3_per_m2_year
        return f"{area} × {_number(runs)}{NBSP}m³/m² rocznie" if runs is not None else area
    return ""


def tariff_words(invoice: Invoice) -> list[str]:
    """The groups of the tariff and the items of price lists that the invoice uses."""
    groups = dict.fromkeys(line.tariff_group for line in invoice.lines if line.service not in PRICE_LISTED)
    items = dict.fromkeys(line.tariff_group for line in invoice.lines if line.service in PRICE_LISTED)
    words = [f"Taryfa: grupa {', '.join(groups)}."] if groups else []
    return [*words, f"Cennik: {', '.join(items)}."] if items else words


def beside_notes(invoice: Invoice) -> list[str]:
    """What a prognoza is, or what its settlement does."""
    origins = {line.origin for line in invoice.lines}
    if Origin.SETTLED_FORECAST in origins:
        return [_SETTLEMENT]
    return [_FORECAST] if Origin.FORECAST in origins else []


def _number(value: Decimal) -> str:
    places = max(0, -int(value.normalize().as_tuple().exponent))
    return format_quantity(value) if places <= 0 else f"{value.normalize():f}".replace(".", ",")
