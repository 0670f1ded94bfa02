"""The business clock: a row in the database; real time, unless the utility is marked as demo and its clock is set."""

from datetime import datetime

from sqlalchemy import Connection, text


def business_now(connection: Connection) -> datetime:
    """The business time, zone-aware."""
    moment: datetime = connection.execute(text("select business_now()")).scalar_one()
    return moment


def install_clock(connection: Connection, *, is_demo: bool) -> bool:
    """Write the clock's row once (as owner); whether the database is marked as demo."""
    connection.execute(
        text("insert into business_clock (is_demo) values (:is_demo) on conflict do nothing"), {"is_demo": is_demo}
    )
    marked: bool = connection.execute(text("select is_demo from business_clock")).scalar_one()
    return marked


def set_demo_clock(connection: Connection, *, moment: datetime | None) -> bool:
    """Set a demo's clock to stand at ``moment`` (None: real time again); False when the utility is no demo."""
    changed = connection.execute(text("update business_clock set demo_now = :moment where is_demo"), {"moment": moment})
    return changed.rowcount == 1
