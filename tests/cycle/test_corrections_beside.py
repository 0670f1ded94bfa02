"""Corrections of invoices that charge more than metered water: services, stormwater, prognozy and their settlement."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from beside_town import enter, issued_month, read_month
from correcting import corrections, order_of, reading_of, to_close
from off_cycles import rows
from town import set_clock, settle

from pipeline.corrections import open as opening
from pipeline.errors import OperatorError


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    enter(work)
    return work


def numbers(work, account_no: str) -> list[tuple[str, str]]:
    query = "select kind, invoice_no from invoice join account using (account_id) where account_no = :no order by 2"
    return rows(work, query, no=account_no)


def test_a_prognoza_is_settled_and_not_corrected_and_its_cycle_is_not_taken_back(town) -> None:
    key = issued_month(town, 7)
    today = date(2026, 8, 3)
    ((kind, number),) = numbers(town, "A0004")

    assert kind == "forecast"
    with pytest.raises(OperatorError, match=f"INVOICE_FORECAST: .*{number}"):
        opening.run(town, order=order_of(today, invoices=(number,)))
    with pytest.raises(OperatorError, match="REVERSAL_BESIDE"):
        opening.run(town, order=order_of(today, reverse=key))


def test_a_reading_under_services_and_a_settlement_are_corrected_with_all_that_stands_beside_them(
    town, tmp_path
) -> None:
    issued_month(town, 7)
    for month in (8, 9, 10):
        read_month(town, tmp_path, month)
        issued_month(town, month)
    set_clock(town, datetime(2026, 11, 5, 7, 0))
    settled = reading_of(town, "0004", "2026-10-31")
    served = reading_of(town, "0002", "2026-07-31")
    index = dict(rows(town, "select reading_id, index_m3 from reading"))

    order = order_of(date(2026, 11, 5), readings=(f"{settled}={index[settled] + 1}", f"{served}={index[served] - 1}"))
    to_close(town, order)

    by_account = dict(rows(town, "select account_no, count(*) from invoice join account using (account_id)"
                                 " where kind = 'correction' group by account_no"))  # fmt: skip
    assert by_account == {"A0002": 2, "A0004": 1}
    # 1 m3 more of water and sewage: 5.25 + 7.75 = 13.00
    assert sorted(row[3] for row in corrections(town)) == [Decimal("-13.00"), Decimal("13.00"), Decimal("13.00")]
    ((in_force, billed),) = rows(
        town,
        """select (select sum(c.gross_zl) from charge_in_force join charge c using (charge_id)),
                  (select sum(gross_zl) from invoice)""",
    )
    assert in_force == billed
