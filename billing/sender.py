"""``[mail]`` of ``utility.toml``: from whom e-invoices come, and by which key they are signed."""

from dataclasses import dataclass

from billing.toml_fields import Fields

UNKNOWN = "unknown"
"""How a value is written that nobody knows yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """From whom e-invoices come; Message-IDs are made in ``message_id_domain``.

    ``dkim_selector`` and ``dkim_domain`` name the public key in DNS with which receivers check the signature
    (RFC 6376 par. 3.6.2); None when the utility has not named them.
    """

    sender_name: str
    sender_address: str
    reply_to: str
    message_id_domain: str
    dkim_selector: str | None = None
    dkim_domain: str | None = None


def read_mail(fields: Fields) -> Mail:
    """The table ``[mail]``; an unknown key is one that is not named: mail leaves without it."""
    fields.known("sender_name", "sender_address", "reply_to", "message_id_domain", "dkim_selector", "dkim_domain")
    return Mail(
        sender_name=fields.text("sender_name"),
        sender_address=fields.text("sender_address"),
        reply_to=fields.text("reply_to"),
        message_id_domain=fields.text("message_id_domain"),
        dkim_selector=_named(fields, "dkim_selector"),
        dkim_domain=_named(fields, "dkim_domain"),
    )


def _named(fields: Fields, name: str) -> str | None:
    value = fields.text(name, default=UNKNOWN)
    return None if value == UNKNOWN else value


def aligned(one: str, other: str) -> bool:
    """Whether two domains are one, or one lies within the other: what DMARC asks for when it is relaxed (RFC 7489).

    The list of public suffixes is not consulted, so that siblings under one firm's domain do not count as aligned.
    """
    longer, shorter = sorted((one.lower(), other.lower()), key=len, reverse=True)
    return longer == shorter or longer.endswith(f".{shorter}")
