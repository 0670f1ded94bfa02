"""Names and addresses that no font of ours prints are found before a number is spent on them."""

from billing.accounts import AccountSnapshot
from billing.charges import Hold
from billing.holds import HoldCode
from pdf.typeface import Unprintable, clean, load_fonts, require_printable


def unprintable(account: AccountSnapshot) -> Hold | None:
    """A hold for an account whose names or addresses cannot be printed faithfully; better now than with a number."""
    addresses = [party.address for party in account.parties.values()] + [point.address for point in account.points]
    texts = [party.name for party in account.parties.values()]
    texts += [point.gmina for point in account.points if point.gmina]
    texts += [text for address in addresses for text in (address.street, address.postcode, address.city)]
    joined = " ".join(dict.fromkeys(texts))  # who pays is mostly who buys
    if load_fonts().issuperset(joined):
        return None
    try:
        require_printable(clean(joined))
    except Unprintable as refusal:
        facts = {"reason": str(refusal)}
        return Hold(account_no=account.account_no, code=HoldCode.UNPRINTABLE, facts=facts)
    return None
