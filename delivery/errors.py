"""What the carriers refuse, with stable codes; the two kinds of the outside world are in ``billing.errors``."""

from billing.errors import Retryable, Undeliverable


class _Coded(Exception):  # noqa: N818 - the names below say what to do, as the steps read them
    """An exception with a stable ``code``; both arguments stay in ``args``, so that it survives pickling."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return ": ".join(self.args)


class NotSendable(_Coded, Undeliverable):
    """This message must not leave: bad address, wrong recipient, wrong or missing attachment."""


class Unreachable(_Coded, Retryable):
    """The relay or the archive is not there or is full; nothing was handed over."""


class ArchiveConflict(_Coded):
    """A key holds other content than the one to be stored: stop, a person must look."""


class ArchiveMissing(_Coded):
    """No content is stored under the key."""


class PackDamaged(_Coded):
    """What is stored as a pack of documents cannot be read as one."""
