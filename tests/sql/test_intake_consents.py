"""Acceptances and withdrawals: recorded once, converted once, rebuildable from what was recorded."""

import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from intake_samples import import_sample_registry, report_codes, rows_of, set_clock, table_sizes
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from pipeline import convert, import_consents
from pipeline.errors import Inconsistent, OperatorError
from pipeline.settings import Settings
from pipeline.utility_files import load_folder
from pipeline.work import Work
from readings.consents import OPTIONAL, REQUIRED, TAKEN_OVER
from readings.registry_codes import CONSENT_CODES
from sql.consents import conversions_since, stored_preferences
from sql.engine import make_engine
from sql.evidence import verify_chain

DOC = Path(__file__).parents[2] / "docs" / "import.md"
HEADER = ";".join((*REQUIRED, *OPTIONAL))
ACCEPT = "A2;accept;paper_form;2026-07-09;2026-07-10;1.0;lukasz@example.com;Łukasz Gżegżółka;;"
CLICK = ACCEPT.replace("paper_form", "portal_click")
WITHDRAW = "A2;withdraw;paper_form;2026-07-20;2026-07-21;;;Łukasz Gżegżółka;;"
LATER = ACCEPT.replace("-09", "-11").replace("-10", "-12")
CODES = [
    ("C100", "A2;accept"),
    ("C101", ACCEPT.replace("A2", "A7")),
    ("C102", ACCEPT.replace("accept", "maybe")),
    ("C102", ACCEPT.replace("paper_form", "phone_recorded")),
    ("C103", ACCEPT.replace("2026-07-10", "10.07.2026")),
    ("C103", ACCEPT + "soon"),
    ("C104", ACCEPT.replace("2026-07-10", "2026-08-02")),
    ("C104", ACCEPT.replace("2026-07-10", "2026-07-08")),
    ("C105", ACCEPT.replace("1.0", "0.9")),
    ("C105", ACCEPT.replace("2026-07-09", "2026-01-31")),
    ("C106", ACCEPT.replace("1.0", "")),
    ("C106", ACCEPT.replace("lukasz@example.com", "")),
    ("C107", ACCEPT.replace("@", "(at)")),
    ("C108", ACCEPT.replace("Łukasz Gżegżółka", "")),
    ("C108", ACCEPT.removesuffix(";") + "abc;"),
    ("C109", ACCEPT + ";" + "x" * 501),
    ("C201", ACCEPT.replace("lukasz@", "other@")),
    ("C202", LATER.replace("Łukasz Gżegżółka", "Żaneta Świerszcz")),
    ("C203", LATER.replace("lukasz@", "Zaneta@")),
]


@pytest.fixture
def town(work: Work, tmp_path: Path) -> Work:
    import_sample_registry(work, tmp_path / "registry")
    return work


@pytest.fixture
def owner_engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(str(settings.database_owner_url))
    yield engine
    engine.dispose()


def import_rows(work: Work, path: Path, *rows: str) -> dict[str, object]:
    """Import rows of the usual columns, or of one more when a row has the evidence of an earlier system."""
    header, width = HEADER, HEADER.count(";")
    if any(row.count(";") > width for row in rows):
        header, rows = f"{HEADER};evidence", tuple(row if row.count(";") > width else f"{row};" for row in rows)
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return import_consents.run(work, file=path)


def preferences(work: Work, account_no: str) -> list[tuple[str, str, str | None]]:
    with work.engine.connect() as connection:
        rows = stored_preferences(connection, account_no=account_no)
    return [(row.channel, str(row.valid_from), row.valid_until and str(row.valid_until)) for row in rows]


def addresses(work: Work, account_no: str) -> list[tuple[object, ...]]:
    return rows_of(
        work,
        "select e.address, e.state, e.confirmation_kind, e.valid::text from email_address e"
        " join account using (account_id) where account_no = :account_no order by email_id",
        account_no=account_no,
    )


