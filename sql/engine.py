"""Connections to the billing database."""

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

_DRIVER = "postgresql+psycopg2"


def make_engine(url: str) -> Engine:
    """An engine for ``url`` (always ``postgresql+psycopg2://``), small pool, checked before use.

    What a statement was given is never in an error's text: it may be a name or an address, and texts go to logs.

    Raises:
        ValueError: the URL cannot be read, or names no driver or another one; a bare ``postgresql://`` would mean
            psycopg 3.
    """
    engine = create_engine(
        read_url(url),
        pool_size=4,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": 10, "options": "-c timezone=Europe/Warsaw"},
    )
    event.listen(engine, "handle_error", _first_line_only)
    return engine


def _first_line_only(context: ExceptionContext) -> None:
    """What PostgreSQL adds below the first line (LINE, DETAIL: failing row contains …) holds values."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args and isinstance(error.args[0], str):
            error.args = (error.args[0].partition("\n")[0], *error.args[1:])


def read_url(url: str) -> URL:
    """A database URL in its parts; nothing of it, such as its password, is in the text of the error.

    Raises:
        ValueError: see ``make_engine``.
    """
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        read = None
    if read is None or read.drivername != _DRIVER:
        raise ValueError(f"a database URL looks like {_DRIVER}://user@host:5432/database")
    return read
