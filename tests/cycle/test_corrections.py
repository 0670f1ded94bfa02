"""Invoices that were wrong: readings, prices and whole cycles put right by approved runs of corrections."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from correcting import corrections, order_of, reading_of, to_check, to_close
from off_cycles import rows
from sqlalchemy import text
from subsidised import settle_subsidised
from test_cycle import decide, row_counts, to_the_end
from test_handover import bill_august, bill_july, bill_september, lines, rated
from town import read_august, set_clock, settle, write_readings

from billing.invoices import Invoice
from pipeline import check, collect, freeze, issue, rate
from pipeline.corrections import open as opening
from pipeline.corrections.preview import preview
from pipeline.errors import Inconsistent, OperatorError
from pipeline.read_back import read_back
from pipeline.statement import statement
from sql.engine import make_engine
from sql.queries import queries

SEPTEMBER_3 = date(2026, 9, 3)


@pytest.fixture
def town(work, tmp_path):
    settle(work, tmp_path)
    return work


@pytest.fixture
def two_months(town, tmp_path):
    bill_july(town)
    read_august(town, tmp_path)
    bill_august(town)
    set_clock(town, datetime(2026, 9, 3, 7, 0))
    return town


def in_force(work, no: str) -> Decimal:
    ((owed,),) = rows(
        work,
        """select sum(c.gross_zl) from charge_in_force f join charge c using (charge_id)
           join account a on a.account_id = f.account_id where a.account_no = :no""",
        no=f"A{no}",
    )
    return owed


def invoiced(work, no: str) -> Decimal:
    ((sum_zl,),) = rows(
        work, "select sum(gross_zl) from invoice join account using (account_id) where account_no = :no", no=f"A{no}"
    )
    return sum_zl


def test_a_corrected_reading_corrects_the_invoice_that_ends_on_it_and_the_one_that_begins(two_months, tmp_path) -> None:
    town = two_months
    reading = reading_of(town, "0001", "2026-07-31")

    key = to_close(town, order_of(SEPTEMBER_3, readings=(f"{reading}=11",)))

    # July: 3 m3 become 1, 2 x (5.25 + 7.75) = 26.00 net less, VAT 8 % of 51.00 is 4.08 and of 25.00 is 2.00.
    # August: 3 m3 become 5, the same the other way: VAT of 77.00 is 6.16.
    assert key == "2026-09~KOR~1"
    assert corrections(town) == [
        ("FK/2026/09/000001", "FV/2026/08/000001", 1, Decimal("-26.00"), Decimal("-2.08"), Decimal("-28.08")),
        ("FK/2026/09/000002", "FV/2026/09/000001", 1, Decimal("26.00"), Decimal("2.08"), Decimal("28.08")),
    ]
    assert in_force(town, "0001") == invoiced(town, "0001")
    assert rows(town, "select decision, index_m3, decided_by from reading_decision") == [
        ("corrected", Decimal("11.000"), "approver")
    ]

    september = bill_september(town, tmp_path)
    assert lines(town, no="0001", key=september) == [("2026-08-31", "2026-09-30", 3)]


def test_an_invoice_is_compared_with_earlier_periods_as_they_stand_corrected(two_months, tmp_path) -> None:
    town = two_months
    august = issued(town, "FV/2026/09/000001")
    to_close(town, order_of(SEPTEMBER_3, readings=(f"{reading_of(town, '0001', '2026-07-31')}=11",)))
    bill_september(town, tmp_path)
    (september_no,) = {
        no
        for (no,) in rows(
            town,
            """select invoice_no from invoice join account using (account_id)
               where account_no = 'A0001' and kind = 'regular' order by invoice_id desc limit 1""",
        )
    }

    # July had 3 m3 when August was issued; corrected they are 1, and August's 3 are 5
    assert used_before(august) == [("2026-07", Decimal(3))]
    assert used_before(issued(town, september_no)) == [("2026-07", Decimal(1)), ("2026-08", Decimal(5))]
    assert used_before(issued(town, "FV/2026/08/000001")) == []
    assert "used_before" not in content_of(town, "FV/2026/08/000001")


def content_of(work, invoice_no: str) -> str:
    ((content,),) = rows(work, "select content from invoice where invoice_no = :no", no=invoice_no)
    return content


def issued(work, invoice_no: str) -> Invoice:
    return read_back(Invoice, content_of(work, invoice_no))


def used_before(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(one.period.word(), one.volume_m3) for one in invoice.used_before]


def test_the_newest_reading_corrected_is_where_the_next_cycle_bills_on_from(two_months, tmp_path) -> None:
    reading = reading_of(two_months, "0001", "2026-08-31")

    to_close(two_months, order_of(SEPTEMBER_3, readings=(f"{reading}=18",)))
    september = bill_september(two_months, tmp_path)

    assert [row[1:3] for row in corrections(two_months)] == [("FV/2026/09/000001", 1)]
    # 10 m3 at the start, 18 at the end of August instead of 16, 19 at the end of September
    assert lines(two_months, no="0001", key=september) == [("2026-08-31", "2026-09-30", 1)]


def test_a_correction_is_corrected_from_what_it_made_owed(two_months) -> None:
    reading = reading_of(two_months, "0001", "2026-08-31")
    to_close(two_months, order_of(SEPTEMBER_3, readings=(f"{reading}=18",)))
    set_clock(two_months, datetime(2026, 9, 4, 7, 0))

    to_close(two_months, order_of(date(2026, 9, 4), readings=(f"{reading}=17",)))

    # 2 x 13.00 more and then 13.00 less
    assert [(row[1], row[2], row[3]) for row in corrections(two_months)] == [
        ("FV/2026/09/000001", 1, Decimal("26.00")),
        ("FV/2026/09/000001", 2, Decimal("-13.00")),
    ]
    assert in_force(two_months, "0001") == invoiced(two_months, "0001")
    ((blocking,),) = rows(
        two_months,
        """select count(*) from billed_period b join account a using (account_id)
           where a.account_no = 'A0001' and b.superseded_by is null and lower(b.period) = '2026-07-31'""",
    )
    assert blocking == 2  # water and sewage of August, once


def test_a_run_again_adds_nothing_at_any_step(two_months) -> None:
    order = order_of(SEPTEMBER_3, readings=(f"{reading_of(two_months, '0001', '2026-07-31')}=11",))
    key = to_close(two_months, order)
    before = row_counts(two_months)

    for chunk_no in range(freeze.run(two_months, cycle_key=key)["chunks"]):
        assert rate.run(two_months, cycle_key=key, chunk_no=chunk_no)["written"] == 0
    check.run(two_months, cycle_key=key)
    decide(two_months, key)
    to_the_end(two_months, key)
    for corrected in ("2026-07~ALL~1", "2026-08~ALL~1"):
        check.run(two_months, cycle_key=corrected)

    assert row_counts(two_months) == before


def test_an_index_that_changes_nothing_printed_corrects_nothing(two_months) -> None:
    reading = reading_of(two_months, "0001", "2026-07-31")

    key = to_close(two_months, order_of(SEPTEMBER_3, readings=(f"{reading}=13.4",)))  # the meter bills whole m3

    assert corrections(two_months) == []
    assert rows(two_months, "select code from hold join cycle using (cycle_id) where cycle_key = :key", key=key) == [
        ("NOTHING_TO_CORRECT",)
    ]


def test_a_reading_that_cannot_be_corrected_stops_the_whole_run(two_months) -> None:
    order = order_of(SEPTEMBER_3, readings=(f"{reading_of(two_months, '0001', '2026-07-31')}=40",))  # August ends at 16

    with pytest.raises(Exception, match=r"CORRECTION_HELD: account A0001 .* CONSUMPTION_NEGATIVE"):
        to_check(two_months, order)


def test_a_dry_run_that_is_stopped_is_over_and_leaves_the_invoices_free(two_months) -> None:
    reading = reading_of(two_months, "0001", "2026-07-31")
    dry = order_of(SEPTEMBER_3, readings=(f"{reading}=40",), dry_run=True)

    with pytest.raises(Inconsistent, match=r"CORRECTION_HELD: .* the dry run is over, ask for something else"):
        to_check(two_months, dry)

    assert rows(two_months, "select cycle_key, state from cycle where kind = 'correction'") == [
        ("2026-09~KOR~1", "dry")
    ]
    with pytest.raises(Inconsistent, match=r"^CORRECTION_HELD: account .* the dry run is over"):
        check.run(two_months, cycle_key="2026-09~KOR~1")
    assert to_check(two_months, order_of(SEPTEMBER_3, readings=(f"{reading}=11",))) == "2026-09~KOR~2"


def test_only_another_person_approves_a_run(two_months) -> None:
    order = order_of(SEPTEMBER_3, readings=(f"{reading_of(two_months, '0001', '2026-07-31')}=11",))
    key = to_check(two_months, order)

    with pytest.raises(OperatorError, match="SELF_APPROVAL"):
        decide(two_months, key, by="operator")


def test_an_account_with_a_run_at_work_is_left_to_it_and_made_up_for(two_months, tmp_path) -> None:
    town = two_months
    key = to_check(town, order_of(date(2026, 10, 5), readings=(f"{reading_of(town, '0001', '2026-07-31')}=11",)))

    september = bill_september(town, tmp_path)

    held = rows(
        town,
        """select account_no, code from hold join account using (account_id) join cycle using (cycle_id)
           where cycle_key = :key and code = 'IN_OTHER_CYCLE'""",
        key=september,
    )
    assert held == [("A0001", "IN_OTHER_CYCLE")]
    assert key == "2026-10~KOR~1"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({}, "CORRECTION_WHAT"),
        ({"invoices": ("FV/1",), "order_id": 7}, "CORRECTION_WHAT"),
        ({"readings": ("7:3",)}, "READING_WRONG"),
        ({"readings": ("99999=3",)}, "READING_UNKNOWN"),
        ({"invoices": ("FV/1",)}, "INVOICE_UNKNOWN"),
        ({"invoices": (" ",)}, "NO_INVOICES"),
        ({"cycles": ("2026-01~ALL~1",)}, "CYCLE_UNKNOWN"),
        ({"order_id": 7}, "ORDER_UNKNOWN"),
        ({"invoices": ("FV/2026/08/000001",), "reason": " "}, "REASON_MISSING"),
        ({"invoices": ("FV/2026/08/000001",), "payment_days": 13}, "PAYMENT_DAYS_SHORT"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_and_nothing_is_written(two_months, what, code) -> None:
    before = row_counts(two_months)

    with pytest.raises(OperatorError, match=code):
        opening.run(two_months, order=order_of(SEPTEMBER_3, **what))

    assert row_counts(two_months) == before


def test_readings_that_no_invoice_of_ours_rests_on_are_refused_by_what_they_are(two_months) -> None:
    drafted = reading_of(two_months, "0011", "2026-07-31")
    latecomer = rows(two_months, "select reading_id from reading join meter using (meter_id) where meter_no = 'M0012'")

    for reading, code in ((drafted, "READING_DRAFTED"), (latecomer[0][0], "READING_NOT_INVOICED")):
        with pytest.raises(OperatorError, match=code):
            opening.run(two_months, order=order_of(SEPTEMBER_3, readings=(f"{reading}=11",)))


def test_a_reading_that_the_old_system_billed_up_to_is_not_ours_to_correct(two_months, database) -> None:
    reading = reading_of(two_months, "0001", "2026-06-30")
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(
            text("""insert into opening_position (installation_id, reading_id, last_billed_on, index_m3, quality,
                                                  file_id, line_no, recorded_by)
                    select installation_id, reading_id, read_on, index_m3, quality, file_id, line_no, 'x'
                    from reading where reading_id = :reading"""),
            {"reading": reading},
        )
    owner.dispose()

    with pytest.raises(OperatorError, match="READING_TAKEN_OVER"):
        opening.run(two_months, order=order_of(SEPTEMBER_3, readings=(f"{reading}=9",)))


def test_a_billing_cycle_is_no_run_of_corrections(two_months) -> None:
    with pytest.raises(OperatorError, match="CORRECTION_UNKNOWN"):
        preview(two_months, cycle_key="2026-07~ALL~1")


@pytest.mark.parametrize(
    ("mode", "by_hand"),
    [
        # 1 m3 instead of 3: 5.25 + 7.75 + 12.00 = 25.00, VAT 2.00; 27.00 - 55.08. The gmina: 1.13 instead of 3.38
        ("gross", ("-28.08", "-25.83", "-2.25")),
        # 4.13 + 7.75 + 12.00 = 23.88, VAT 1.91; 25.79 - 51.44. The gmina: 5.25 - 4.13 = 1.12 instead of 3.37, net
        ("net", ("-25.65", "-25.65", "-2.25")),
    ],
)
def test_what_the_gmina_pays_is_corrected_with_the_invoice(work, tmp_path, mode, by_hand) -> None:
    town = settle_subsidised(work, tmp_path, mode=mode)
    bill_july(town)
    set_clock(town, datetime(2026, 8, 5, 7, 0))

    key = to_close(town, order_of(date(2026, 8, 5), readings=(f"{reading_of(town, '0001', '2026-07-31')}=11",)))

    query = "select gross_zl, payable_zl, subsidy_net_zl + subsidy_gross_zl from invoice where kind = 'correction'"
    gross_zl, payable_zl, claimed_zl = map(Decimal, by_hand)
    assert rows(town, query) == [(gross_zl, payable_zl, claimed_zl)]
    made = statement(town, cycle_key=key)
    assert made.figures["lines_subsidy_net_zl"] + made.figures["lines_subsidy_gross_zl"] == claimed_zl
    of_july = 8 * Decimal("3.38" if mode == "gross" else "3.37")
    assert sum(row.subsidy_zl for row in claims(town, month=date(2026, 8, 1))) == of_july + claimed_zl


def claims(work, *, month: date):
    days = {"start": month, "until": date(2026, 9, 1), "gmina": None}
    with work.engine.connect() as connection:
        return connection.execute(queries("subsidies")["claimed_lines"], days).all()


def test_two_runs_are_not_at_work_on_one_invoice(two_months) -> None:
    order = order_of(SEPTEMBER_3, invoices=("FV/2026/08/000001",))
    opening.run(two_months, order=order)

    with pytest.raises(OperatorError, match=r"CORRECTION_OPEN: FV/2026/08/000001 is being corrected by 2026-09~KOR~1"):
        opening.run(two_months, order=order)


def test_a_cycle_that_may_still_bill_the_account_goes_first(two_months, tmp_path) -> None:
    town = two_months
    set_clock(town, datetime(2026, 10, 1, 12, 0))
    collect.run(town, file=write_readings(tmp_path / "september.csv", month_end=date(2026, 9, 30)))
    september = rated(town, period="2026-09", issue_date=date(2026, 10, 2))
    order = order_of(date(2026, 10, 2), readings=(f"{reading_of(town, '0001', '2026-08-31')}=18",))

    with pytest.raises(OperatorError, match=f"ACCOUNT_IN_WORK: {september} may still bill account A0001"):
        opening.run(town, order=order)


def test_a_run_is_issued_on_its_day_and_not_before(two_months) -> None:
    key = to_check(two_months, order_of(date(2026, 9, 4), invoices=("FV/2026/08/000001",)))
    decide(two_months, key)

    with pytest.raises(OperatorError, match="NOT_DUE"):
        issue.run(two_months, cycle_key=key)
