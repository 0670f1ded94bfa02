"""Deterministic MIME: the same parts give the same bytes, in every process, for ever.

Written out by hand since ``email.message`` takes 3 ms for an invoice, draws its boundaries at random and breaks
internationalised domains; the tests read the result back with ``email``.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CRLF = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A PDF to attach; ``filename`` in plain ASCII, since other names arrive broken at some providers."""

    filename: str
    content: bytes

    def __post_init__(self) -> None:
        if not _FILENAME.fullmatch(self.filename):
            raise ValueError(f"not a plain ASCII file name: {self.filename!r}")


def compose(*, headers: list[tuple[str, str]], seed: str, text: str, html: str, attachment: Attachment | None) -> bytes:
    """A message of both texts and the attachment, lines ended by CRLF, none longer than 998 bytes.

    ``seed`` (the delivery's id) decides the boundaries. Header values are ASCII, as the functions below make them.
    """
    boundary = hashlib.sha256(seed.encode()).hexdigest()[:32]
    content_type, body = _alternative(boundary=f"=_alt_{boundary}", text=text, html=html)
    if attachment is not None:
        outer = f"=_mix_{boundary}"
        inner = b"Content-Type: " + content_type + _CRLF * 2 + body
        body = _multipart(outer, [inner, _attached(attachment)])
        content_type = f'multipart/mixed;\r\n boundary="{outer}"'.encode()
    lines = [f"{name}: {value}".encode("ascii") for name, value in headers]
    return _CRLF.join([*lines, b"MIME-Version: 1.0", b"Content-Type: " + content_type, b"", body])


def header_text(*, name: str, text: str) -> str:
    """``text`` for the header ``name``: Polish letters as encoded words (RFC 2047), folded.

    Raises:
        ValueError: a control character, which could start a header of its own.
    """
    _refuse_controls(text)
    return Header(text, None if text.isascii() else "utf-8", header_name=name).encode(linesep="\r\n")


def header_mailbox(*, display_name: str, address: str) -> str:
    """``"display name" <address>``; ``@ : ,`` are dropped from the name: providers take them for forgery."""
    _refuse_controls(display_name + address)
    name = " ".join(re.sub(r'[@:,"\\<>]', " ", display_name).split())
    shown = f'"{name}"' if name.isascii() else Header(name, "utf-8", header_name="From").encode(linesep="\r\n")
    return f"{shown}\r\n <{address}>"


def header_date(moment: datetime) -> str:
    """``moment`` with its own offset.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("the date of a message needs a time zone")
    return format_datetime(moment)


def _refuse_controls(text: str) -> None:
    if _CONTROLS.search(text):
        raise ValueError(f"a control character in a header: {text!r}")


def _alternative(*, boundary: str, text: str, html: str) -> tuple[bytes, bytes]:
    parts = [
        f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
        + _quoted_printable(content)
        for kind, content in (("plain", text), ("html", html))
    ]
    return f'multipart/alternative;\r\n boundary="{boundary}"'.encode(), _multipart(boundary, parts)


def _multipart(boundary: str, parts: list[bytes]) -> bytes:
    mark = f"--{boundary}".encode()
    return b"".join(mark + _CRLF + part + _CRLF for part in parts) + mark + b"--\r\n"


def _quoted_printable(text: str) -> bytes:
    lines = _CRLF.join(line.encode() for line in text.splitlines())
    return binascii.b2a_qp(lines + _CRLF, istext=True)


def _attached(attachment: Attachment) -> bytes:
    head = (
        f'Content-Type: application/pdf; name="{attachment.filename}"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{attachment.filename}"\r\n\r\n'
    )
    return head.encode() + base64.encodebytes(attachment.content).replace(b"\n", _CRLF)
