"""Connections to the billing database."""

from sqlalchemy import Engine, create_engine


def make_engine(url: str) -> Engine:
    """An engine for ``url`` (always ``postgresql+psycopg2://``), small pool, checked before use.

    Raises:
        ValueError: the URL names no driver or another one; a bare ``postgresql://`` would mean psycopg 3.
    """
    if not url.startswith("postgresql+psycopg2://"):
        raise ValueError("a database URL starts with postgresql+psycopg2://")
    return create_engine(
        url,
        pool_size=4,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": "-c timezone=Europe/Warsaw"},
    )
