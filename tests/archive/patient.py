"""A put as the steps make it: tried again while the store says that trying later may help."""

from billing.errors import Retryable
from delivery.store import Archive, Stored

_TRIES = 50


def put_patiently(archive: Archive, *, key: str, content: bytes) -> Stored:
    """What the store answers in the end; the last refusal is the caller's."""
    for _ in range(_TRIES):
        try:
            return archive.put_once(key=key, content=content)
        except Retryable:
            continue
    return archive.put_once(key=key, content=content)
