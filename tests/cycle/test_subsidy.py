"""A whole cycle with subsidies in both modes: the sums, the documents, the claims on the gmina."""

import csv
import dataclasses
import email
import email.policy
import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from pdf_reading import codes, whole_text
from sqlalchemy import text
from subsidised import SUBSIDISED, settle_subsidised
from town import HOUSEHOLDS, PAPERLESS, cycle_order, read_august, set_clock

from billing.polish import NBSP
from delivery.mailbox import Mailbox
from pipeline import approve, check, deliver, freeze, issue, open_cycle, rate, reconcile, render, subsidy_claims
from pipeline.cli import main
from pipeline.errors import Inconsistent, OperatorError
from pipeline.statement import statement
from sql.engine import make_engine

AUGUST = dataclasses.replace(cycle_order(), period="2026-08", issue_date=date(2026, 9, 2))
# by hand, July, 3 m³ of water, sewage at 7.75 and an abonament of 12.00 on paper, 8.30 by e-mail; VAT 8 %
BY_HAND = {
    # 12.38 + 23.25 + 12.00 = 47.63, VAT 3.8104; 15.75 - 12.38 = 3.37
    ("net", "A0001"): ("47.63", "51.44", "3.37", "0.00", "51.44"),
    # 12.38 + 23.25 + 8.30 = 43.93, VAT 3.5144
    ("net", "A0002"): ("43.93", "47.44", "3.37", "0.00", "47.44"),
    # 15.75 + 23.25 + 12.00 = 51.00, VAT 4.08; 3 × 1.125 = 3.375 goes up
    ("gross", "A0001"): ("51.00", "55.08", "0.00", "3.38", "51.70"),
    # 15.75 + 23.25 + 8.30 = 47.30, VAT 3.784
    ("gross", "A0002"): ("47.30", "51.08", "0.00", "3.38", "47.70"),
    ("net", "A0009"): ("51.00", "55.08", "0.00", "0.00", "55.08"),
    ("gross", "A0003"): ("51.00", "55.08", "0.00", "0.00", "55.08"),
}
# 8 × 3.37 = 26.96 net, VAT 2.1568; 8 × 3.38 = 27.04 gross
CLAIMED = {"net": ("26.96", "2.16", "0.00", "29.12"), "gross": ("0.00", "0.00", "27.04", "27.04")}


def to_issue(work, *, order, on) -> str:
    key = open_cycle.run(work, order=order)["cycle_key"]
    freeze.run(work, cycle_key=key)
    rate.run(work, cycle_key=key, chunk_no=0)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, on)
    issue.run(work, cycle_key=key)
    return key


def deliver_all(work, key) -> None:
    render.run(work, cycle_key=key, chunk_no=0)
    deliver.run(work, cycle_key=key)
    reconcile.run(work, cycle_key=key)


@pytest.fixture(params=["net", "gross"])
def mode(request) -> str:
    return request.param


@pytest.fixture
def town(work, tmp_path, mode):
    return settle_subsidised(work, tmp_path, mode=mode)


@pytest.fixture
def july(town) -> str:
    return to_issue(town, order=cycle_order(), on=datetime(2026, 8, 3, 7, 0))


def rows_of(work, query: str, **values) -> list[tuple]:
    with work.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def test_bills_are_those_worked_out_by_hand_and_the_cycle_closes_balanced(town, july, mode) -> None:
    deliver_all(town, july)

    found = {
        row[0]: row[1:]
        for row in rows_of(
            town,
            """
            select a.account_no, i.net_zl::text, i.gross_zl::text, i.subsidy_net_zl::text, i.subsidy_gross_zl::text,
                   i.payable_zl::text
            from invoice i join account a using (account_id)
            """,
        )
    }
    assert {account: found[account] for kind, account in BY_HAND if kind == mode} == {
        account: figures for (kind, account), figures in BY_HAND.items() if kind == mode
    }
    made = statement(town, cycle_key=july)
    assert made.balanced, made.text()
    assert "subsidies   gminas pay" in made.text()
    assert len(found) == len(HOUSEHOLDS)


def test_the_approver_sees_what_each_gmina_pays(town, mode) -> None:
    key = open_cycle.run(town, order=cycle_order())["cycle_key"]
    freeze.run(town, cycle_key=key)
    rate.run(town, cycle_key=key, chunk_no=0)
    amount = {"net": "26,96", "gross": "27,04"}[mode]

    said = approve.summary(town, cycle_key=key).replace("\N{NO-BREAK SPACE}", " ")

    assert f"| Zdroje | water | 1.1250 {mode} | 24 | {amount} zł |" in said


def test_the_e_mail_and_its_document_ask_for_what_is_left_to_pay(town, july, mode) -> None:
    deliver_all(town, july)

    mailed = {
        receipt.recipient: email.message_from_bytes(receipt.path.read_bytes(), policy=email.policy.SMTP)
        for receipt in Mailbox(path=town.settings.mailbox).receipts()
    }["klient0002@example.com"]
    (attached,) = mailed.iter_attachments()
    document, amount = attached.get_payload(decode=True), {"net": "47,44 zł", "gross": "47,70 zł"}[mode]
    bodies = [mailed.get_body((kind,)).get_content() for kind in ("plain", "html")]
    assert all(amount in body.replace("\N{NO-BREAK SPACE}", " ") for body in bodies)
    assert f"Do zapłaty {amount}" in whole_text(document)
    (code,) = codes(document)
    assert f"|{int(Decimal(amount[:5].replace(',', '.')) * 100):06}|" in code
    if mode == "gross":
        assert "Dopłata Gminy Zdroje – woda 3 1,125 -3,38" in whole_text(document)
        assert "Razem 47,30 3,78 51,08" in whole_text(document)
    else:
        note = "cena taryfowa netto 5,25 zł/m³, dopłata 1,125 zł/m³, cena po dopłacie 4,125 zł/m³"
        assert note in whole_text(document)


