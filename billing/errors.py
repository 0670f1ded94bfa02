"""The two ways in which the outside world fails, as the steps above need to tell them apart."""


class Retryable(Exception):  # noqa: N818 - says what to do, as the steps read it
    """The outside world was not ready (a greylist, an overload, a lost connection): trying later may help."""


class Undeliverable(Exception):  # noqa: N818 - says what to do, as the steps read it
    """The outside world refused for good; trying again cannot help, a person or another channel must."""


class DataRefused(Exception):  # noqa: N818 - says what happened to the file
    """A file of the utility (tariff, law, settings) cannot be used as a whole; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