@pytest.mark.parametrize(("code", "row"), CODES)
def test_a_wrong_statement_gets_its_code_and_is_not_recorded(town: Work, tmp_path: Path, code: str, row: str) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT, row)
    outcome = "QUARANTINED" if code.startswith("C2") else "REJECTED"
    assert report_codes(town.settings.exports / "consents" / "a.report.csv") == [("ACCEPTED", ""), (outcome, code)]
    assert rows_of(town, "select count(*) from consent_event") == [(1,)]


@pytest.mark.parametrize(
    ("signer", "taken"),
    [
        ("łukasz   GŻEGŻÓŁKA", True),
        (unicodedata.normalize("NFD", "Łukasz Gżegżółka"), True),
        ("Łukasz Gżegżółka-Nowak", False),
        ("Gżegżółka", False),
        ("Żaneta Świerszcz", False),
    ],
)
@pytest.mark.parametrize("statement", [ACCEPT, WITHDRAW])
def test_only_a_party_of_the_account_signs_for_it(
    town: Work, tmp_path: Path, statement: str, signer: str, *, taken: bool
) -> None:
    counts = import_rows(town, tmp_path / "a.csv", statement.replace("Łukasz Gżegżółka", signer))
    assert (counts["accepted"], counts["quarantined"]) == (int(taken), int(not taken))
    assert rows_of(town, "select count(*) from consent_event") == [(int(taken),)]


@pytest.mark.parametrize(
    ("received_on", "signer", "taken"),
    [
        ("2026-07-19", "Łukasz Gżegżółka", True),
        ("2026-07-19", "Żaneta Świerszcz", False),
        ("2026-07-20", "Łukasz Gżegżółka", False),
        ("2026-07-20", "Żaneta Świerszcz", True),
    ],
)
def test_the_party_of_the_day_of_receipt_is_the_one_that_signs(
    town: Work, tmp_path: Path, received_on: str, signer: str, *, taken: bool
) -> None:
    with town.engine.begin() as connection:
        connection.execute(
            text("update account_party set valid = '[2026-07-01,2026-07-20)', ended_by = 'x' where account_id = 2")
        )
        connection.execute(
            text(
                "insert into account_party (account_id, role, party_id, valid, recorded_by)"
                " select 2, 'nabywca', party_id, '[2026-07-20,)', 'x' from party where party_no = 'K1'"
            )
        )
    row = ACCEPT.replace("2026-07-10", received_on).replace("Łukasz Gżegżółka", signer)
    assert import_rows(town, tmp_path / "a.csv", row)["accepted"] == int(taken)


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ("update email_address set state = 'dead'", True),
        ("update email_address set valid = '[2026-06-20,2026-08-01)', ended_by = 'x'", True),
        ("update email_address set valid = '[2026-06-20,2026-08-02)', ended_by = 'x'", False),
        ("update account_party set party_id = 1 where account_id = 2 and role = 'payer'", True),
        ("update account_party set party_id = 1 where account_id = 2 and role = 'nabywca'", True),
    ],
)
def test_somebody_elses_address_is_set_aside_while_it_is_theirs(
    town: Work, tmp_path: Path, owner_engine: Engine, change: str, *, taken: bool
) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text(change))
    counts = import_rows(town, tmp_path / "a.csv", CLICK.replace("lukasz@", "zaneta@"))
    assert counts["accepted" if taken else "quarantined"] == 1


def test_ones_own_confirmed_address_is_taken_again(town: Work, tmp_path: Path) -> None:
    row = "A1;accept;portal_click;2026-07-09;2026-07-10;1.0;zaneta@example.com;;;"
    assert import_rows(town, tmp_path / "a.csv", row)["accepted"] == 1


def test_a_statement_that_stands_stays_a_duplicate_when_the_parties_change(town: Work, tmp_path: Path) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    with town.engine.begin() as connection:
        connection.execute(
            text("update account_party set valid = '[2026-07-01,2026-07-02)', ended_by = 'x' where account_id = 2")
        )
    assert import_rows(town, tmp_path / "b.csv", ACCEPT, "")["duplicate"] == 1


