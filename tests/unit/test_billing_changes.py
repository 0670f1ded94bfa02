"""Orders for changes: written down and read back whole, and every code of a refusal explained where people look."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from changing import close, exchange, index, newcomer, open_contract, to_bank_account, to_group, to_payer

from billing.canonical import from_json, seal
from billing.change_rules import fault, needs_second_person
from billing.changes import KINDS, ChannelChange, EmailChange, Order, PartyChange, RoleChange, RouteChange, kind_of

PROJECT = Path(__file__).parents[2]
DAY = date(2026, 8, 10)
MOMENT = datetime(2026, 8, 9, 9, 0, tzinfo=UTC)
ORDERS: dict[str, tuple[Order, bool]] = {
    "new_party": (newcomer(), False),
    "party": (
        PartyChange(on=DAY, party_no="P1", kind=None, name="X", nip="", street=None, postcode=None, city=None),
        True,
    ),
    "role": (RoleChange(on=DAY, account_no="A1", role="odbiorca", party_no=None), False),
    "payer": (to_payer("1", DAY, index("M1", "14.5"), point_nos=("PP1", "PP2")), True),
    "group": (to_group("1", DAY), True),
    "bank_account": (to_bank_account("0001", DAY), True),
    "route": (RouteChange(on=DAY, account_no="A1", route="R2"), False),
    "channel": (
        ChannelChange(
            on=DAY,
            account_no="A1",
            event="accept",
            method="paper_form",
            occurred_at=MOMENT,
            received_at=MOMENT,
            terms_label="1.0",
            email="a@example.com",
            signer_name="Józef Żółć",
            scan_sha256=None,
        ),
        True,
    ),
    "email": (
        EmailChange(on=DAY, account_no="A1", email="a@example.com", confirmation_kind="click", confirmed_at=MOMENT),
        True,
    ),
    "meter": (exchange("1", DAY, removal=14), False),
    "contract_close": (close("C1", DAY, index("M1", 14)), False),
    "contract_open": (open_contract("A1", "PP1", DAY), True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_is_read_back_as_it_was_written_down(kind) -> None:
    order, two_people = ORDERS[kind]

    assert from_json(KINDS[kind], seal(order).text) == order
    assert (kind_of(order), needs_second_person(order)) == (kind, two_people)
    assert fault(order, today=DAY) is None


@pytest.mark.parametrize("index_m3", ["-1", "NaN", "Infinity", "1.0001", "1e30"])
def test_an_index_is_a_number_of_litres_at_most(index_m3) -> None:
    wrong = fault(close("C1", DAY, index("M1", Decimal(index_m3))), today=DAY)

    assert wrong is not None
    assert wrong.code == "R107"


def test_every_code_of_a_refusal_is_explained() -> None:
    sources = [*(PROJECT / "pipeline" / "changes").glob("*.py"), PROJECT / "billing" / "change_rules.py"]
    code = r'"((?:[A-Z]+_[A-Z_]+)|[CERV]\d+)"'
    used = {one for path in sources for one in re.findall(code, path.read_text(encoding="utf-8"))}
    runbook, files = (
        (PROJECT / "docs" / name).read_text(encoding="utf-8") for name in ("runbook/changes.md", "import.md")
    )

    unexplained = {one for one in used if f"`{one}`" not in runbook + files}
    assert len(used) > 20
    assert unexplained == set()
