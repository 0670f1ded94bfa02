"""tariff list: every tariff file of the utility, in force or planned, and how it came there."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Connection

from billing.errors import DataRefused
from billing.models import Models
from billing.tariff_files import load_tariff
from billing.tariffs import Tariff
from pipeline.errors import OperatorError
from pipeline.tariff_folder import planned_folder, tariffs_folder
from pipeline.utility_files import load_folder
from pipeline.work import Work, warsaw_day
from sql.tariffs import issued_cycles, newest_impact, tariff_states


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTariff:
    """A tariff file; ``how`` tells in words how it came into force, or how far its campaign is.

    Everything but name, place and hash is None for a file that is unsound; ``how`` is then its refusal.
    """

    name: str
    place: str
    sha256: str
    how: str
    title: str | None = None
    decision: str | None = None
    decided_on: date | None = None
    published_on: date | None = None
    valid_from: date | None = None


def run(work: Work) -> list[ListedTariff]:
    """The files in force, then the planned ones, each by name.

    Raises:
        DataRefused: the utility's folder cannot be used; an unsound planned file is listed.
        OperatorError: ``FILE_MISSING``, a file may not be read.
    """
    loaded = load_folder(work.settings.utility, seller_needed=False)
    with work.engine.connect() as connection:
        return [
            *_listed(connection, tariffs_folder(work.settings), "in force", loaded.utility.models),
            *_listed(connection, planned_folder(work.settings), "planned", loaded.utility.models),
        ]


def _listed(connection: Connection, folder: Path, place: str, models: Models) -> Iterator[ListedTariff]:
    for path in sorted(folder.glob("*.toml")):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise OperatorError("FILE_MISSING", f"{path}: {error.strerror}") from None
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            tariff = load_tariff(content, name=path.name, models=models)
        except DataRefused as refusal:
            yield ListedTariff(name=path.name, place=place, sha256=sha256, how=str(refusal))
            continue
        how = _in_force(connection, sha256) if place == "in force" else _planned(connection, sha256)
        yield _sound(tariff, place=place, how=how)


def _sound(tariff: Tariff, *, place: str, how: str) -> ListedTariff:
    return ListedTariff(
        name=tariff.name,
        place=place,
        sha256=tariff.sha256,
        how=how,
        title=tariff.title,
        decision=tariff.decision,
        decided_on=tariff.decided_on,
        published_on=tariff.published_on,
        valid_from=tariff.valid_from,
    )


def _in_force(connection: Connection, sha256: str) -> str:
    state = tariff_states(connection, sha256s=[sha256])[sha256]
    if state.switched_by is not None:
        return f"switched on by {state.switched_by} on {warsaw_day(state.switched_at)}"
    if state.billed or not issued_cycles(connection):
        return "present at the start"
    return "nobody switched it on: no cycle is opened with it"


def _planned(connection: Connection, sha256: str) -> str:
    state = tariff_states(connection, sha256s=[sha256])[sha256]
    if state.switched_by is not None:
        return f"switched on by {state.switched_by}, but not put in force: give the same command again"
    found = newest_impact(connection, tariff_sha256=sha256)
    if found is None:
        return "no impact computed yet"
    return f"impact computed by {found.recorded_by} on {warsaw_day(found.event_at)}"
