"""What can go wrong in a use-case, by who can mend it.

Bad *data* is never an exception: it is a row outcome, a finding or a hold with a stable code. Exceptions are for
people (``OperatorError``), for the outside world (``Retryable``, ``Undeliverable`` in ``billing.errors``) and for
broken invariants (``Inconsistent``).
"""


class OperatorError(Exception):
    """Somebody asked for something impossible; one clear line, nothing written, exit code 2."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Inconsistent(Exception):  # noqa: N818 - names the state of the data, not the class
    """A present fact differs from what a re-run computed; the step stops with nothing committed, exit code 3."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Unavailable(Exception):  # noqa: N818 - names the state of the service, not the class
    """A database, mail server or archive cannot be reached; try again later, exit code 4."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
