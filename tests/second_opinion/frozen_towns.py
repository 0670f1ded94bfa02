"""Towns whose inputs are frozen and not yet rated: one with every kind of quantity, one with every kind of price."""

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

from beside_town import enter
from metered_town import settle_metered
from priced_town import measure, write_tariff
from town import cycle_order, settle

from pipeline import freeze, open_cycle
from pipeline.work import Work
from sql.cycles import Cycle, find_cycle
from sql.snapshots import load_chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenTown:
    """What the core is given: a cycle with the snapshots of its accounts by id."""

    work: Work
    cycle: Cycle
    accounts: list[tuple[int, str]]


def metered_town(work: Work, folder: Path) -> FrozenTown:
    """A building with flats, a garden, norms, and what is charged beside metered water."""
    settle_metered(work, folder)
    enter(work)
    return _frozen(work)


def priced_town(work: Work, folder: Path) -> FrozenTown:
    """Seasons, blocks, groups by diameter and payer, a rate of two months and an abonament of sewage."""
    utility = folder / "utility"
    shutil.copytree(work.settings.utility, utility)
    write_tariff(utility)
    work = dataclasses.replace(work, settings=dataclasses.replace(work.settings, utility=utility))
    settle(work, folder)
    measure(work)
    return _frozen(work)


def _frozen(work: Work) -> FrozenTown:
    key = open_cycle.run(work, order=cycle_order())["cycle_key"]
    freeze.run(work, cycle_key=key)
    with work.engine.connect() as connection:
        cycle = find_cycle(connection, cycle_key=key)
        assert cycle is not None
        return FrozenTown(work=work, cycle=cycle, accounts=load_chunk(connection, cycle=cycle, chunk_no=0))
