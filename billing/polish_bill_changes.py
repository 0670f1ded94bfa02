"""Why the amount differs from the last invoice, in the words of a customer."""

from collections.abc import Callable
from decimal import Decimal

from billing.accounts import Service
from billing.bill_changes import BillChange, Cause, Change
from billing.polish import NBSP, format_change_zl, format_m3, format_price, format_quantity, format_unit, format_zl

SERVICES = {
    Service.WATER: "woda",
    Service.SEWAGE: "ścieki",
    Service.STANDING: "abonament",
    Service.STANDING_SEWAGE: "abonament za ścieki",
    Service.STORMWATER: "wody opadowe",
    Service.EXCESS: "przekroczenie warunków wprowadzania ścieków",
    Service.EXTRA: "usługi dodatkowe",
}
"""What a service is called within a sentence."""

_CAUSES = {
    Cause.DAYS: "okres",
    Cause.VOLUME: "zużycie",
    Cause.PRICE: "cena",
    Cause.BLOCKS: "progi ceny",
    Cause.CHANNEL: "forma faktury",
    Cause.CAME: "nowa pozycja",
    Cause.WENT: "pozycja, której już nie ma",
    Cause.FORECAST: "rozliczenie prognozy",
    Cause.EXTRA: "opłaty poza wodą i ściekami",
    Cause.SUBSIDY: "dopłata gminy",
    Cause.ROUNDING: "zaokrąglenie",
    Cause.VAT: "podatek VAT",
}


def why_changed(change: BillChange) -> tuple[str, ...]:
    """The difference, then each part of it; amounts are net where VAT is a part of its own."""
    if not change.parts:
        return (f"Kwota do zapłaty jest taka sama jak poprzednio: {format_zl(change.now_zl)}.",)
    word = "więcej" if change.difference_zl > 0 else "mniej"
    parts = tuple(f"{_told(part)}: {format_change_zl(part.amount_zl)}" for part in change.parts)
    was, now = format_zl(change.was_zl), format_zl(change.now_zl)
    if not change.difference_zl:
        head = f"Do zapłaty jest tyle samo co poprzednio ({now}), choć zmieniło się:"
    else:
        difference = format_zl(abs(change.difference_zl))
        head = f"Do zapłaty jest {now}, poprzednio było {was}: o {difference} {word}. Złożyły się na to:"
    return (head, *parts, f"razem: {format_change_zl(change.difference_zl)}")


def _told(part: Change) -> str:
    words = [_CAUSES[part.cause]]
    if part.service is not None:
        words.append(f"– {SERVICES[part.service]}" + (f", punkt {part.point_no}" if part.point_no else ""))
    figures = _figures(part)
    return " ".join(words) + (f" ({figures})" if figures else "")


def _figures(part: Change) -> str:
    if part.was is None or part.now is None or part.unit is None:
        return ""
    written, after = _units(part.unit)
    return f"{written(part.now)} zamiast {written(part.was)}{after}"


def _units(unit: str) -> tuple[Callable[[Decimal], str], str]:
    """How a figure in the unit is written, and what stands behind both."""
    if unit == "zl":
        return format_zl, ""
    if unit.startswith("zl/"):
        one = unit.removeprefix("zl/")
        return lambda price_zl: f"{format_price(price_zl)}{NBSP}zł", f" netto za 1{NBSP}{format_unit(one)}"
    if unit == "m3/day":
        return format_m3, " dziennie"
    printed = "dni" if unit == "day" else format_unit(unit)
    return lambda quantity: f"{format_quantity(quantity)}{NBSP}{printed}", ""
