"""Invoices to complain about: the small town's July, and one customer with two points, an exchange and an estimate."""

from datetime import date, datetime
from pathlib import Path

from registry_rows import read, register
from sqlalchemy import text
from town import bank_account, cycle_order, set_clock

from pipeline import approve, check, freeze, issue, open_cycle, rate
from pipeline.work import Work

ESTIMATE = "PP0002;M0002;2026-07-31T10:00:00;45;m3;estimate;estimated"


def two_points(work: Work, tmp_path: Path) -> str:
    """The invoice of a customer with a meter exchanged in July and an estimated reading at the other point."""
    set_clock(work, datetime(2026, 8, 1, 12, 0))
    register(
        work,
        tmp_path,
        parties=["P0001;natural_person;Józef Żółć;;ul. Łąkowa 1;00-001;Zdroje"],
        accounts=[f"A0001;R1;{bank_account('0001')}"],
        account_parties=[f"A0001;{role};P0001;2026-01-01;" for role in ("payer", "nabywca")],
        points=["PP0001;ul. Łąkowa 1;00-001;Zdroje", "PP0002;ul. Łąkowa 1a;00-001;Zdroje"],
        contracts=[
            "C0001;A0001;PP0001;household;water+sewage;2026-06-01;",
            "C0002;A0001;PP0002;household;water;2026-06-01;",
        ],
        meters=[
            "M0001;PP0001;5;0;2026-06-30;980;;",
            "M0002;PP0002;5;0;2026-06-30;40;;",
            "M0003;PP0001;5;0;2026-07-16;0;M0001;985.4",
        ],
    )
    rows = ["PP0001;M0003;2026-07-31T08:00:00;6.785", ESTIMATE]
    assert read(work, tmp_path, *rows)["accepted_warn"] + 1 == len(rows)
    return issued(work)[0]


def issued(work: Work) -> list[str]:
    """Take July to its invoices, on the 3rd of August at seven; their numbers by account."""
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime(2026, 8, 3, 7, 0))
    issue.run(work, cycle_key=key)
    with work.engine.connect() as connection:
        found = connection.execute(text("select invoice_no from invoice join account using (account_id) order by 1"))
        return list(found.scalars())


def on_day(work: Work, day: date) -> None:
    """Noon of a day."""
    set_clock(work, datetime(day.year, day.month, day.day, 12, 0))
