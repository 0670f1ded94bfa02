"""Accepting e-invoices moves a customer, and the price, from the next cycle on; a withdrawal moves both back."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text
from test_cycle import decide, to_approval, to_the_end
from town import cycle_order, read_august, set_clock, settle, write_consents, write_readings

from pipeline import check, collect, convert, freeze, import_consents, open_cycle, rate
from pipeline.statement import statement

PAPER_CUSTOMER, PAPERLESS_CUSTOMER = "0001", "0002"


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


def bill_month(work, *, period: str, issue_date: date) -> str:
    order = dataclasses.replace(cycle_order(), period=period, issue_date=issue_date)
    key = open_cycle.run(work, order=order)["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    decide(work, key)
    set_clock(work, datetime(issue_date.year, issue_date.month, issue_date.day, 12, 0))
    to_the_end(work, key)
    return key


def invoice(work, *, key: str, no: str):
    with work.engine.connect() as connection:
        return connection.execute(
            text("""
                select i.gross_zl, i.carrier, min(l.tariff_group) filter (where l.service = 'abonament') as grupa
                from invoice i join account a using (account_id) join cycle c using (cycle_id)
                join charge_line l using (charge_id)
                where c.cycle_key = :key and a.account_no = :no group by 1, 2
            """),
            {"key": key, "no": f"A{no}"},
        ).one()


def state(work, tmp_path, *, event: str, no: str, on: str) -> None:
    file = write_consents(tmp_path / f"{event}.csv", accounts=(no,), event=event, on=on)
    assert import_consents.run(work, file=file)["accepted"] == 1
    assert convert.run(work)["applied"] == 1


def test_an_acceptance_and_a_withdrawal_change_carrier_group_and_price_of_the_next_cycle(town, tmp_path) -> None:
    july = bill_month(town, period="2026-07", issue_date=date(2026, 8, 3))
    state(town, tmp_path, event="accept", no=PAPER_CUSTOMER, on="2026-08-03")
    read_august(town, tmp_path)
    august = bill_month(town, period="2026-08", issue_date=date(2026, 9, 2))
    state(town, tmp_path, event="withdraw", no=PAPER_CUSTOMER, on="2026-09-02")
    set_clock(town, datetime(2026, 10, 1, 12, 0))
    collect.run(town, file=write_readings(tmp_path / "september.csv", month_end=date(2026, 9, 30)))
    september = bill_month(town, period="2026-09", issue_date=date(2026, 10, 2))

    paper, mailed, paper_again = (invoice(town, key=key, no=PAPER_CUSTOMER) for key in (july, august, september))

    assert (paper.carrier, paper.grupa, paper.gross_zl) == ("paper", "G-P", Decimal("55.08"))
    assert (mailed.carrier, mailed.grupa, mailed.gross_zl) == ("email", "G-E", Decimal("51.08"))
    assert paper_again == paper
    assert "1 accepted e-faktura, applied (oszczędza 48,00 zł rocznie)" in plain(statement(town, cycle_key=august))
    assert "1 went back to paper, applied (dopłaca 48,00 zł rocznie)" in plain(statement(town, cycle_key=september))


def plain(made) -> str:
    return made.text().replace("\N{NO-BREAK SPACE}", " ")


def test_an_acceptance_after_the_freeze_waits_for_the_next_cycle(town, tmp_path) -> None:
    key = to_approval(town)
    state(town, tmp_path, event="accept", no=PAPER_CUSTOMER, on="2026-08-01")
    decide(town, key)
    set_clock(town, datetime(2026, 8, 3, 7, 0))

    to_the_end(town, key)

    assert invoice(town, key=key, no=PAPER_CUSTOMER).grupa == "G-P"
    assert invoice(town, key=key, no=PAPER_CUSTOMER).carrier == "paper"


def test_a_withdrawal_after_the_freeze_changes_the_carrier_but_not_the_price(town, tmp_path) -> None:
    key = to_approval(town)
    state(town, tmp_path, event="withdraw", no=PAPERLESS_CUSTOMER, on="2026-08-01")
    decide(town, key)
    set_clock(town, datetime(2026, 8, 3, 7, 0))

    to_the_end(town, key)

    billed = invoice(town, key=key, no=PAPERLESS_CUSTOMER)
    assert (billed.carrier, billed.grupa, billed.gross_zl) == ("paper", "G-E", Decimal("51.08"))
