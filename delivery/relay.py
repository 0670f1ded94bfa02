"""The relay's address as the settings give it."""

from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urlsplit

from billing.errors import DataRefused


class Security(Enum):
    """How the connection is protected; the value is the URL's scheme. STARTTLS never falls back to plain text."""

    PLAIN = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


_PORTS = {Security.PLAIN: 25, Security.STARTTLS: 587, Security.TLS: 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Where mail is handed over."""

    security: Security
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def parse_smtp_url(url: str) -> Relay:
    """The relay of ``smtp://host:port``, ``smtp+starttls://user:password@host:port`` or ``smtps://…``.

    User and password are percent-encoded. The URL is never repeated in an error: it may hold the password.

    Raises:
        DataRefused: ``SMTP_URL``: another form, or a password that would travel unprotected.
    """
    try:
        parts = urlsplit(url)
        security, port = Security(parts.scheme), parts.port
    except ValueError:
        raise _refused("its scheme must be smtp, smtp+starttls or smtps, its port a number") from None
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise _refused("it must be scheme://[user:password@]host[:port]")
    if bool(parts.username) != bool(parts.password):
        raise _refused("user and password come together")
    if parts.username and security is Security.PLAIN:
        raise _refused("a password needs smtp+starttls or smtps")
    return Relay(
        security=security,
        host=parts.hostname,
        port=port or _PORTS[security],
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def _refused(why: str) -> DataRefused:
    return DataRefused("SMTP_URL", f"the relay's URL cannot be used: {why}")
