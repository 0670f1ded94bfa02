"""Turns: one transaction at a time where two would step on each other."""

from sqlalchemy import Connection, text


def take_turn(connection: Connection, name: str) -> None:
    """Wait until no other transaction holds the turn ``name``; it is given back when this transaction ends."""
    connection.execute(text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": f"obieg.{name}"})
