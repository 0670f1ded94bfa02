"""Commitments: what stands in the evidence for personal data, so that it can be proved later and read by nobody.

A commitment is an HMAC-SHA-256 under a key of the installation (``home/secrets/commitment.key``). Who holds the key
and the e-mail address can show that it is the one; once the key is destroyed, nothing leads back to the address.
"""

import hmac
import os
from pathlib import Path

from pipeline.errors import OperatorError

_KEY_BYTES = 32


def commitment_key(*, home: Path) -> bytes:
    """The installation's key, made at first use; only its owner may read the file.

    Raises:
        OperatorError: ``KEY_UNUSABLE``, the file cannot be written or read; without it no consent is recorded.
    """
    try:
        return _key(home)
    except OSError as error:
        raise OperatorError("KEY_UNUSABLE", f"{error.filename}: {error.strerror}") from None


def _key(home: Path) -> bytes:
    path = home / "secrets" / "commitment.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as output:
            output.write(os.urandom(_KEY_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was quicker, its key counts
        finally:
            draft.unlink()
    return path.read_bytes()


def commit(text: str, *, key: bytes) -> str:
    """The commitment to ``text``, in hex."""
    return hmac.digest(key, text.encode(), "sha256").hex()
