"""Handing messages to a relay over one kept connection, with a durable intent before the final dot.

``smtplib`` speaks the protocol, but not its ``sendmail``: that reports a connection lost before the dot and after it
by the same exception, and the two are "nothing happened" and "perhaps it was sent".
"""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from delivery.errors import Unreachable
from delivery.relay import Relay, Security
from delivery.replies import Outcome, Stage, State, classify, no_reply

_ACCEPTED = range(200, 300)
_GO_AHEAD = 354
_CLOSING = 421
_QUIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who a message is from and the one recipient it goes to: ASCII addresses (see ``smtp_address``)."""

    sender: str
    recipient: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait for a reply; after the dot RFC 5321 4.5.3.2.6 asks for ten minutes."""

    command_s: float = 60.0
    after_dot_s: float = 600.0


class SmtpChannel:
    """A relay, connected at the first message, again after every 100 messages and when the relay has hung up.

    Not for use by two threads at once.
    """

    def __init__(
        self,
        *,
        relay: Relay,
        ehlo_name: str = "localhost",
        tls: ssl.SSLContext | None = None,
        timeouts: Timeouts | None = None,
        per_connection: int = 100,
    ) -> None:
        """``ehlo_name`` is this host's public name; ``tls`` is for a relay with a private certificate authority."""
        self._relay = relay
        self._ehlo_name = ehlo_name
        self._tls = tls
        self._timeouts = timeouts or Timeouts()
        self._per_connection = per_connection
        self._smtp: smtplib.SMTP | None = None
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def send(self, *, envelope: Envelope, message: bytes, before_dot: Callable[[], None]) -> Outcome:
        """Hand over one message; tell what became of it.

        ``before_dot`` is called at most once, when all but the final dot has left: it must make the intent durable.
        If it was not called, the relay has not taken the message. If it raises, the dot is never sent, the
        connection is cut (a relay discards such a message, RFC 5321 4.1.1.4) and the exception goes on.
        ``unknown`` is only returned after the socket is closed.

        Raises:
            Unreachable: no usable connection (``SMTP_UNREACHABLE``, ``SMTP_REFUSED``, ``SMTP_TLS``, ``SMTP_LOGIN``);
                ``before_dot`` was not called.
            ValueError: ``message`` has a bare CR or LF, or no final line end.
        """
        content = _wire_form(message)
        reused = self._smtp is not None and self._sent < self._per_connection
        refusal = self._offer(envelope, content)
        if refusal is not None and reused and self._smtp is None:
            refusal = self._offer(envelope, content)  # the kept connection had gone stale: once more on a new one
        if refusal is not None:
            return refusal
        with self._cut_on_error():
            before_dot()
            return self._finish()

    def _offer(self, envelope: Envelope, content: bytes) -> Outcome | None:
        """All up to the final dot; the refusal if there was one. The connection is gone if it broke."""
        with self._cut_on_error():
            smtp = self._connected()
            options = [f"SIZE={len(content)}"] if smtp.has_extn("size") else []
            commands: tuple[tuple[Stage, Callable[[], tuple[int, bytes]]], ...] = (
                (Stage.MAIL, lambda: smtp.mail(envelope.sender, options)),
                (Stage.RCPT, lambda: smtp.rcpt(envelope.recipient)),
                (Stage.DATA, lambda: smtp.docmd("DATA")),
            )
            stage = Stage.MAIL
            try:
                for stage, command in commands:
                    code, reply = command()
                    if not (code == _GO_AHEAD if stage is Stage.DATA else code in _ACCEPTED):
                        return self._refused(smtp, classify(stage=stage, code=code, text=_text(reply)))
                stage = Stage.BODY
                _socket(smtp).sendall(content)
            except OSError as error:  # every SMTPException is an OSError too; the dot is not out, so all are harmless
                self._cut()
                return no_reply(stage=stage, text=str(error))
        return None

    def _finish(self) -> Outcome:
        """The dot and its answer. From its first byte on, silence means that nobody knows."""
        smtp = self._connected()
        try:
            _socket(smtp).settimeout(self._timeouts.after_dot_s)
            _socket(smtp).sendall(b".\r\n")
            code, reply = smtp.getreply()
            outcome = classify(stage=Stage.DOT, code=code, text=_text(reply))
            _socket(smtp).settimeout(self._timeouts.command_s)
        except OSError as error:  # a reply line too long to read raises an SMTPException that pretends to be a 500
            self._cut()
            return no_reply(stage=Stage.DOT, text=str(error))
        if outcome.state is State.ACCEPTED:
            self._sent += 1
        elif outcome.state is State.UNKNOWN:
            self._cut()
        else:
            self._refused(smtp, outcome)
        return outcome

    def _refused(self, smtp: smtplib.SMTP, outcome: Outcome) -> Outcome:
        """Leave the connection fit for the next message, or cut it."""
        if outcome.code is None or outcome.code == _CLOSING:
            self._cut()
            return outcome
        try:
            code, _ = smtp.rset()
        except OSError:
            code = -1
        if code not in _ACCEPTED:
            self._cut()
        return outcome

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is not None and self._sent >= self._per_connection:
            self._hang_up()
        if self._smtp is None:
            self._smtp = _connect(
                relay=self._relay, ehlo_name=self._ehlo_name, tls=self._tls, timeout_s=self._timeouts.command_s
            )
            self._sent = 0
        return self._smtp

    @contextlib.contextmanager
    def _cut_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._cut()
            raise

    def _hang_up(self) -> None:
        """Say goodbye; a relay that does not answer is not waited for."""
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                _socket(self._smtp).settimeout(_QUIT_SECONDS)
                self._smtp.quit()
        self._cut()

    def _cut(self) -> None:
        if self._smtp is not None:
            with contextlib.suppress(OSError):
                self._smtp.close()
        self._smtp = None


