"""Two invoices for one account and cycle, the old system's and ours: equal to the grosz, or differing for one cause.

Each difference gets exactly one cause, the first that fits in the order of ``Cause``. What explains others comes first:
a wrong group explains a wrong price, a split explains other days, other days explain other m³.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from billing.accounts import Service
from billing.charges import Bill, Hold
from billing.holds import HoldCode
from billing.money import GROSZ, ZERO_ZL
from billing.old_invoices import Cause, Difference, Equal, OldInvoice
from billing.parallel_lines import BY_LINES, Item, Key, items_of

ROUNDING_MAX = Decimal("0.02")
"""So much may two totals differ in złoty when only the rounding of VAT or of a line is at work."""
_READING_HOLDS = {
    HoldCode.READING_MISSING,
    HoldCode.READING_NOT_READ,
    HoldCode.READING_SUSPECT,
    HoldCode.EXCHANGE_INCOMPLETE,
}


def compare(old: OldInvoice | None, ours: Bill | Hold | None) -> Equal | Difference | None:
    """What a person has to look at; None when neither side bills. ``ours`` None: we know no such account.

    A hold ``KSEF_ROUTE`` carries our draft, and the draft is compared.
    """
    made = ours.draft if isinstance(ours, Hold) and ours.code is HoldCode.KSEF_ROUTE else ours
    if isinstance(made, Bill):
        return _both(old, made) if old is not None else _alone(made)
    if old is None:
        return None
    if isinstance(made, Hold) and made.code is HoldCode.NOTHING_TO_BILL and old.gross_zl == ZERO_ZL:
        return Equal()
    return _not_billed(old, made)


def _alone(made: Bill) -> Difference:
    facts = {"old": "no invoice", "ours": f"{made.gross_zl} zł"}
    return Difference(cause=Cause.MISSING_THERE, facts=facts, difference_zl=made.gross_zl)


def _not_billed(old: OldInvoice, made: Hold | None) -> Difference:
    theirs = {"old": f"{old.gross_zl} zł"}
    if made is None or made.code is HoldCode.CONTRACT_INACTIVE:
        cause, ours = Cause.MISSING_HERE, "no such account" if made is None else "no contract in the period"
    elif made.code in _READING_HOLDS:
        cause, ours = Cause.MISSING_READING, made.code.value
    else:
        cause, ours = Cause.SPLIT if made.code is HoldCode.PRICE_CHANGE else Cause.HOLD, made.code.value
    facts = (
        theirs | {"ours": ours} | ({} if made is None else {f"our_{name}": text for name, text in made.facts.items()})
    )
    return Difference(cause=cause, facts=facts, difference_zl=-old.gross_zl)


def _both(old: OldInvoice, made: Bill) -> Equal | Difference:
    theirs, ours = items_of(old.lines), items_of(made.lines)
    cause, facts = _cause(old, made, theirs, ours)
    if cause is None:
        return Equal()
    return Difference(cause=cause, facts=facts, difference_zl=made.gross_zl - old.gross_zl)


def _cause(
    old: OldInvoice, made: Bill, theirs: Mapping[Key, Item], ours: Mapping[Key, Item]
) -> tuple[Cause | None, Mapping[str, str]]:
    if old.channel is not made.channel:
        return Cause.GROUP, {"old": f"channel {old.channel}", "ours": f"channel {made.channel}"}
    if _same_money(old, made, theirs, ours):
        return None, {}
    pairs = [(theirs.get(key), ours.get(key)) for key in sorted(theirs.keys() | ours.keys())]
    for cause, told in BY_LINES.items():
        for one, other in pairs:
            facts = told(one, other)
            if facts is not None:
                return cause, facts
    return _by_totals(old, made, pairs)


def _same_money(old: OldInvoice, made: Bill, theirs: Mapping[Key, Item], ours: Mapping[Key, Item]) -> bool:
    totals = (old.net_zl, old.vat_zl, old.gross_zl) == (made.net_zl, made.vat_zl, made.gross_zl)
    return totals and _by_service(theirs) == _by_service(ours)


def _by_service(items: Mapping[Key, Item]) -> dict[Service, Decimal]:
    nets: dict[Service, Decimal] = {}
    for (_, service, _), item in items.items():
        nets[service] = nets.get(service, ZERO_ZL) + item.net_zl
    return {service: net_zl for service, net_zl in nets.items() if net_zl}


def _by_totals(
    old: OldInvoice, made: Bill, pairs: Iterable[tuple[Item | None, Item | None]]
) -> tuple[Cause, Mapping[str, str]]:
    facts = {
        "old": f"net {old.net_zl}, VAT {old.vat_zl}, gross {old.gross_zl}",
        "ours": f"net {made.net_zl}, VAT {made.vat_zl}, gross {made.gross_zl}",
    }
    if old.net_zl == made.net_zl and abs(old.vat_zl - made.vat_zl) > ROUNDING_MAX:
        return Cause.VAT, facts
    by_line = all(
        one is not None and other is not None and abs(one.net_zl - other.net_zl) <= GROSZ * max(one.lines, other.lines)
        for one, other in pairs
    )
    is_lines_sum = old.net_zl == sum((line.net_zl for line in old.lines), ZERO_ZL)
    if abs(old.gross_zl - made.gross_zl) <= ROUNDING_MAX or (by_line and is_lines_sum):
        return Cause.ROUNDING, facts
    return Cause.OTHER, facts
