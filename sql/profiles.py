"""Profiles of reading files: who looked at which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from sql.queries import queries

_Q = queries("profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's look at a file as a profile reads it; ``content`` are the profile's bytes."""

    profile: str
    profile_sha256: str
    content: bytes
    file_name: str
    file_sha256: str
    approved_by: str
    approved_via: str
    note: str


def approvals(connection: Connection, *, profile: str, profile_sha256: str) -> Sequence[Row[Any]]:
    """The looks at these bytes of a profile, none when nobody has looked."""
    return connection.execute(_Q["approvals"], {"profile": profile, "profile_sha256": profile_sha256}).all()


def insert_approval(connection: Connection, approval: Approval) -> bool:
    """Write a look; False when the same profile was approved with the same file before."""
    values = {name: getattr(approval, name) for name in Approval.__slots__}
    return connection.execute(_Q["insert_approval"], values).rowcount == 1