def test_a_key_that_cannot_be_written_stops_the_import_in_one_line(town: Work, tmp_path: Path) -> None:
    (town.settings.home / "secrets").write_text("a file where the folder should be")
    with pytest.raises(OperatorError, match=r"^KEY_UNUSABLE: "):
        import_rows(town, tmp_path / "a.csv", ACCEPT)
    assert rows_of(town, "select count(*) from consent_event") == [(0,)]


def test_every_code_and_column_is_documented_and_every_code_raised_by_a_test() -> None:
    assert {code for code, _ in CODES} == set(CONSENT_CODES)
    documented = DOC.read_text(encoding="utf-8")
    for code, meaning in CONSENT_CODES.items():
        assert f"| `{code}` | {meaning} |" in documented
    for column in (*REQUIRED, *OPTIONAL, *TAKEN_OVER):
        assert f"`{column}`" in documented


def test_a_signed_form_moves_the_customer_from_the_next_day_on_and_confirms_the_address(
    town: Work, tmp_path: Path
) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    assert convert.run(town) == {"pending": 1, "applied": 1, "no_change": 0, "refused": 0}
    assert preferences(town, "A2") == [("email", "2026-07-11", None)]
    assert addresses(town, "A2") == [("lukasz@example.com", "confirmed", "signed_paper", "[2026-07-11,)")]
    assert rows_of(town, "select outcome, effective_from::text, price_effect_zl_year from consent_conversion") == [
        ("applied", "2026-07-11", Decimal("-48.00"))
    ]


def test_a_click_does_not_confirm_the_address(town: Work, tmp_path: Path) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT.replace("paper_form", "portal_click"))
    convert.run(town)
    assert [row[:3] for row in addresses(town, "A2")] == [("lukasz@example.com", "unconfirmed", None)]


def test_an_unconfirmed_address_does_not_replace_a_confirmed_one_but_a_signed_one_does(
    town: Work, tmp_path: Path
) -> None:
    click = "A1;accept;portal_click;2026-07-05;2026-07-05;1.0;new@example.com;;;"
    import_rows(town, tmp_path / "a.csv", click)
    convert.run(town)
    assert [row[0] for row in addresses(town, "A1")] == ["zaneta@example.com"]
    form = "A1;accept;paper_form;2026-07-09;2026-07-10;1.0;new@example.com;Żaneta Świerszcz;;"
    import_rows(town, tmp_path / "b.csv", form)
    convert.run(town)
    assert [(row[0], row[3]) for row in addresses(town, "A1")] == [
        ("zaneta@example.com", "[2026-06-20,2026-07-11)"),
        ("new@example.com", "[2026-07-11,)"),
    ]


def test_a_form_typed_in_late_does_not_undo_a_newer_address(town: Work, tmp_path: Path) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    convert.run(town)
    import_rows(town, tmp_path / "b.csv", ACCEPT.replace("-09", "-01").replace("-10", "-02").replace("lukasz@", "old@"))
    convert.run(town)
    assert [row[0] for row in addresses(town, "A2")] == ["lukasz@example.com"]


def test_a_withdrawal_ends_e_mail_and_costs_what_the_acceptance_saved(town: Work, tmp_path: Path) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT, WITHDRAW)
    assert convert.run(town)["applied"] == 2
    assert preferences(town, "A2") == [("email", "2026-07-11", "2026-07-22"), ("paper", "2026-07-22", None)]
    assert rows_of(town, "select sum(price_effect_zl_year) from consent_conversion") == [(Decimal("0.00"),)]