def _connect(*, relay: Relay, ehlo_name: str, tls: ssl.SSLContext | None, timeout_s: float) -> smtplib.SMTP:
    """A greeted, protected, logged-in connection.

    Raises:
        Unreachable: with the step that failed as its code.
    """
    context = tls or (None if relay.security is Security.PLAIN else ssl.create_default_context())
    smtp: smtplib.SMTP | None = None
    step = "SMTP_UNREACHABLE"
    try:
        smtp = _greeted(relay=relay, ehlo_name=ehlo_name, context=context, timeout_s=timeout_s)
        # Before STARTTLS: with Nagle on, each TLS message waits some 45 ms for a delayed acknowledgement.
        _socket(smtp).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = "SMTP_REFUSED"
        smtp.ehlo_or_helo_if_needed()
        if relay.security is Security.STARTTLS:
            step = "SMTP_TLS"
            smtp.starttls(context=context)
            smtp.ehlo_or_helo_if_needed()
        if relay.user and relay.password:
            step = "SMTP_LOGIN"
            smtp.login(relay.user, relay.password)
    except OSError as error:
        if smtp is not None:
            smtp.close()
        raise Unreachable(_failed_step(error, step), f"{relay.host}:{relay.port}: {_words(error)}") from error
    return smtp


def _greeted(*, relay: Relay, ehlo_name: str, context: ssl.SSLContext | None, timeout_s: float) -> smtplib.SMTP:
    """Connected by the constructor: only that remembers the host, against which the certificate is checked."""
    if relay.security is Security.TLS:
        return smtplib.SMTP_SSL(relay.host, relay.port, local_hostname=ehlo_name, timeout=timeout_s, context=context)
    return smtplib.SMTP(relay.host, relay.port, local_hostname=ehlo_name, timeout=timeout_s)


def _failed_step(error: OSError, step: str) -> str:
    if isinstance(error, ssl.SSLError):
        return "SMTP_TLS"
    return "SMTP_REFUSED" if isinstance(error, smtplib.SMTPConnectError) else step


def _wire_form(message: bytes) -> bytes:
    """The message with leading dots doubled (RFC 5321 4.5.2), without its final dot."""
    lines = message.count(b"\r\n")
    if not message.endswith(b"\r\n") or message.count(b"\n") != lines or message.count(b"\r") != lines:
        raise ValueError("a message must consist of lines ended by CRLF: a bare CR or LF can smuggle a second one")
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _socket(smtp: smtplib.SMTP) -> socket.socket:
    if smtp.sock is None:
        raise smtplib.SMTPServerDisconnected("the connection is closed")
    return smtp.sock


def _text(reply: bytes) -> str:
    return reply.decode("utf-8", "replace")


def _words(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        return f"{error.smtp_code} {_text(reply) if isinstance(reply, bytes) else reply}"
    return str(error)
