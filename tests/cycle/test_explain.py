"""`obieg explain` after two cycles: every figure back to its reading, and why August differs from July."""

import dataclasses
import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from beside_town import enter, issued_month, read_month
from correcting import order_of, reading_of, to_close
from sqlalchemy import text
from town import cycle_order, set_clock, settle, write_consents, write_readings

from billing.accounts import Service
from billing.bill_changes import Cause
from pipeline import approve, check, collect, convert, freeze, import_consents, issue, open_cycle, rate
from pipeline import explain as explaining
from pipeline.cli import main

AUGUST = dataclasses.replace(cycle_order(), period="2026-08", issue_date=date(2026, 9, 2))


def to_issue(work, *, order, on) -> None:
    key = open_cycle.run(work, order=order)["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, on)
    issue.run(work, cycle_key=key)


@pytest.fixture
def obieg(work, tmp_path, monkeypatch, capsys):
    """The command, after July and August; in August A0001 accepts e-invoices and uses 7 m³ instead of 3."""
    settle(work, tmp_path)
    to_issue(work, order=cycle_order(), on=datetime(2026, 8, 3, 7, 0))
    accepted = write_consents(tmp_path / "august-consents.csv", accounts=("0001",), on="2026-08-05")
    set_clock(work, datetime(2026, 9, 1, 12, 0))
    assert import_consents.run(work, file=accepted)["accepted"] == 1
    assert convert.run(work)["applied"] == 1
    readings = write_readings(tmp_path / "august.csv", month_end=date(2026, 8, 31), used={"0001": 10})
    assert collect.run(work, file=readings)["refused"] == 0
    to_issue(work, order=AUGUST, on=datetime(2026, 9, 2, 7, 0))
    monkeypatch.setenv("OBIEG_HOME", str(work.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(work.settings.database_url))

    def run(*words: str) -> str:
        assert main(words) == 0
        return capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")

    return run


def test_the_customer_reads_where_each_figure_comes_from_and_why_the_amount_changed(obieg) -> None:
    said = obieg("explain", "FV/2026/09/000001")

    # by hand: 7 × 5.25 + 7 × 7.75 + 8.30 = 99.30, VAT 7.944; July 3 × 5.25 + 3 × 7.75 + 12.00 = 51.00, VAT 4.08;
    # as many days (31), so 4 m³ more: 21.00 and 31.00; the e-faktura 3.70 less; VAT 7.94 − 4.08
    for sentence in (
        "Faktura FV/2026/09/000001 z dnia 02.09.2026, kod klienta A0001",
        "wodomierz nr M0001: odczyt poprzedni 31.07.2026 13 m³ (odczyt na miejscu), obecny 31.08.2026 20 m³",
        "zużycie: 20 − 13 = 7 m³ w ciągu 31 dni; ścieki to pobrana woda",
        "kwota: 7 m³ × 5,25 zł = 36,75 zł",
        "abonament za 1 mies.; należy się bez względu na to, czy pobierano wodę",
        "VAT 8% od sumy netto: 99,30 zł × 8% = 7,944 zł, po zaokrągleniu do grosza (pół grosza w górę) 7,94 zł",
        "W porównaniu z fakturą FV/2026/08/000001 z dnia 03.08.2026:",
        "Do zapłaty jest 107,24 zł, poprzednio było 55,08 zł: o 52,16 zł więcej.",
        "zużycie – woda, punkt PP0001 (7 m³ zamiast 3 m³): +21,00 zł",
        "zużycie – ścieki, punkt PP0001 (7 m³ zamiast 3 m³): +31,00 zł",
        "forma faktury – abonament (8,30 zł zamiast 12,00 zł netto za 1 mies.): -3,70 zł",
        "podatek VAT (7,94 zł zamiast 4,08 zł): +3,86 zł",
        "razem: +52,16 zł",
    ):
        assert sentence in said


def test_both_explanations_say_how_the_due_date_came_about(obieg) -> None:
    # on paper three days are allowed for printing and posting, by e-mail one, and then 14 days run
    assert (
        "do zapłaty 55,08 zł do 20.08.2026\n"
        "Termin płatności: 14 dni od wysłania (Rozp. 2018 § 17 ust. 1); na druk i nadanie listu liczy się 3 dni od "
        "wystawienia, do 06.08.2026\n"
    ) in obieg("explain", "FV/2026/08/000001")
    assert "na wysyłkę e-mailem liczy się 1 dzień od wystawienia, do 03.09.2026" in obieg(
        "explain", "FV/2026/09/000001"
    )
    said = obieg("invoice", "explain", "FV/2026/08/000001")
    assert "due date: issued 2026-08-03, by paper sent until 2026-08-06 (+3 days), payable within 14 days" in said
    assert "gross 55.08 zł, due 2026-08-20" in said


def test_the_first_invoice_has_nothing_to_be_compared_with(obieg) -> None:
    assert "To pierwsza faktura tego konta" in obieg("explain", "FV/2026/08/000001")


def test_machines_get_the_parts_as_figures(obieg) -> None:
    data = json.loads(obieg("--json", "explain", "FV/2026/09/000001"))

    change = data["change"]
    assert (change["invoice_no"], change["was_zl"], change["now_zl"]) == ("FV/2026/08/000001", "55.08", "107.24")
    assert [(part["cause"], part["service"], part["amount_zl"]) for part in change["parts"]] == [
        ("volume", "water", "21.00"),
        ("volume", "sewage", "31.00"),
        ("channel", "abonament", "-3.70"),
        ("vat", None, "3.86"),
    ]
    assert len(data["lines"]) == 3
    assert all(line["reasons"] for line in data["lines"])


def test_the_auditor_still_gets_the_rows_of_the_file(obieg) -> None:
    said = obieg("invoice", "explain", "FV/2026/09/000001")

    assert "as received in august.csv, line 2: PP0001;M0001" in said
    assert "quantity: 20.000 - 13.000 = 7.000 m3 (sewage is the water taken)" in said


def test_every_invoice_of_a_town_with_charges_of_all_kinds_explains_itself_and_its_change(
    work, tmp_path, monkeypatch, capsys
) -> None:
    settle(work, tmp_path)
    enter(work)
    issued_month(work, 7)
    for month in (8, 9, 10):
        read_month(work, tmp_path, month)
        issued_month(work, month)
    monkeypatch.setenv("OBIEG_HOME", str(work.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(work.settings.database_url))
    with work.engine.connect() as connection:
        numbers = list(connection.execute(text("select invoice_no from invoice order by invoice_id")).scalars())
        told = [explaining.run(connection, invoice_no=number) for number in numbers]

    services = {line.service for one in told for line in one.invoice.lines}
    assert {Service.STORMWATER, Service.EXCESS, Service.EXTRA, Service.WATER} <= services
    assert {one.invoice.kind for one in told} >= {"invoice", "forecast", "settlement"}
    for one in told:
        assert (one.change is None) == (one.before is None)
        if one.change is not None and one.before is not None:
            before = next(other.invoice for other in told if other.invoice.number.text == one.before)
            assert one.change.difference_zl == one.invoice.payable_zl - before.payable_zl
    assert sum(one.before is None for one in told) == len({one.invoice.account_no for one in told})
    settled = next(one for one in told if one.invoice.kind == "settlement")
    assert Cause.FORECAST in {part.cause for part in settled.change.parts}
    for number in numbers:
        assert main(["explain", number]) == 0
        assert main(["invoice", "explain", number]) == 0
    assert "odejmujemy to, co naliczyła prognoza FV/2026/08/" in capsys.readouterr().out


def test_a_correction_tells_what_is_owed_instead_and_the_next_invoice_is_compared_with_that(
    obieg, work, tmp_path
) -> None:
    # A0003 was billed 3 m³ in July: 15.75 + 23.25 + 12.00 = 51.00, gross 55.08; read right 2 m³: 38.00, gross 41.04
    reading = reading_of(work, "0003", "2026-07-31")
    to_close(work, order_of(date(2026, 9, 10), readings=(f"{reading}=32",)))
    with work.engine.connect() as connection:
        query = text("select invoice_no from invoice where kind = 'correction' order by invoice_id")
        first, *_ = connection.execute(query).scalars()

    said = obieg("explain", first)

    for sentence in (
        "Koryguje fakturę FV/2026/08/000003 z dnia 03.08.2026: Błędny odczyt wodomierza.",
        "do zwrotu lub zaliczenia 14,04 zł",
        "zużycie: 32 − 30 = 2 m³ w ciągu 31 dni",
        "Razem netto 38,00 zł, VAT 3,04 zł, brutto 41,04 zł.",
        "W porównaniu z fakturą FV/2026/08/000003 z dnia 03.08.2026:",
        "Do zapłaty jest 41,04 zł, poprzednio było 55,08 zł: o 14,04 zł mniej.",
        "zużycie – woda, punkt PP0003 (2 m³ zamiast 3 m³): -5,25 zł",
        "razem: -14,04 zł",
    ):
        assert sentence in said

    set_clock(work, datetime(2026, 10, 1, 12, 0))
    september = write_readings(tmp_path / "september.csv", month_end=date(2026, 9, 30), used={"0001": 12})
    assert collect.run(work, file=september)["refused"] == 0
    to_issue(
        work,
        order=dataclasses.replace(AUGUST, period="2026-09", issue_date=date(2026, 10, 2)),
        on=datetime(2026, 10, 2, 7, 0),
    )
    with work.engine.connect() as connection:
        query = text(
            "select invoice_no from invoice join account using (account_id)"
            " where account_no = 'A0003' and issue_date = '2026-10-02'"
        )
        told = explaining.run(connection, invoice_no=connection.execute(query).scalar_one())

    # August was corrected with July: it begins with the index 32 and bills 4 m³ now
    assert told.change is not None
    assert told.before is not None
    assert told.before.startswith("FK/")
    assert told.change.was_zl == Decimal("69.12")
