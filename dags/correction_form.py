"""The form that starts a run of corrections. It checks shapes; ``open`` refuses what is impossible."""

from datetime import date
from typing import TYPE_CHECKING

from airflow.sdk import Param, get_current_context

if TYPE_CHECKING:
    from pipeline.corrections.open import CorrectionOrder

_LIST_LENGTH = 2_000_000

CORRECTION_FORM = {
    "reason": Param(
        "",
        type="string",
        maxLength=500,
        title="Przyczyna korekty",
        description="Drukowana na fakturach korygujących. Puste tylko przy zleceniu z reklamacji: wtedy jej przyczyna.",
    ),
    "issue_date": Param(
        "2026-08-03",
        type="string",
        format="date",
        title="Data wystawienia",
        description="Tego dnia korekty dostają numery i są wysyłane.",
    ),
    "payment_days": Param(
        None,
        type=["null", "integer"],
        minimum=14,
        maximum=60,
        title="Termin płatności (dni)",
        description="Puste: jak w danych przedsiębiorstwa. Ustawowo co najmniej 14 dni od dnia wysłania.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Próba",
        description="Tylko naliczenie i kontrola: nic nie jest zatwierdzane, numerowane ani wysyłane.",
    ),
    "order_id": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        title="Co: zlecenie z reklamacji",
        description="Numer zlecenia korekty. Wypełnia się jedno z pól „Co”.",
    ),
    "readings": Param(
        "",
        type="string",
        format="multiline",
        maxLength=_LIST_LENGTH,
        title="Co: błędne odczyty",
        description="Odczyt i stan, jaki powinien mieć, po jednym w wierszu: 123=45 albo 123=45.678.",
    ),
    "invoices": Param(
        "",
        type="string",
        format="multiline",
        maxLength=_LIST_LENGTH,
        title="Co: faktury do ponownego naliczenia",
        description="Numery faktur, po jednym w wierszu; naliczane według taryf z folderu.",
    ),
    "cycles": Param(
        "",
        type="string",
        format="multiline",
        maxLength=_LIST_LENGTH,
        title="Co: całe cykle do ponownego naliczenia",
        description="Klucze cykli, po jednym w wierszu: 2026-09~ALL~1.",
    ),
    "reverse": Param(
        None,
        type=["null", "string"],
        maxLength=200,
        title="Co: cykl do wycofania",
        description="Klucz wystawionego cyklu, z którego nic jeszcze nie wysłano.",
    ),
}


def correction_order() -> "CorrectionOrder":
    """The filled-in form of the running task's DAG run."""
    from pipeline.corrections.open import CorrectionOrder

    form = get_current_context()["params"]
    return CorrectionOrder(
        reason=form["reason"],
        issue_date=date.fromisoformat(form["issue_date"]),
        payment_days=form["payment_days"],
        dry_run=form["dry_run"],
        order_id=form["order_id"],
        readings=_each_line(form["readings"]),
        invoices=_each_line(form["invoices"]),
        cycles=_each_line(form["cycles"]),
        reverse=form["reverse"] or None,
    )


def _each_line(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.splitlines())))
