"""The last look before a document leaves: the right document, whole, to the account that it belongs to."""

import hashlib

from delivery.errors import NotSendable

_PDF = b"%PDF-"


def check_attachment(*, content: bytes, expected_sha256: str, invoice_account: str, address_account: str) -> None:
    """Refuse a message whose attachment or recipient is not the invoice's own. Call before any connection.

    Raises:
        NotSendable: ``WRONG_RECIPIENT`` (the address belongs to another account than the invoice),
            ``NO_ATTACHMENT``, ``NOT_PDF``, ``WRONG_ATTACHMENT`` (other bytes than those that were archived).
    """
    if not invoice_account or invoice_account != address_account:
        raise NotSendable(
            "WRONG_RECIPIENT", f"the invoice is of account {invoice_account!r}, the address of {address_account!r}"
        )
    if not content:
        raise NotSendable("NO_ATTACHMENT", f"the invoice of account {invoice_account!r} has no document to send")
    if not content.startswith(_PDF):
        raise NotSendable("NOT_PDF", f"the document of account {invoice_account!r} is not a PDF")
    found = hashlib.sha256(content).hexdigest()
    if found != expected_sha256:
        raise NotSendable("WRONG_ATTACHMENT", f"the document has hash {found}, the invoice's is {expected_sha256}")


def check_agreement(*, agreed: bool) -> None:
    """Refuse an e-mail to an address that is the account's own, but no longer the agreed and confirmed one.

    Raises:
        NotSendable: ``AGREEMENT_ENDED``: withdrawn, replaced by another address, dead, or another customer's now.
    """
    if not agreed:
        raise NotSendable("AGREEMENT_ENDED", "e-mail to this address is not what is agreed with the customer today")
