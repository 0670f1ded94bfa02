"""Meters as the registry file brings them: installed, exchanged, with the indices of those days."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pipeline.registry.rows import Decision, decide
from readings.fields import RowRefused
from readings.registry_facts import MeterRow
from readings.table import Line

_MAIN = {"main"}
_TOLD = (
    *("point_no", "module_no", "dials", "decimals", "legalised_until", "opening_index_m3"),
    *("purpose", "water_percent", "sewage_percent", "diameter_mm", "q3_m3h"),
)
_SIZES = ("diameter_mm", "q3_m3h")


@dataclass(slots=True, kw_only=True)
class Installed:
    """A meter's register at a point; ``installation_id`` is None for one that this file brings."""

    installation_id: int | None
    meter_no: str
    module_no: str | None
    point_no: str
    register: int
    dials: int
    decimals: int
    installed_on: date
    removed_on: date | None
    legalised_until: date | None
    opening_index_m3: Decimal | None
    removal_index_m3: Decimal | None
    purpose: str
    water_percent: Decimal
    sewage_percent: Decimal
    diameter_mm: int | None
    q3_m3h: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A meter that a row takes away; ``index_m3`` is None when nobody noted it or its reading is stored already."""

    row: MeterRow
    installed: Installed
    removed_on: date
    index_m3: Decimal | None


@dataclass(slots=True, kw_only=True)
class MeterBook:
    """The meters of some points: stored ones, and those of the file as its rows are taken."""

    by_meter: dict[tuple[str, int], list[Installed]] = field(default_factory=lambda: defaultdict(list))
    by_point: dict[tuple[str, int], list[Installed]] = field(default_factory=lambda: defaultdict(list))
    modules: dict[str, str | None] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)

    def add(self, installed: Installed) -> None:
        """Note one installation."""
        self.by_meter[installed.meter_no, installed.register].append(installed)
        self.by_point[installed.point_no, installed.register].append(installed)
        self.modules[installed.meter_no] = installed.module_no

    def install(self, row: MeterRow) -> None:
        """Take a new meter, and remove the one that it replaces; refused when it does not fit."""
        if self.modules.get(row.meter_no, row.module_no) != row.module_no:
            raise RowRefused("R201", "the meter has another radio module")
        replaced = self._replaced(row) if row.replaces_meter_no else None
        beside = [one for one in self.by_point[row.point_no, row.register] if {one.purpose, row.purpose} == _MAIN]
        others = [*self.by_meter[row.meter_no, row.register], *beside]
        if any(other is not replaced and _open_on(other, row.installed_on) for other in others):
            raise RowRefused("R112", f"a meter from {row.installed_on} on")
        if replaced is not None:
            self._remove(row, replaced, removed_on=row.installed_on, index_m3=row.removal_index_m3)
        installed = _installed(row)
        self.add(installed)
        if row.removed_on is not None:
            self._remove(row, installed, removed_on=row.removed_on, index_m3=row.last_index_m3)

    def _remove(self, row: MeterRow, gone: Installed, *, removed_on: date, index_m3: Decimal | None) -> None:
        fresh_m3 = index_m3 if gone.removal_index_m3 is None else None
        gone.removed_on = removed_on
        gone.removal_index_m3 = fresh_m3 if fresh_m3 is not None else gone.removal_index_m3
        self.removals.append(Removal(row=row, installed=gone, removed_on=removed_on, index_m3=fresh_m3))

    def removed_on(self, row: MeterRow) -> date | None:
        """The day on which a meter of this file was taken away again."""
        return self._installed(row).removed_on

    def says(self, row: MeterRow) -> bool:
        """Whether a row only repeats what is stored; it may be silent on the exchange, and on the meter's size."""
        stored = self._installed(row)
        fresh = _installed(row)
        if any(getattr(stored, name) != getattr(fresh, name) for name in _TOLD if name not in _SIZES):
            return False
        sizes = ((row.diameter_mm, stored.diameter_mm), (row.q3_m3h, stored.q3_m3h))
        if any(told not in (None, known) for told, known in sizes):
            return False
        if row.removed_on is not None and (row.removed_on, row.last_index_m3) != (
            stored.removed_on,
            row.last_index_m3 and stored.removal_index_m3,
        ):
            return False
        if row.replaces_meter_no is None:
            return True
        before = [one for one in self.by_point[row.point_no, row.register] if one.removed_on == row.installed_on]
        return any(
            one.meter_no == row.replaces_meter_no and row.removal_index_m3 in (None, one.removal_index_m3)
            for one in before
        )

    def _installed(self, row: MeterRow) -> Installed:
        return next(one for one in self.by_meter[row.meter_no, row.register] if one.installed_on == row.installed_on)

    def _replaced(self, row: MeterRow) -> Installed:
        for one in self.by_point[row.point_no, row.register]:
            stands = one.removed_on is None and one.installed_on <= row.installed_on
            if stands and one.meter_no == row.replaces_meter_no:
                _check_removal(one, row.removal_index_m3)
                return one
        raise RowRefused("R111", f"replaces_meter_no {row.replaces_meter_no}")


