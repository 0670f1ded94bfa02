"""Changes that people ask for: asked, decided, applied, seen on any day, and nothing ever deleted."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from changing import (
    NEWCOMER,
    approver,
    ask,
    change,
    close,
    exchange,
    index,
    newcomer,
    open_contract,
    to_bank_account,
    to_group,
    to_payer,
)
from sqlalchemy import text
from town import bank_account, set_clock, settle

from billing.changes import (
    ChannelChange,
    EmailChange,
    Order,
    PartyChange,
    RoleChange,
    RouteChange,
)
from pipeline.changes import decide, views
from pipeline.errors import OperatorError
from pipeline.work import WARSAW, Actor

DAY = date(2026, 8, 10)
EARLIER, LATER = date(2026, 8, 9), date(2026, 9, 30)
READ = index("M0001", 14)
TODAY = datetime(2026, 8, 20, 12, 0)


@pytest.fixture
def town(work, tmp_path):
    """The small town on the 20th of August, with a newcomer who has no account yet."""
    settle(work, tmp_path)
    set_clock(work, TODAY)
    change(work, newcomer(on=DAY))
    return work


def particulars(on: date = DAY, **values: Any) -> PartyChange:
    given = dict.fromkeys(("kind", "name", "nip", "street", "postcode", "city")) | values
    return PartyChange(on=on, party_no="P0001", **given)


def accept(no: str = "0001", **values: Any) -> ChannelChange:
    moment = datetime(2026, 8, 9, 9, 0, tzinfo=WARSAW)
    given = {"event": "accept", "method": "paper_form", "occurred_at": moment, "received_at": moment, "on": DAY}
    given |= {"terms_label": "1.0", "email": f"nowy{no}@example.com", "signer_name": f"Józef Żółć {no}"}
    return ChannelChange(account_no=f"A{no}", scan_sha256=None, **(given | values))


def withdraw(no: str = "0002") -> ChannelChange:
    return accept(no, event="withdraw", terms_label=None, email=None)


def to_email(no: str = "0001", email: str = "nowy@example.com", on: date = DAY, **values: Any) -> EmailChange:
    given = {"confirmation_kind": "click", "confirmed_at": datetime(2026, 8, 9, 9, 0, tzinfo=WARSAW)} | values
    return EmailChange(on=on, account_no=f"A{no}", email=email, **given)


def row_counts(work) -> dict[str, int]:
    with work.engine.connect() as connection:
        tables = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        return {
            table: connection.execute(text(f"select count(*) from {table}")).scalar_one()
            for table in tables
            if table != "delivery_preference"  # derived, and made anew
        }


def moment_of(work) -> datetime:
    with work.engine.connect() as connection:
        return connection.execute(text("select clock_timestamp()")).scalar_one()


def seen(work, account_no: str, field: str, day: date, known_at: datetime | None = None) -> Any:
    rows = views.account_on(work, account_no=account_no, on_day=day, known_at=known_at)
    return [row[field] for row in rows]


def name_of(no: str) -> str:
    return f"Józef Żółć {no}"


# order; account and field that show it; before; from the day on
KINDS: dict[str, tuple[Order, str, str, Any, Any]] = {
    "name": (particulars(name="Józefa Żółć"), "A0001", "payer_name", [name_of("0001")], ["Józefa Żółć"]),
    "nabywca": (particulars(name="Józefa Żółć"), "A0001", "nabywca_name", [name_of("0001")], ["Józefa Żółć"]),
    "group": (to_group("0001", DAY), "A0001", "tariff_class", ["household"], ["business"]),
    "bank_account": (
        to_bank_account("0001", DAY), "A0001", "bank_account", [bank_account("0001")], [bank_account("0077")],
    ),
    "route": (RouteChange(on=DAY, account_no="A0001", route="R7"), "A0001", "route", ["R1"], ["R7"]),
    "email": (to_email(), "A0001", "email", ["klient0001@example.com"], ["nowy@example.com"]),
    "email_state": (
        to_email(confirmation_kind=None, confirmed_at=None), "A0001", "email_state", ["confirmed"], ["unconfirmed"],
    ),
    "meter": (exchange("0001", DAY, removal=14), "A0001", "meter_nos", [["M0001"]], [["N0001"]]),
    "contract_close": (close("C0001", DAY, index("M0001", 14)), "A0001", "contract_no", ["C0001"], []),
    "payer, former": (to_payer("0001", DAY, index("M0001", 14)), "A0001", "payer_no", ["P0001"], []),
    "payer, new": (to_payer("0001", DAY, index("M0001", 14)), "A99", "payer_no", [], [NEWCOMER]),
    "payer, nabywca": (to_payer("0001", DAY, index("M0001", 14)), "A99", "nabywca_no", [], [NEWCOMER]),
    "payer, contract": (to_payer("0001", DAY, index("M0001", 14)), "A99", "contract_no", [], ["A99/1"]),
    "payer, route": (to_payer("0001", DAY, index("M0001", 14)), "A99", "route", [], ["R1"]),
    "payer, paper": (to_payer("0002", DAY, index("M0002", 24)), "A99", "channel", [], ["paper"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_change_holds_from_its_day_on_and_is_known_from_its_decision_on(town, name) -> None:
    order, account_no, field, before, after = KINDS[name]
    counts, told_at = row_counts(town), moment_of(town)

    change(town, order)

    if account_no == "A0001":
        assert seen(town, account_no, field, EARLIER) == before
        assert seen(town, account_no, field, DAY, known_at=told_at) == before
    else:
        assert seen(town, account_no, field, EARLIER) == []
        assert seen(town, account_no, field, DAY, known_at=told_at) == []
    assert seen(town, account_no, field, DAY) == seen(town, account_no, field, LATER) == after
    assert seen(town, account_no, field, DAY, known_at=moment_of(town)) == after
    assert all(count >= counts[table] for table, count in row_counts(town).items())


def test_a_closed_contract_was_open_as_far_as_was_known_then(town) -> None:
    told_at = moment_of(town)
    change(town, close("C0001", DAY, index("M0001", 14)))

    assert seen(town, "A0001", "contract_until", EARLIER) == [DAY]
    assert seen(town, "A0001", "contract_until", LATER, known_at=told_at) == [None]


def test_a_contract_is_opened_on_an_account_that_is_there_or_made_for_its_payer(town) -> None:
    change(town, close("C0001", DAY, index("M0001", 14)))
    told_at = moment_of(town)
    change(town, open_contract("A0002", "PP0001", DAY, contract_no="U/7", services=("water",)))
    change(town, close("C0003", DAY, index("M0003", 34)))
    made = open_contract("A99", "PP0003", date(2026, 8, 12), index("M0003", 35), party_no=NEWCOMER, route="R9")
    change(town, dataclasses.replace(made, bank_account=bank_account("0099")))

    assert seen(town, "A0002", "contract_no", DAY) == ["U/7", "C0002"]
    assert seen(town, "A0002", "services", DAY) == [["water"], ["sewage", "water"]]
    assert (
        seen(town, "A0002", "contract_no", DAY, known_at=told_at)
        == seen(town, "A0002", "contract_no", EARLIER)
        == ["C0002"]
    )
    assert seen(town, "A99", "route", DAY) == []
    assert seen(town, "A99", "contract_no", date(2026, 8, 12)) == ["A99/1"]
    assert seen(town, "A99", "nabywca_name", date(2026, 8, 12)) == ["Nowy Nabywca"]


def test_an_acceptance_sets_channel_and_address_and_a_withdrawal_ends_the_channel(town) -> None:
    change(town, accept())
    withdrawn = ask(town, withdraw())

    assert seen(town, "A0001", "channel", EARLIER) == ["paper"]
    assert seen(town, "A0001", "channel", DAY) == ["email"]
    assert seen(town, "A0001", "email", DAY) == ["nowy0001@example.com"]
    assert withdrawn["state"] == "applied"
    assert seen(town, "A0002", "channel", EARLIER) == ["email"]
    assert seen(town, "A0002", "channel", DAY) == ["paper"]


def test_roles_without_an_invoice_come_and_go(town) -> None:
    roles = RoleChange(on=DAY, account_no="A0001", role="odbiorca", party_no=NEWCOMER)
    assert ask(town, roles)["state"] == "applied"
    assert ask(town, dataclasses.replace(roles, on=LATER, party_no=None))["state"] == "applied"

    told = [fact for fact in views.history(town, account_no="A0001") if fact["subject"] == "A0001 odbiorca"]
    assert [(fact["valid_from"], fact["valid_until"], fact["what"]) for fact in told] == [
        (DAY, LATER, {"party": NEWCOMER})
    ]


def test_what_is_replaced_before_it_ever_held_is_still_known_as_it_was_told(town) -> None:
    change(town, to_bank_account("0001", LATER, bank_account("0088")))
    told_at = moment_of(town)
    change(town, to_bank_account("0001", LATER, bank_account("0077")))

    assert seen(town, "A0001", "bank_account", LATER) == [bank_account("0077")]
    assert seen(town, "A0001", "bank_account", LATER, known_at=told_at) == [bank_account("0088")]
    assert seen(town, "A0001", "bank_account", EARLIER) == [bank_account("0001")]
    told = [fact for fact in views.history(town, account_no="A0001") if fact["topic"] == "account"]
    never = [fact for fact in told if fact["valid_from"] == fact["valid_until"]]
    assert [fact["what"]["bank_account"] for fact in never] == [bank_account("0088")]


def test_an_address_alone_needs_one_person_and_a_name_two(town) -> None:
    assert ask(town, particulars(street="ul. Polna 3"))["state"] == "applied"
    assert ask(town, particulars(on=LATER, name="Józefa Żółć"))["state"] == "pending"
    assert ask(town, particulars(on=LATER, nip="5260250274"))["state"] == "pending"


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────
REFUSED: dict[str, tuple[Callable[[], Order], str]] = {
    "unknown account": (lambda: to_bank_account("9999", DAY), "R108"),
    "unknown party": (lambda: to_payer("0001", DAY, index("M0001", 14), party_no="P404"), "R109"),
    "unknown point": (lambda: exchange("0404", DAY, removal=14), "R110"),
    "unknown point of an account": (lambda: to_payer("0001", DAY, point_nos=("PP0002",)), "NO_CONTRACT"),
    "unknown contract": (lambda: close("C404", DAY), "CONTRACT_UNKNOWN"),
    "unknown class": (lambda: to_group("0001", DAY, "palace"), "CLASS_UNKNOWN"),
    "unknown meter": (lambda: exchange("0001", DAY, removal=14, replaces_meter_no="M0002"), "R111"),
    "wrong NRB": (lambda: to_bank_account("0001", DAY, "12" * 13), "R104"),
    "wrong postcode": (lambda: particulars(postcode="00001"), "R105"),
    "wrong NIP": (lambda: particulars(nip="5260250275"), "R103"),
    "wrong e-mail": (lambda: to_email(email="nowy@example"), "R113"),
    "e-mail of another payer": (lambda: to_email(email="klient0003@example.com"), "C203"),
    "e-mail confirmed by nobody": (lambda: to_email(confirmed_at=None), "R114"),
    "empty name": (lambda: particulars(name=" "), "R101"),
    "number that is none": (lambda: close("a b", DAY), "R101"),
    "nothing to change": (particulars, "NO_CHANGE"),
    "the same name": (lambda: particulars(name=name_of("0001")), "NO_CHANGE"),
    "the same class": (lambda: to_group("0001", DAY, "household"), "NO_CHANGE"),
    "the bank account of another": (lambda: to_bank_account("0001", DAY, bank_account("0002")), "R118"),
    "the same bank account": (lambda: to_bank_account("0001", DAY, bank_account("0001")), "NO_CHANGE"),
    "the same payer": (lambda: to_payer("0001", DAY, party_no="P0001"), "NO_CHANGE"),
    "the same channel": (lambda: accept("0002", email="klient0002@example.com"), "NO_CHANGE"),
    "no such role": (lambda: RoleChange(on=DAY, account_no="A0001", role="odbiorca", party_no=None), "NO_CHANGE"),
    "an invoiced role": (lambda: RoleChange(on=DAY, account_no="A0001", role="payer", party_no=NEWCOMER), "R102"),
    "far away": (lambda: to_bank_account("0001", date(2028, 1, 1)), "EFFECTIVE_FAR"),
    "before the contract": (lambda: close("C0001", date(2026, 5, 31), index("M0001", 10)), "CHANGE_OVERLAPS"),
    "a point with a contract": (lambda: open_contract("A0002", "PP0001", DAY), "CHANGE_OVERLAPS"),
    "a party that is there": (lambda: newcomer("P0001"), "NUMBER_TAKEN"),
    "another's account": (lambda: to_payer("0001", DAY, READ, new_account_no="A0002"), "ACCOUNT_OF_OTHERS"),
    "a new account without a bank": (lambda: to_payer("0001", DAY, READ, bank_account=None), "R118"),
    "no handover reading": (lambda: to_payer("0001", DAY), "READING_NEEDED"),
    "no closing reading": (lambda: close("C0001", DAY), "READING_NEEDED"),
    "no removal index": (lambda: exchange("0001", DAY, removal=14, removal_index_m3=None), "READING_NEEDED"),
    "a reading of a day to come": (lambda: close("C0001", LATER, index("M0001", 14)), "E106"),
    "a reading below the last": (lambda: close("C0001", DAY, index("M0001", 9)), "V05"),
    "a removal below the last": (lambda: exchange("0001", DAY, removal=9), "V05"),
    "a reading beyond the dials": (lambda: close("C0001", DAY, index("M0001", 100000)), "R115"),
    "an opening beyond the dials": (lambda: exchange("0001", DAY, removal=14, opening=100000), "R115"),
    "a meter that hangs elsewhere": (lambda: exchange("0001", DAY, removal=14, meter_no="M0002"), "R112"),
    "a reading of another's meter": (lambda: close("C0001", DAY, index("M0001", 14), index("M0002", 24)), "E102"),
    "two readings of one meter": (lambda: close("C0001", DAY, index("M0001", 14), index("M0001", 15)), "R107"),
    "a signer who is another": (lambda: accept(signer_name="Kto Inny"), "C202"),
    "terms that there are none of": (lambda: accept(terms_label="9.9"), "C105"),
    "an acceptance without terms": (lambda: accept(terms_label=None), "C106"),
}  # fmt: skip


def test_what_cannot_be_is_refused_by_its_code_and_leaves_nothing_behind(town) -> None:
    before, answers = row_counts(town), {}
    for name, (order, _) in REFUSED.items():
        with pytest.raises(OperatorError) as refusal:
            ask(town, order())
        answers[name] = refusal.value.code
        assert "\n" not in str(refusal.value), name

    assert answers == {name: code for name, (_, code) in REFUSED.items()}
    assert row_counts(town) == before


def test_a_reason_is_needed(town) -> None:
    from pipeline.changes import propose  # noqa: PLC0415

    with pytest.raises(OperatorError, match="NOTE_MISSING"):
        propose.run(town, order=to_group("0001", DAY), reason=" ")


# ── the second person ────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "order",
    [
        to_payer("0001", DAY, index("M0001", 14)),
        to_group("0001", DAY),
        to_bank_account("0001", DAY),
        to_email(),
        accept(),
        particulars(kind="organisation"),
    ],
    ids=lambda order: type(order).__name__,
)
def test_one_person_alone_changes_nothing_that_needs_two(town, order) -> None:
    before = views.history(town, account_no="A0001")
    asked = ask(town, order)["change_id"]
    nobody = dataclasses.replace(town, actor=Actor(name="passer-by", via="cli"))

    for person, code in ((town, "SELF_APPROVAL"), (nobody, "NOT_AN_APPROVER")):
        with pytest.raises(OperatorError) as refusal:
            decide.run(person, change_id=asked, decision="applied", note="yes")
        assert refusal.value.code == code
    assert views.history(town, account_no="A0001") == before

    decide.run(approver(town), change_id=asked, decision="applied", note="yes")
    with pytest.raises(OperatorError) as refusal:
        decide.run(approver(town), change_id=asked, decision="refused", note="no")
    assert refusal.value.code == "CHANGE_DECIDED"
    assert views.history(town, account_no="A0001") != before


def test_a_refused_change_leaves_no_fact_and_who_asked_may_take_it_back(town) -> None:
    before = views.history(town, account_no="A0001")
    first, second = (ask(town, to_group("0001", DAY))["change_id"] for _ in range(2))

    decide.run(approver(town), change_id=first, decision="refused", note="no")
    decide.run(town, change_id=second, decision="refused", note="a slip of the pen")

    assert views.history(town, account_no="A0001") == before
    assert [row["state"] for row in views.list_changes(town, account_no="A0001")] == ["refused", "refused"]
    assert views.list_changes(town, pending=True) == []


def test_what_was_possible_when_it_was_asked_may_fail_later_and_then_still_waits(town) -> None:
    asked = ask(town, to_group("0001", DAY))["change_id"]
    ask(town, close("C0001", date(2026, 8, 5), index("M0001", 13)))

    with pytest.raises(OperatorError) as refusal:
        decide.run(approver(town), change_id=asked, decision="applied", note="yes")

    assert refusal.value.code == "NO_CONTRACT"
    assert [row["change_id"] for row in views.list_changes(town, pending=True)] == [asked]
    assert views.show(town, change_id=asked).refusal.startswith("NO_CONTRACT: ")


def test_a_change_is_shown_before_and_after_whether_it_waits_or_not(town) -> None:
    asked = ask(town, to_payer("0001", DAY, index("M0001", 14)))["change_id"]
    counts = row_counts(town)

    waiting = views.show(town, change_id=asked)
    assert row_counts(town) == counts
    decide.run(approver(town), change_id=asked, decision="applied", note="yes")
    done = views.show(town, change_id=asked)

    assert (waiting.change["state"], done.change["state"]) == ("pending", "applied")
    assert waiting.differences == done.differences
    told = {(one.topic, one.subject, one.field): (one.before, one.after) for one in done.differences}
    assert told["contract", "C0001", "until"] == (None, "2026-08-10")
    assert told["contract", "A99/1", "point"] == (None, "PP0001")
    assert told["reading", "M0001", "index_m3"] == (None, 14)


def test_history_says_by_whom_and_by_what_a_fact_began_and_ended(town) -> None:
    asked = change(town, to_group("0001", DAY))

    terms = [fact for fact in views.history(town, account_no="A0001") if fact["topic"] == "terms"]

    assert [(fact["what"]["class"], fact["valid_from"], fact["valid_until"]) for fact in terms] == [
        ("household", None, DAY),
        ("business", DAY, None),
    ]
    old, new = terms
    assert (old["file_name"], old["change_id"], old["recorded_by"]) == ("contracts.csv", None, "operator")
    assert (old["ended_by"], old["ended_change_id"]) == ("approver", asked)
    assert (new["file_name"], new["change_id"], new["recorded_by"]) == (None, asked, "approver")


def test_the_evidence_names_numbers_and_never_people(town) -> None:
    change(town, to_email())
    change(town, particulars(name="Józefa Żółć"))

    with town.engine.connect() as connection:
        bodies = connection.execute(
            text("select kind, body from evidence where subject like 'change:%' order by seq")
        ).all()

    kinds = [row.kind for row in bodies]
    assert kinds == ["change_proposed", "change_applied"] * 3
    assert all(word not in row.body for row in bodies for word in ("@", "Żółć", "Nabywca", "ul. "))
    assert '"account_no":"A0001"' in bodies[-3].body


# ── two people at the same time ──────────────────────────────────────────────────────────────────────────────────
def test_of_two_who_ask_at_the_same_time_one_is_refused(town) -> None:
    change(town, newcomer("P98", on=DAY))
    wishes = [
        close("C0001", DAY, index("M0001", 14)),
        close("C0001", date(2026, 8, 11), index("M0001", 15)),
    ]
    start, answers = threading.Barrier(len(wishes)), []

    def wish(order: Order) -> None:
        start.wait()
        try:
            answers.append(ask(town, order)["state"])
        except OperatorError as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=wish, args=(order,)) for order in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["CHANGE_OVERLAPS", "applied"]


def test_a_change_is_decided_once_even_by_two_at_the_same_time(town) -> None:
    asked = ask(town, to_payer("0001", DAY, index("M0001", 14)))["change_id"]
    start, answers = threading.Barrier(2), []

    def decide_it() -> None:
        start.wait()
        try:
            answers.append(decide.run(approver(town), change_id=asked, decision="applied", note="yes")["state"])
        except OperatorError as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=decide_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["CHANGE_DECIDED", "applied"]
    assert seen(town, "A99", "payer_no", DAY) == [NEWCOMER]


def test_litres_of_an_index_are_kept_to_three_places(town) -> None:
    change(town, close("C0001", DAY, index("M0001", "14.999")))

    with town.engine.connect() as connection:
        kept = connection.execute(text("select index_m3 from reading where change_id is not null")).scalar_one()
    assert kept == Decimal("14.999")
