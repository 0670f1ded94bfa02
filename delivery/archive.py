"""The archive of documents: written once, never replaced, read back by key; in a folder or in S3."""

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from billing.errors import DataRefused
from delivery.archive_local import LocalArchive
from delivery.archive_s3 import S3Archive, s3_client
from delivery.store import Archive, require_key

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_WORD_LENGTH = 180
"""Of a part of a pack's key that comes from outside: file systems take names of 255 bytes."""


def open_archive(url: str, *, endpoint_url: str | None = None) -> Archive:
    """The archive at ``file:///absolute/folder`` or ``s3://bucket/prefix``, the prefix may be left out.

    The rest of the URL stands as it is, not escaped. ``endpoint_url`` is the server that speaks S3, None for Amazon's.

    Raises:
        DataRefused: ``ARCHIVE_SCHEME`` for another scheme, ``ARCHIVE_URL`` for a path that is not absolute, a name
            that no bucket bears, or a prefix that is no key; ``ARCHIVE_REFUSED`` for settings that boto3 cannot use.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "s3":
        bucket, _, prefix = rest.partition("/")
        return S3Archive(bucket=_bucket(bucket), prefix=_prefix(prefix), client=s3_client(endpoint_url=endpoint_url))
    if scheme != "file":
        raise DataRefused(
            "ARCHIVE_SCHEME", f"unknown kind of archive {scheme!r}; use file:///absolute/folder or s3://bucket/prefix"
        )
    if not rest.startswith("/") or "\0" in rest:
        raise DataRefused("ARCHIVE_URL", f"the archive's folder must be absolute: {url!r}")
    return LocalArchive(root=Path(rest))


def _bucket(name: str) -> str:
    if ":" in name or "@" in name:
        raise DataRefused("ARCHIVE_URL", "keys have no place in s3://bucket/prefix; they are looked for as boto3 does")
    if not _BUCKET.fullmatch(name):
        raise DataRefused("ARCHIVE_URL", f"{name!r} is no name of a bucket")
    return name


def _prefix(text: str) -> str:
    prefix = text.strip("/")
    try:
        return prefix and require_key(prefix)
    except ValueError as error:
        raise DataRefused("ARCHIVE_URL", f"the archive's prefix is {error}") from error


def key_word(text: str) -> str:
    """``text`` as one word of a key: ``FV/2026/11/000001`` becomes ``FV-2026-11-000001``.

    Raises:
        ValueError: nothing is left of it.
    """
    word = re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")
    if not word:
        raise ValueError(f"a name without a letter or digit: {text!r}")
    return word


def pack_folder(*, issue_date: date, run: str) -> str:
    """Where the packs of one run lie: ``faktury/2026/11/paczki/2026-10-ALL-1/``."""
    return f"faktury/{issue_date:%Y/%m}/paczki/{_bounded(key_word(run))}/"


def pack_key(*, folder: str, part: str, invoice_sha256s: Sequence[str]) -> str:
    """The key of the pack that shows these invoices, in this order: known before anything is rendered.

    So a worker that comes after a dead one finds what that one has published.
    """
    digest = hashlib.sha256("\n".join(invoice_sha256s).encode()).hexdigest()
    return f"{folder}{_bounded(key_word(part).lstrip('_'))}-{digest[:16]}.zip"


def _bounded(word: str) -> str:
    if len(word) <= _WORD_LENGTH:
        return word
    digest = hashlib.sha256(word.encode()).hexdigest()
    return f"{word[:_WORD_LENGTH]}-{digest[:16]}"
