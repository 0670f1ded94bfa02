"""How the water of this period compares with earlier ones: a chart for the eye, and a table that can be read aloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from billing.accounts import Service
from billing.charges import Origin
from billing.invoices import Invoice
from billing.periods import Period
from billing.polish import NBSP, format_exact
from pdf.colour import ACCENT, BAR
from pdf.flow import BODY, MARGIN, NOTE, RIGHT, WIDTH, Column, Flow, Row
from pdf.tags import P
from pdf.typeface import text_width

_TITLE = "Zużycie wody na tle poprzednich okresów"
_ALT = "Wykres słupkowy zużycia wody w kolejnych okresach; te same liczby podaje tabela pod wykresem."
_CHART_HEIGHT = 30.0
_BAR_LEAST = 0.6
_BAR_SHARE = 0.56
_NOT_USED = frozenset({Origin.FORECAST, Origin.SETTLED_FORECAST})
_COLUMNS_LEAST = 13
_APART = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    period: Period
    volume_m3: Decimal


def draw_history(flow: Flow, invoice: Invoice) -> None:
    """Earlier periods beside this one, when the invoice knows of any and bills water itself."""
    water = [line for line in invoice.lines if line.service is Service.WATER and line.origin not in _NOT_USED]
    if not water or not invoice.used_before:
        return
    now = _Use(period=invoice.period, volume_m3=sum((line.quantity for line in water), Decimal(0)))
    uses = [*(_Use(period=one.period, volume_m3=one.volume_m3) for one in invoice.used_before), now]
    flow.section(_TITLE, keep_with=_CHART_HEIGHT + 50)
    with flow.page.tagged(P):
        flow.page.text_right(RIGHT, flow.y - 6, _compared(uses, now), NOTE)
    column = WIDTH / max(len(uses), _COLUMNS_LEAST)
    _draw_bars(flow, uses, column=column)
    flow.table(
        _columns(tuple(use.period for use in uses), width=column),
        [Row(cells=_figures(uses, width=column))],
    )


def _figures(uses: Sequence[_Use], *, width: float) -> tuple[str, ...]:
    """The volumes; in full m³, all of them, where one with its decimals would not fit its column."""
    exact = tuple(format_exact(use.volume_m3) for use in uses)
    if all(text_width(text, BODY.font, BODY.size) <= width - _APART for text in exact):
        return exact
    return tuple(format_exact(use.volume_m3.quantize(Decimal(1), ROUND_HALF_UP)) for use in uses)


@lru_cache(maxsize=256)
def _columns(periods: tuple[Period, ...], *, width: float) -> tuple[Column, ...]:
    """A column for each period: the same for most customers of a cycle."""
    return tuple(
        Column(title=_name(period), left=width * number, right=width * (number + 1), is_centred=True)
        for number, period in enumerate(periods)
    )


def _draw_bars(flow: Flow, uses: Sequence[_Use], *, column: float) -> None:
    """This period's bar, the last one, in the colour of the utility."""
    top = flow.y + 4
    most = max(use.volume_m3 for use in uses)
    bars = []
    for number, use in enumerate(uses):
        height = _CHART_HEIGHT * float(max(use.volume_m3, Decimal(0)) / most) if most > 0 else 0.0
        height = max(height, _BAR_LEAST)
        left = MARGIN + column * number + column * (1 - _BAR_SHARE) / 2
        colour = ACCENT if number == len(uses) - 1 else BAR
        bars.append((left, top + _CHART_HEIGHT - height, column * _BAR_SHARE, height, colour))
    flow.page.bars(bars, alt=_ALT, box=(MARGIN, top, column * len(uses), _CHART_HEIGHT))
    flow.y = top + _CHART_HEIGHT


def _compared(uses: Sequence[_Use], now: _Use) -> str:
    """The same months a year ago, in words: a hot July is not compared with May."""
    start, last = now.period.start, now.period.last_day
    for use in uses:
        then = use.period
        if then.start == start.replace(year=start.year - 1, day=1) and then.last_day.month == last.month:
            return (
                f"teraz {format_exact(now.volume_m3)}{NBSP}m³, "
                f"rok temu w tym samym okresie {format_exact(use.volume_m3)}{NBSP}m³"
            )
    return "w metrach sześciennych"


def _name(period: Period) -> str:
    """``10.2026``, or ``09–10.2026`` for more than one month."""
    first, last = period.start, period.last_day
    if (first.year, first.month) == (last.year, last.month):
        return f"{last:%m.%Y}"
    return f"{first:%m}–{last:%m.%Y}"
