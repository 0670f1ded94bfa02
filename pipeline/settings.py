"""Settings: read once from the environment at the edge, passed on as a value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError

PROJECT = Path(__file__).resolve().parent.parent
RETAIN_YEARS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where an installation keeps its things and whom it talks to.

    ``database_url`` None means the embedded PostgreSQL under ``home``; ``smtp_url`` None means the local
    mailbox server under ``home``. Both are started by the project itself when nothing else runs.
    ``relay_mailbox`` is the Maildir that the relay writes, where whatever it took can be looked up; None when there is
    no such evidence. ``unknown_grace_s`` seconds after an attempt, a message that is not there was not taken.
    ``seal`` is a PEM file with a key and its certificate, which sign documents; None: they are not signed.
    ``archive_endpoint`` is the S3 server of an ``s3://`` archive, None for Amazon's; documents are locked there to the
    end of ``archive_retain_years`` calendar years after the year of their issue, None leaves that to the bucket's rule.
    """

    home: Path
    utility: Path
    inbox: Path
    database_url: str | None
    database_owner_url: str | None
    smtp_url: str | None
    relay_mailbox: Path | None
    unknown_grace_s: float
    archive_url: str
    archive_endpoint: str | None
    archive_retain_years: int | None
    airflow_url: str | None
    seal: Path | None = None

    @property
    def mailbox(self) -> Path:
        """Maildir of the local mailbox server."""
        return self.home / "mailbox"

    @property
    def exports(self) -> Path:
        """Folder for what people take away: print packages, reports, drafts."""
        return self.home / "exports"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from ``OBIEG_*`` variables; every one has a default that works on a bare machine.

    Raises:
        OperatorError: ``SETTING_WRONG``.
    """
    home = Path(environ.get("OBIEG_HOME", PROJECT / "var")).resolve()
    smtp_url = environ.get("OBIEG_SMTP_URL")
    mailbox = environ.get("OBIEG_RELAY_MAILBOX", None if smtp_url else str(home / "mailbox"))
    return Settings(
        home=home,
        utility=Path(environ.get("OBIEG_UTILITY", PROJECT / "utilities" / "demo")).resolve(),
        inbox=Path(environ.get("OBIEG_INBOX", home / "inbox")).resolve(),
        database_url=environ.get("OBIEG_DATABASE_URL"),
        database_owner_url=environ.get("OBIEG_DATABASE_OWNER_URL"),
        smtp_url=smtp_url,
        relay_mailbox=Path(mailbox).resolve() if mailbox else None,
        unknown_grace_s=_seconds(environ, "OBIEG_UNKNOWN_GRACE_S", default="60"),
        archive_url=environ.get("OBIEG_ARCHIVE_URL", f"file://{home / 'archive'}"),
        archive_endpoint=environ.get("OBIEG_ARCHIVE_ENDPOINT") or None,
        archive_retain_years=_years(environ, "OBIEG_ARCHIVE_RETAIN_YEARS"),
        airflow_url=environ.get("OBIEG_AIRFLOW_URL"),
        seal=Path(environ["OBIEG_SEAL"]).resolve() if environ.get("OBIEG_SEAL") else None,
    )


def _seconds(environ: Mapping[str, str], name: str, *, default: str) -> float:
    try:
        return float(environ.get(name, default))
    except ValueError:
        raise OperatorError("SETTING_WRONG", f"{name} must be a number of seconds") from None


def _years(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= RETAIN_YEARS_MAX:
        raise OperatorError("SETTING_WRONG", f"{name} must be a whole number of years, 1 to {RETAIN_YEARS_MAX}")
    return int(text)