def test_statements_that_change_nothing_are_converted_as_no_change(town: Work, tmp_path: Path) -> None:
    withdrawal = "A1;withdraw;paper_form;2026-07-09;2026-07-10;;;Żaneta Świerszcz;;"
    import_rows(town, tmp_path / "a.csv", ACCEPT, LATER, withdrawal)
    assert convert.run(town) == {"pending": 3, "applied": 1, "no_change": 2, "refused": 0}
    assert preferences(town, "A1") == []


def test_an_acceptance_without_a_lasting_contract_is_refused(town: Work, tmp_path: Path) -> None:
    with town.engine.begin() as connection:
        connection.execute(
            text("update contract set valid = '[2026-07-01,2026-07-11)', ended_by = 'x' where contract_no = 'U2'")
        )
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    assert convert.run(town)["refused"] == 1
    assert (preferences(town, "A2"), addresses(town, "A2")) == ([], [])


def test_importing_and_converting_again_adds_nothing_anywhere(town: Work, tmp_path: Path) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT, WITHDRAW)
    convert.run(town)
    sizes = table_sizes(town)
    assert import_rows(town, tmp_path / "a.csv", ACCEPT, WITHDRAW)["already"] == 1
    assert convert.run(town) == {"pending": 0, "applied": 0, "no_change": 0, "refused": 0}
    assert table_sizes(town) == sizes


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_is_stored_equals_what_is_rebuilt_whatever_order_the_statements_came_in(
    town: Work, tmp_path: Path, order: tuple[int, ...]
) -> None:
    rows = (ACCEPT, WITHDRAW, ACCEPT.replace("07-09", "07-24").replace("07-10", "07-25"))
    for place in order:
        import_rows(town, tmp_path / f"{place}.csv", rows[place])
        convert.run(town)
    rule = load_folder(town.settings.utility).utility.consents.rule
    with town.engine.connect() as connection:
        rebuilt = convert.rebuild(connection, account_no="A2", rule=rule)
        stored = stored_preferences(connection, account_no="A2")
    assert [(p.channel.value, p.valid_from, p.valid_until, p.consent_id) for p in rebuilt] == [tuple(p) for p in stored]
    assert preferences(town, "A2") == [
        ("email", "2026-07-11", "2026-07-22"),
        ("paper", "2026-07-22", "2026-07-26"),
        ("email", "2026-07-26", None),
    ]


def test_a_statement_can_neither_be_changed_nor_deleted(town: Work, tmp_path: Path) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    for statement in ("update consent_event set email = 'x'", "delete from consent_event"):
        with pytest.raises(DBAPIError), town.engine.begin() as connection:
            connection.execute(text(statement))


def test_the_evidence_proves_the_address_to_who_holds_the_key_and_shows_it_to_nobody(
    town: Work, tmp_path: Path
) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    convert.run(town)
    rows = rows_of(town, "select kind, body from evidence where subject like 'consent:%' order by seq")
    assert [kind for kind, _ in rows] == ["consent_accept", "consent_applied"]
    key = import_consents.commitment_key(home=town.settings.home)
    assert import_consents.commit("lukasz@example.com", key=key) in rows[0][1]
    assert "lukasz" not in str(rows).lower()
    with town.engine.connect() as connection:
        assert verify_chain(connection) is None


def test_terms_whose_text_changed_under_their_version_stop_the_import(
    town: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_rows(town, tmp_path / "a.csv", ACCEPT)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"!" if path.suffix == ".md" else b""))
    with pytest.raises(Inconsistent, match="TERMS_CHANGED"):
        import_rows(town, tmp_path / "b.csv", WITHDRAW)


def test_conversions_are_listed_in_order_for_those_who_tell_the_customers(town: Work, tmp_path: Path) -> None:
    set_clock(town, 2026, 8, 1, 12)
    import_rows(town, tmp_path / "a.csv", ACCEPT, WITHDRAW)
    convert.run(town)
    with town.engine.connect() as connection:
        first, second = conversions_since(connection, after=0)
        assert [row.event for row in (first, second)] == ["accept", "withdraw"]
        assert conversions_since(connection, after=second.consent_id) == []