def test_claims_are_the_subsidies_of_the_lines_that_were_issued(town, july, mode, tmp_path) -> None:
    read_august(town, tmp_path)
    to_issue(town, order=AUGUST, on=datetime(2026, 9, 2, 7, 0))
    file = tmp_path / "claims.csv"

    both = subsidy_claims.run(town, start=date(2026, 8, 1), until=date(2026, 10, 1), csv_file=file)

    (billed,) = rows_of(
        town, "select sum(l.subsidy_zl), count(l.subsidy_zl) from charge_line l join invoice i using (charge_id)"
    )
    slices = [
        subsidy_claims.run(town, start=start, until=until)
        for start, until in (
            (date(2026, 1, 1), date(2026, 8, 3)),
            (date(2026, 8, 3), date(2026, 8, 4)),
            (date(2026, 8, 4), date(2026, 9, 2)),
            (date(2026, 9, 2), date(2027, 1, 1)),
        )
    ]
    assert [len(one.lines) for one in slices] == [0, len(SUBSIDISED), 0, len(SUBSIDISED)]
    with file.open(encoding="utf-8", newline="") as stream:
        listed = list(csv.DictReader(stream, delimiter=";"))
    sums = [
        sum(line.subsidy_zl for line in both.lines),
        sum(claim.subsidy_zl for claim in both.claims),
        sum(line.subsidy_zl for one in slices for line in one.lines),
        sum(Decimal(row["subsidy_zl"]) for row in listed),
    ]
    assert sums == [billed[0]] * len(sums)
    assert len({(row["point_no"], row["service"], row["period_from"]) for row in listed}) == billed[1] == len(listed)
    (total,) = slices[1].totals
    figures = (total.net_zl, total.vat_zl, total.off_gross_zl, total.claim_zl)
    assert tuple(str(figure) for figure in figures) == CLAIMED[mode]
    claims = {(claim.tariff_group, claim.invoices, claim.volume_m3) for claim in slices[1].claims}
    by_mail = len(set(PAPERLESS) & set(SUBSIDISED))
    by_post = len(SUBSIDISED) - by_mail
    assert claims == {("G-E", by_mail, 3 * by_mail), ("G-P", by_post, 3 * by_post)}


def test_what_is_not_issued_is_not_claimed(town) -> None:
    key = open_cycle.run(town, order=cycle_order())["cycle_key"]
    freeze.run(town, cycle_key=key)
    rate.run(town, cycle_key=key, chunk_no=0)

    found = subsidy_claims.run(town, start=date(2026, 1, 1), until=date(2027, 1, 1), gmina="Zdroje")

    assert (found.lines, found.totals) == ((), ())


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"until": date(2026, 8, 3)}, "PERIOD_WRONG"),
        ({"gmina": "Dolna"}, "GMINA_UNKNOWN"),
        ({"csv_file": "."}, "FILE_UNWRITABLE"),
    ],
)
def test_an_impossible_question_is_refused(town, july, tmp_path, asked, code) -> None:
    if "csv_file" in asked:
        asked = {"csv_file": tmp_path}

    with pytest.raises(OperatorError, match=code):
        subsidy_claims.run(town, **{"start": date(2026, 8, 3), "until": date(2026, 8, 4)} | asked)


def test_the_commands_say_it(town, july, mode, monkeypatch, capsys) -> None:
    monkeypatch.setenv("OBIEG_HOME", str(town.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(town.settings.database_url))
    asked = ["subsidy", "claims", "--from", "2026-08-03", "--until", "2026-08-04", "--gmina", "Zdroje"]

    assert main(asked) == 0
    said = capsys.readouterr().out.replace(NBSP, " ")
    assert main(["--json", *asked]) == 0
    data = json.loads(capsys.readouterr().out)
    assert main(["invoice", "explain", "FV/2026/08/000001"]) == 0
    explained = capsys.readouterr().out.replace(NBSP, " ")

    net, vat, off_gross, claim = CLAIMED[mode]
    owed = f"net {net} zł + VAT {vat} zł" if mode == "net" else f"gross {off_gross} zł, VAT already"
    assert f"claim {claim} zł for 8 invoices: {owed}".replace(".", ",") in said
    assert data["totals"][0]["claim_zl"] == claim
    assert len(data["lines"]) == len(SUBSIDISED)
    assert "resolution: uchwała Rady Gminy Zdroje VII/70/2025" in explained
    assert ("subsidy 3.38 zł gross, payable 51.70 zł" in explained) == (mode == "gross")


def test_a_subsidy_that_was_tampered_with_after_the_issue_is_a_difference(town, july, mode, database) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table charge_line disable trigger user"))
        connection.execute(
            text("update charge_line set subsidy_zl = subsidy_zl + 0.01 where charge_id = 1 and service = 'water'")
        )
    owner.dispose()

    assert f"sum of subsidies of lines = of invoices ({mode})" in "\n".join(statement(town, cycle_key=july).differences)
    with pytest.raises(Inconsistent, match="NOT_BALANCED"):
        deliver_all(town, july)
