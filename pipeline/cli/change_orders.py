"""Orders for changes as they are typed: the arguments of each kind, and the order that they make."""

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from billing.accounts import PartyKind
from billing.change_rules import CONFIRMATIONS, REMOVAL_QUALITIES, ROLES
from billing.changes import (
    BankAccountChange,
    ChannelChange,
    ContractClose,
    ContractOpen,
    EmailChange,
    GivenReading,
    GroupChange,
    MeterExchange,
    NewParty,
    Order,
    PartyChange,
    PayerChange,
    RoleChange,
    RouteChange,
)
from billing.consents import ConsentMethod
from pipeline.cli.commands import day
from pipeline.work import WARSAW

Build = Callable[[Namespace], Order]


def moment(text: str) -> datetime:
    """A time as it is typed, Polish time unless it says otherwise."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write YYYY-MM-DDTHH:MM") from None
    return read if read.tzinfo else read.replace(tzinfo=WARSAW)


def _index(text: str) -> Decimal:
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text!r} is no index in m³") from None


def _reading(text: str) -> GivenReading:
    meter, found, index_m3 = text.rpartition("=")
    meter_no, _, register = meter.partition(":")
    if not found or not (register or "0").isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no reading; write METER=INDEX, or METER:REGISTER=INDEX")
    return GivenReading(meter_no=meter_no, register=int(register or 0), index_m3=_index(index_m3))


def _bank_account(text: str) -> str:
    return text.replace(" ", "").removeprefix("PL")


def _nip(text: str) -> str:
    return text.replace("-", "").replace(" ", "")


def _readings(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--reading", dest="readings", type=_reading, action="append", default=[], metavar="METER=INDEX",
        help="index of that day, once for each meter; not needed where one of that day or the day before is there",
    )  # fmt: skip
    _confirmed(parser)


def _confirmed(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--confirm-reading", dest="confirmed_meters", action="append", default=[], metavar="METER",
        help="the index of this meter is right although the checks doubt it (READING_DOUBTED); once for each meter",
    )  # fmt: skip


def _new_account(parser: ArgumentParser) -> None:
    parser.add_argument("--bank-account", type=_bank_account, metavar="NRB", help="for a new account")
    parser.add_argument("--route", help="for a new account")


def _particulars(parser: ArgumentParser, *, required: bool) -> None:
    parser.add_argument("party_no", metavar="PARTY")
    parser.add_argument("--kind", choices=[kind.value for kind in PartyKind], required=required)
    parser.add_argument("--nip", type=_nip, help="only when it is used for the contract; '' takes it away")
    for name in ("name", "street", "postcode", "city"):
        parser.add_argument(f"--{name}", required=required)


def _account(parser: ArgumentParser) -> None:
    parser.add_argument("account_no", metavar="ACCOUNT")


def _role_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    parser.add_argument("--role", choices=ROLES, required=True)
    party = parser.add_mutually_exclusive_group(required=True)
    party.add_argument("--party", dest="party_no", metavar="PARTY")
    party.add_argument("--nobody", action="store_true", help="there is none any more")


def _payer_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    parser.add_argument("--party", dest="party_no", required=True, metavar="PARTY", help="who pays from then on")
    parser.add_argument("--new-account", dest="new_account_no", required=True, metavar="ACCOUNT", help="his account")
    parser.add_argument("--point", dest="point_nos", action="append", default=[], help="once for each (default: all)")
    _new_account(parser)
    _readings(parser)


def _channel_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    event = parser.add_mutually_exclusive_group(required=True)
    for name in ("accept", "withdraw"):
        event.add_argument(f"--{name}", dest="event", action="store_const", const=name)
    parser.add_argument("--method", choices=[method.value for method in ConsentMethod], required=True)
    parser.add_argument("--occurred-at", type=moment, required=True, metavar="TIME", help="signature or click")
    parser.add_argument("--received-at", type=moment, required=True, metavar="TIME", help="arrival at the utility")
    parser.add_argument("--terms", dest="terms_label", metavar="LABEL", help="version of the regulamin, to accept")
    parser.add_argument("--email", help="address for the invoices, to accept")
    parser.add_argument("--signer", dest="signer_name", metavar="NAME", help="who signed a form")
    parser.add_argument("--scan-sha256", metavar="SHA256", help="of the scanned form")


def _email_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    parser.add_argument("--email", required=True)
    parser.add_argument(
        "--confirmation",
        dest="confirmation_kind",
        choices=CONFIRMATIONS,
        help="how it was confirmed; without it the address is unconfirmed, and invoices go on paper until it is",
    )
    parser.add_argument("--confirmed-at", type=moment, metavar="TIME")


def _meter_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("point_no", metavar="POINT")
    parser.add_argument("--meter", dest="meter_no", required=True, metavar="METER", help="the new one")
    parser.add_argument("--opening-index", dest="opening_index_m3", type=_index, required=True, metavar="M3")
    parser.add_argument("--dials", type=int, required=True)
    parser.add_argument("--decimals", type=int, required=True, help="that are billed")
    parser.add_argument("--replaces", dest="replaces_meter_no", metavar="METER", help="the one taken away")
    parser.add_argument("--removal-index", dest="removal_index_m3", type=_index, metavar="M3", help="its last index")
    parser.add_argument("--removal-quality", choices=REMOVAL_QUALITIES, default=REMOVAL_QUALITIES[0])
    parser.add_argument("--register", type=int, default=0)
    parser.add_argument("--legalised-until", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--module", dest="module_no")
    _confirmed(parser)


def _close_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("contract_no", metavar="CONTRACT")
    _readings(parser)


def _open_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    parser.add_argument("--point", dest="point_no", required=True)
    parser.add_argument("--class", dest="tariff_class", required=True)
    parser.add_argument("--services", required=True, type=lambda text: tuple(text.split("+")), metavar="water+sewage")
    parser.add_argument("--contract", dest="contract_no", help="its number (default: the account's next)")
    parser.add_argument("--party", dest="party_no", metavar="PARTY", help="payer of a new account")
    _new_account(parser)
    _readings(parser)


def _group_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("contract_no", metavar="CONTRACT")
    parser.add_argument("--class", dest="tariff_class", required=True)


def _bank_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    parser.add_argument("--bank-account", type=_bank_account, required=True, metavar="NRB")


def _route_arguments(parser: ArgumentParser) -> None:
    _account(parser)
    parser.add_argument("--route", required=True)


def _builder(order: type[Any]) -> Build:
    """An order from arguments that bear the names of its fields; lists become tuples."""

    def build(options: Namespace) -> Order:
        values = {name: getattr(options, name) for name in order.__slots__}
        made: Order = order(**{name: tuple(one) if isinstance(one, list) else one for name, one in values.items()})
        return made

    return build


# command: what it says, its arguments, the order that it makes
KINDS: Final[dict[str, tuple[str, Callable[[ArgumentParser], None], Build]]] = {
    "new-party": (
        "a person or organisation that the registry does not have",
        lambda parser: _particulars(parser, required=True),
        _builder(NewParty),
    ),
    "party": (
        "other particulars of a party (name, kind and NIP need a second person)",
        lambda parser: _particulars(parser, required=False),
        _builder(PartyChange),
    ),
    "role": ("another odbiorca or correspondence address", _role_arguments, _builder(RoleChange)),
    "payer": (
        "another payer and nabywca, on an account of his own (second person)",
        _payer_arguments,
        _builder(PayerChange),
    ),
    "group": ("another tariff class of a contract (second person)", _group_arguments, _builder(GroupChange)),
    "bank-account": ("another bank account to pay to (second person)", _bank_arguments, _builder(BankAccountChange)),
    "route": ("another route", _route_arguments, _builder(RouteChange)),
    "channel": ("e-invoices accepted (second person) or given up", _channel_arguments, _builder(ChannelChange)),
    "email": ("another address for e-invoices (second person)", _email_arguments, _builder(EmailChange)),
    "meter": ("a meter exchanged, or a point's first one", _meter_arguments, _builder(MeterExchange)),
    "contract-close": ("the end of a contract", _close_arguments, _builder(ContractClose)),
    "contract-open": ("a new contract for a point (second person)", _open_arguments, _builder(ContractOpen)),
}
