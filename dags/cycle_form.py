"""The form that starts a billing cycle. It checks shapes; ``open`` refuses what is impossible."""

from datetime import date
from typing import TYPE_CHECKING

from airflow.sdk import Param, get_current_context

if TYPE_CHECKING:
    from pipeline.open_cycle import CycleOrder

_MONTH = "20[0-9]{2}-(0[1-9]|1[0-2])"

CYCLE_FORM = {
    "period": Param(
        "2026-07",
        type="string",
        pattern=rf"^{_MONTH}(\.\.{_MONTH})?$",
        title="Okres rozliczeniowy",
        description="Months of the standing charge: 2026-09 is September 2026, 2026-07..2026-09 a quarter.",
    ),
    "route_set": Param(
        "ALL",
        type="string",
        pattern=r"^(ALL|[A-Z0-9]{1,20}(\+[A-Z0-9]{1,20}){0,49})$",
        title="Trasy",
        description="ALL, or the routes joined by a plus sign: R1+R2.",
    ),
    "issue_date": Param(
        "2026-08-03",
        type="string",
        format="date",
        title="Data wystawienia",
        description="The invoices carry this date, get their numbers on it and leave on it.",
    ),
    "payment_days": Param(
        14,
        type="integer",
        minimum=14,
        maximum=60,
        title="Termin płatności (dni)",
        description="Days from issue to the due date; the law gives the recipient at least 14.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Próba",
        description="Rate and check only: nothing is approved, numbered or sent, and the cycle's key stays free.",
    ),
}


def cycle_order() -> "CycleOrder":
    """The filled-in form of the running task's DAG run."""
    from pipeline.open_cycle import CycleOrder  # noqa: PLC0415 - forms are parsed without the steps' imports

    form = get_current_context()["params"]
    return CycleOrder(
        period=form["period"],
        route_set=form["route_set"],
        issue_date=date.fromisoformat(form["issue_date"]),
        payment_days=form["payment_days"],
        dry_run=form["dry_run"],
    )