def meter_decisions(
    rows: Iterable[tuple[Line, MeterRow]],
    *,
    book: MeterBook,
    point_nos: Collection[str],
    not_before: date | None,
) -> Iterator[Decision[MeterRow]]:
    """Rows in the order of their installation, so that a meter stands before the one that replaces it.

    Days before ``not_before`` are the old system's: a meter of those days needs a position, which comes too late now.
    """

    def check(row: MeterRow) -> None:
        if row.point_no not in point_nos:
            raise RowRefused("R110", f"point_no {row.point_no}")
        if not_before is not None and row.installed_on < not_before:
            raise RowRefused("R119", f"installed_on {row.installed_on}")
        book.install(row)

    stored = [_as_row(one) for places in book.by_meter.values() for one in places]
    yield from decide(
        sorted(rows, key=lambda pair: (pair[1].installed_on, pair[0].line_no)),
        key=lambda row: (row.meter_no, row.register, row.installed_on),
        known=stored,
        check=check,
        same=lambda _stored, row: book.says(row),
        compared=_TOLD,
    )


def _check_removal(installed: Installed, index_m3: Decimal | None) -> None:
    if index_m3 is None:
        return
    if index_m3 >= 10**installed.dials:
        raise RowRefused("R115", f"removal_index {index_m3} on {installed.dials} dials")
    if installed.removal_index_m3 not in (None, index_m3):
        raise RowRefused("R201", f"the removal reading that stands is {installed.removal_index_m3}")


def _open_on(installed: Installed, day: date) -> bool:
    return installed.removed_on is None or installed.removed_on > day


def _installed(row: MeterRow) -> Installed:
    return Installed(
        installation_id=None,
        meter_no=row.meter_no,
        module_no=row.module_no,
        point_no=row.point_no,
        register=row.register,
        dials=row.dials,
        decimals=row.decimals,
        installed_on=row.installed_on,
        removed_on=None,
        legalised_until=row.legalised_until,
        opening_index_m3=row.opening_index_m3,
        removal_index_m3=None,
        purpose=row.purpose,
        water_percent=row.water_percent,
        sewage_percent=row.sewage_percent,
        diameter_mm=row.diameter_mm,
        q3_m3h=row.q3_m3h,
    )


def _as_row(one: Installed) -> MeterRow:
    return MeterRow(
        meter_no=one.meter_no,
        module_no=one.module_no,
        point_no=one.point_no,
        register=one.register,
        dials=one.dials,
        decimals=one.decimals,
        installed_on=one.installed_on,
        legalised_until=one.legalised_until,
        opening_index_m3=one.opening_index_m3 or Decimal(0),
        replaces_meter_no=None,
        removal_index_m3=None,
        removal_quality="actual",
        purpose=one.purpose,
        water_percent=one.water_percent,
        sewage_percent=one.sewage_percent,
        removed_on=None,
        last_index_m3=None,
        diameter_mm=one.diameter_mm,
        q3_m3h=one.q3_m3h,
    )
