"""Subsidies of gminas: what was agreed when a cycle froze, and what issued invoices claim."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from billing.tariffs import TariffBook
from sql.copying import copy_rows
from sql.cycles import Cycle
from sql.queries import queries

_Q = queries("subsidies")


def store_subsidies(connection: Connection, cycle: Cycle, *, tariffs: TariffBook) -> None:
    """Write down the subsidies of every tariff beside its prices, for the checks."""
    copy_rows(
        connection,
        table="cycle_subsidy",
        columns=(
            *("cycle_id", "tariff_sha256", "tariff_group", "service", "gmina"),
            *("mode", "zl_m3", "valid_from", "valid_until", "basis"),
        ),
        rows=(
            (
                *(cycle.cycle_id, tariff.sha256, one.group, one.service.value, one.gmina),
                *(one.mode.value, one.zl_m3, one.valid_from, one.valid_until, one.basis),
            )
            for tariff in tariffs.tariffs
            for one in tariff.subsidies
        ),
    )


def claimed_lines(connection: Connection, *, start: date, until: date, gmina: str | None) -> Sequence[Row[Any]]:
    """The subsidised lines of the invoices issued from ``start`` up to, not including, ``until``."""
    return connection.execute(_Q["claimed_lines"], {"start": start, "until": until, "gmina": gmina}).all()


def known_gminas(connection: Connection) -> list[str]:
    """The gminas whose subsidy some cycle has frozen."""
    return list(connection.execute(_Q["known_gminas"]).scalars())


def subsidies_of_cycle(connection: Connection, *, cycle: Cycle) -> Sequence[Row[Any]]:
    """What each gmina pays in a cycle, for the approver."""
    return connection.execute(_Q["subsidies_of_cycle"], {"cycle_id": cycle.cycle_id}).all()
