"""E-mail addresses as SMTP can carry them."""

import re

from delivery.errors import NotSendable

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LOCAL_LENGTH = 64
_ADDRESS_LENGTH = 254


def smtp_address(address: str) -> str:
    """``address`` in ASCII: the domain in its IDNA form (``żółw.pl`` is ``xn--w-uga1v8h.pl``), the rest unchanged.

    Raises:
        NotSendable: ``ADDRESS_NOT_ASCII`` for letters outside ASCII before the ``@`` (they need SMTPUTF8 at every
            relay on the way), ``ADDRESS_INVALID`` for anything else that is not a plain ``name@domain.tld``.
    """
    local, at, domain = address.rpartition("@")
    if at and not local.isascii():
        raise NotSendable("ADDRESS_NOT_ASCII", f"{address!r} has letters before the @ that mail cannot carry")
    ascii_domain = _ascii_domain(domain)
    result = f"{local}@{ascii_domain}"
    if (
        not _LOCAL.fullmatch(local)
        or ascii_domain is None
        or len(local) > _LOCAL_LENGTH
        or len(result) > _ADDRESS_LENGTH
    ):
        raise NotSendable("ADDRESS_INVALID", f"{address!r} is not an e-mail address")
    return result


def _ascii_domain(domain: str) -> str | None:
    """The domain as DNS knows it; None if it is none, or if encoding would lead to another domain (ß, ligatures)."""
    try:
        encoded = domain.encode("idna").decode("ascii")
        unchanged = domain.isascii() or encoded.encode("ascii").decode("idna").lower() == domain.lower()
    except UnicodeError:
        return None
    labels = encoded.split(".")
    plausible = len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
    return encoded if unchanged and plausible and not labels[-1].isdigit() else None
