"""Why a line that no register measured says what it says: an area, an excess, an order, a prognoza."""

from billing.charges import ChargeLine, Origin
from billing.polish import NBSP, format_exact


def quantity_reason(line: ChargeLine) -> tuple[str, ...] | None:
    """Where the quantity of such a line comes from; None for a line that is explained otherwise."""
    if line.excess is not None:
        found = line.excess
        return (
            f"sewage of these days: {line.quantity} m3{_part(line)}",
            f"{found.indicator}: measured {found.measured}, permitted {found.permitted}",
        )
    if line.area is not None:
        runs = f" x {line.area.m3_per_m2_year} m3 in a year" if line.area.m3_per_m2_year is not None else ""
        twelfth = "" if line.unit == "m2_month" else ", a month being a twelfth of a year"
        return (f"surface {line.area.surface}: {line.area.area_m2} m2{runs}{twelfth}: {line.quantity} {line.unit}",)
    if line.settles is not None:
        return (f"takes off what {line.settles.document} charged as a prognoza: {line.quantity} {line.unit}",)
    if line.difference is not None:
        shared = line.difference
        reached = f"{shared.of_m3} x ({shared.before_m3} + {shared.own_m3}) / {shared.all_m3}"
        before = f"{shared.of_m3} x {shared.before_m3} / {shared.all_m3}"
        return (
            f"the meter of point {shared.front_point_no} counted {shared.of_m3} m3 beyond those of its flats",
            f"share by use: {reached} less {before}, each half up: {line.quantity} m3",
        )
    match line.origin:
        case Origin.ORDER:
            return (f"service {line.extra_service_id}, done on {line.period.start}: {line.quantity} {line.unit}",)
        case Origin.FORECAST:
            return (f"prognoza, settled by a later reading: {line.quantity} {line.unit}",)
    return None


def _part(line: ChargeLine) -> str:
    if line.share is None:
        return ""
    first, last = line.share.after_days + 1, line.share.after_days + line.share.days
    return f", days {first} to {last} of {line.share.of_days} in which {line.share.of_m3} m3 were charged"


def excess_factor(line: ChargeLine) -> str:
    """The part by which the indicator exceeds, as a customer reads it; empty for any other line."""
    if line.excess is None:
        return ""
    measured, permitted = format_exact(line.excess.measured), format_exact(line.excess.permitted)
    return f" × ({measured} − {permitted}){NBSP}/{NBSP}{permitted}"
