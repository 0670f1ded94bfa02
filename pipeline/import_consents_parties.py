"""Whose statement it is: the signer against the registry, the address against the accounts that have it already."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from pipeline.work import warsaw_day
from readings.consents import ConsentRow
from readings.fields import RowRefused
from sql.consents import holders_of_emails, parties_of_accounts

_PAPER_FORM = "paper_form"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Payers and nabywcy by account, and who has the addresses of a file confirmed on the day of its import."""

    by_account: Mapping[str, Sequence[Any]]
    holders: Mapping[str, Sequence[Any]]
    today: date


def parties_of(connection: Connection, rows: Iterable[ConsentRow], *, today: date) -> Parties:
    """What the registry says of the accounts and addresses that the rows name."""
    rows = list(rows)
    by_account, holders = defaultdict(list), defaultdict(list)
    for party in parties_of_accounts(connection, account_nos={row.account_no for row in rows}):
        by_account[party.account_no].append(party)
    emails = {row.email.lower() for row in rows if row.email is not None}
    for holder in holders_of_emails(connection, emails=emails, on_day=today):
        holders[holder.email].append(holder)
    return Parties(by_account=by_account, holders=holders, today=today)


def check_parties(row: ConsentRow, parties: Parties) -> None:
    """Whether the right person speaks, of an address that is not somebody else's.

    Raises:
        RowRefused: ``C202``, ``C203``; a person decides.
    """
    received_on = warsaw_day(row.received_at)
    if row.method == _PAPER_FORM:
        names = {same_name(party.name) for party in _on_day(row, parties, received_on)}
        if same_name(row.signer_name or "") not in names:
            raise RowRefused("C202", f"signer_name, on {received_on}")
    if row.event == "accept" and row.email is not None:
        ours = {party.role: party.party_id for party in _on_day(row, parties, received_on)}
        for holder in parties.holders.get(row.email.lower(), ()):
            theirs = {"payer": holder.payer_id, "nabywca": holder.nabywca_id}
            shared = [role for role, party_id in theirs.items() if party_id is not None and ours.get(role) == party_id]
            if holder.account_no != row.account_no and not shared:
                raise RowRefused("C203", f"email, of account {holder.account_no} on {parties.today}")


def same_name(name: str) -> str:
    """A name as it is compared: composed letters, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).split())


def _on_day(row: ConsentRow, parties: Parties, day: date) -> list[Any]:
    return [
        party
        for party in parties.by_account.get(row.account_no, ())
        if party.valid_from <= day and (party.valid_until is None or day < party.valid_until)
    ]
