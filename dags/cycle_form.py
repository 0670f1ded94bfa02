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
        description="Miesiące abonamentu: 2026-09 to wrzesień 2026, 2026-07..2026-09 to kwartał.",
    ),
    "route_set": Param(
        "ALL",
        type="string",
        pattern=r"^(ALL|[A-Z0-9]{1,20}(\+[A-Z0-9]{1,20}){0,49})$",
        title="Trasy",
        description="ALL (wszystkie) albo nazwy tras połączone plusem: R1+R2.",
    ),
    "issue_date": Param(
        "2026-08-03",
        type="string",
        format="date",
        title="Data wystawienia",
        description="Tego dnia faktury dostają numery i są wysyłane.",
    ),
    "payment_days": Param(
        14,
        type="integer",
        minimum=14,
        maximum=60,
        title="Termin płatności (dni)",
        description="Od planowanego wysłania, najmniej 14: do daty wystawienia dolicza się dni na druk albo wysyłkę.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Próba",
        description="Tylko naliczenie i kontrola: nic nie jest zatwierdzane, numerowane ani wysyłane.",
    ),
    "purpose": Param(
        None,
        type=["null", "string"],
        enum=[None, "first", "final", "released_hold", "on_demand"],
        values_display={
            "first": "pierwsza faktura",
            "final": "rozliczenie końcowe",
            "released_hold": "konta wstrzymane, które można już rozliczyć",
            "on_demand": "na życzenie odbiorcy",
        },
        title="Poza cyklem: cel",
        description="Tylko dla wskazanych kont; puste w zwykłym cyklu. Trasy nie mają wtedy znaczenia.",
    ),
    "accounts": Param(
        "",
        type="string",
        format="multiline",
        maxLength=100_000,
        title="Poza cyklem: konta",
        description="Numery kont, po jednym w wierszu.",
    ),
}


def cycle_order() -> "CycleOrder":
    """The filled-in form of the running task's DAG run."""
    from pipeline.open_cycle import CycleOrder

    form = get_current_context()["params"]
    return CycleOrder(
        period=form["period"],
        route_set=form["route_set"],
        issue_date=date.fromisoformat(form["issue_date"]),
        payment_days=form["payment_days"],
        dry_run=form["dry_run"],
        purpose=form["purpose"],
        accounts=tuple(filter(None, map(str.strip, form["accounts"].splitlines()))),
    )
