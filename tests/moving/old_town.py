"""A made-up utility as its old billing system would export it: every file of the cut-over, clean, from one seed.

Nothing here uses the software's own rating: what the old system billed is computed by ``brzozowka_rater``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Final

from brzozowka_rater import OldLine, abonament_line, metered_line

from billing.periods import next_month
from pipeline.demo.town_people import MEN, ORGANISATIONS, STREETS, SURNAMES, WOMEN, mail_address
from pipeline.registry.csv import account_number

AS_OF: Final = date(2026, 9, 1)
SINCE: Final = date(2019, 1, 1)
CITY: Final = ("34-000", "Brzozówka")
HISTORY_MONTHS: Final = 24
ROUTE_METERS: Final = 250
TERMS: Final = "1.0"
PAST_CYCLES: Final = (date(2026, 7, 1), date(2026, 8, 1))
NEW_CYCLES: Final = (date(2026, 9, 1), date(2026, 10, 1))
_NIP_WEIGHTS: Final = (6, 5, 7, 2, 3, 4, 5, 6, 7)

Row = tuple[object, ...]


@dataclass(slots=True, kw_only=True)
class OldMeter:
    """A meter of the old system; ``indices`` by day are what was read, installation and removal included."""

    meter_no: str
    installed_on: date
    removed_on: date | None = None
    replaces: "OldMeter | None" = None
    indices: dict[date, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class OldPoint:
    """A point with its meters in order, and the garden meter that one in a hundred has."""

    point_no: str
    street: str
    services: str
    meters: list[OldMeter]
    garden: OldMeter | None


@dataclass(slots=True, kw_only=True)
class OldAccount:
    """One customer as the old system has him."""

    number: int
    name: str
    nip: str | None
    paperless_on: date | None
    balance_zl: Decimal
    points: list[OldPoint]

    @property
    def account_no(self) -> str:
        return f"B{self.number:06}"

    @property
    def party_no(self) -> str:
        return f"K{self.number:06}"

    @property
    def route(self) -> str:
        return f"Z{1 + self.number // ROUTE_METERS}"

    @property
    def tariff_class(self) -> str:
        return "household" if self.nip is None else "business"

    @property
    def email(self) -> str:
        return mail_address(self.name, self.number)


def old_town(*, accounts: int, seed: int) -> list[OldAccount]:
    """The customers, the same for the same seed; each by his own dice, so that a larger town begins like a smaller."""
    return [_account(number, Random(f"{seed}-{number}")) for number in range(1, accounts + 1)]


def _account(number: int, dice: Random) -> OldAccount:
    company = dice.random() < 0.03
    person = f"{dice.choice(WOMEN + MEN)} {dice.choice(SURNAMES)}"
    paperless = not company and dice.random() < 0.3
    return OldAccount(
        number=number,
        name=f"{dice.choice(ORGANISATIONS)} {number}" if company else person,
        nip=_nip(number) if company else None,
        paperless_on=date(2023, 1, 1) + timedelta(days=dice.randrange(1000)) if paperless else None,
        balance_zl=Decimal(dice.choice((0, 0, 0, dice.randrange(-5000, 60000)))) / 100,
        points=[_point(number, place, dice) for place in range(1, 3 if dice.random() < 0.03 else 2)],
    )


def _point(number: int, place: int, dice: Random) -> OldPoint:
    point_no = f"P{number:06}-{place}"
    first = OldMeter(meter_no=f"M{number:06}{place}", installed_on=SINCE + timedelta(days=dice.randrange(1500)))
    meters = [first]
    if dice.random() < 0.05:
        day = date(2025, 1, 2) + timedelta(days=dice.randrange(500))
        first.removed_on = day
        meters.append(OldMeter(meter_no=f"N{number:06}{place}", installed_on=day, replaces=first))
    _read(meters, dice)
    garden = OldMeter(meter_no=f"G{number:06}{place}", installed_on=date(2024, 5, 1)) if dice.random() < 0.01 else None
    if garden is not None:
        garden.indices = {garden.installed_on: 0, AS_OF - timedelta(days=1): dice.randrange(90)}
    return OldPoint(
        point_no=point_no,
        street=f"{dice.choice(STREETS)} {1 + number % 180}",
        services="water" if dice.random() < 0.15 else "water+sewage",
        meters=meters,
        garden=garden,
    )


def _read(meters: list[OldMeter], dice: Random) -> None:
    """Indices at each month's end from two years before the cut-over to the last new cycle, and at exchanges."""
    usual = dice.randrange(2, 14)
    for meter in meters:
        meter.indices[meter.installed_on] = 0 if meter.replaces is None else dice.randrange(3)
    for day in month_ends(until=next_month(NEW_CYCLES[-1])):
        _advance(meters, day, max(0, usual + dice.randrange(-2, 4)))
    first = meters[0]
    if first.removed_on is not None:
        before = [day for day in first.indices if day <= first.removed_on]
        first.indices = {day: first.indices[day] for day in sorted(before)}
        first.indices.setdefault(first.removed_on, first.indices[max(before)] + dice.randrange(3))


def _advance(meters: list[OldMeter], day: date, used_m3: int) -> None:
    stands = [one for one in meters if one.installed_on <= day and (one.removed_on is None or day < one.removed_on)]
    for meter in stands:
        before = max((known for known in meter.indices if known < day), default=None)
        if before is not None:
            first_time = len(meter.indices) == 1 and meter.replaces is None
            meter.indices[day] = meter.indices[before] + (used_m3 * 20 if first_time else used_m3)


def month_ends(*, until: date) -> Iterator[date]:
    """The last days of months, from the one before the history up to the day before ``until``."""
    first = date(2024, 9, 1)
    while first <= until:
        yield first - timedelta(days=1)
        first = next_month(first)


def _nip(number: int) -> str:
    while True:
        digits = f"{900000000 + number % 99999999:09}"
        check = sum(weight * int(digit) for weight, digit in zip(_NIP_WEIGHTS, digits, strict=True)) % 11
        if check < 10:
            return f"{digits}{check}"
        number += 1_000_000


def registry_rows(town: list[OldAccount]) -> dict[str, list[Row]]:
    """The registry files' rows, in the order of the columns of ``COLUMNS``."""
    points = [(one, point) for one in town for point in one.points]
    return {
        "parties": [
            (
                *(one.party_no, "organisation" if one.nip else "natural_person", one.name, one.nip or ""),
                *(one.points[0].street, *CITY),
            )
            for one in town
        ],
        "accounts": [(one.account_no, one.route, account_number(900_000_000 + one.number)) for one in town],
        "account_parties": [
            (one.account_no, role, one.party_no, SINCE, "") for one in town for role in ("payer", "nabywca")
        ],
        "connections": [(f"W{point.point_no[1:]}", "water", point.street, *CITY, 32, "") for _, point in points],
        "points": [(point.point_no, point.street, *CITY, f"W{point.point_no[1:]}", "", "") for _, point in points],
        "contracts": [
            (f"U{point.point_no[1:]}", one.account_no, point.point_no, one.tariff_class, point.services, SINCE, "")
            for one, point in points
        ],
        "meters": [row for _, point in points for row in _meter_rows(point)],
        "emails": [
            (one.account_no, one.email, "confirmed", "signed_paper", f"{one.paperless_on}", one.paperless_on)
            for one in town
            if one.paperless_on
        ],
    }


def _meter_rows(point: OldPoint) -> Iterator[Row]:
    for meter in point.meters:
        old = meter.replaces
        removal = old.indices[meter.installed_on] if old else ""
        yield (
            *(meter.meter_no, point.point_no, 5, 0, meter.installed_on, meter.indices[meter.installed_on]),
            *(date(meter.installed_on.year + 5, 12, 31), old.meter_no if old else "", removal, "main"),
        )
    if point.garden is not None:
        garden = point.garden
        yield (garden.meter_no, point.point_no, 5, 0, garden.installed_on, 0, date(2029, 12, 31), "", "", "garden")


def consent_rows(town: list[OldAccount]) -> list[Row]:
    """What the old system keeps of each acceptance."""
    return [
        (
            *(one.account_no, "accept", "staff_import", one.paperless_on, one.paperless_on, TERMS, one.email),
            *(one.name, "", "", f"stary system, oświadczenie {one.number}/{one.paperless_on:%Y}"),
        )
        for one in town
        if one.paperless_on
    ]


def cutover_rows(town: list[OldAccount]) -> dict[str, list[Row]]:
    """Positions, balances, history and series."""
    last_day = AS_OF - timedelta(days=1)
    points = [point for one in town for point in one.points]
    meters = [(point, meter) for point in points for meter in point.meters]
    gardens = [(point, point.garden) for point in points if point.garden]
    return {
        "positions": [
            (point.point_no, meter.meter_no, 0, last_day, meter.indices[last_day], "actual")
            for point, meter in (*meters, *gardens)
            if meter.removed_on is None
        ],
        "balances": [(one.account_no, one.balance_zl, AS_OF) for one in town],
        "history": [row for point, meter in meters for row in _history(point, meter)],
        "series": [("FB/2026", 8 * len(town))],
    }


def _history(point: OldPoint, meter: OldMeter) -> Iterator[Row]:
    days = [day for day in sorted(meter.indices) if date(2024, 8, 31) <= day < AS_OF]
    for start, until in pairwise(days):
        used_m3 = meter.indices[until] - meter.indices[start]
        yield (
            point.point_no,
            meter.meter_no,
            0,
            start,
            until,
            used_m3,
            "actual",
            "",
            f"{used_m3 * Decimal('8.00'):.2f}",
        )


def readings_of(town: list[OldAccount], month: date) -> Iterator[tuple[OldPoint, OldMeter, date, int]]:
    """What was read at the end of a month."""
    day = next_month(month) - timedelta(days=1)
    for one in town:
        for point in one.points:
            for meter in point.meters:
                if day in meter.indices and (meter.removed_on is None or day < meter.removed_on):
                    yield point, meter, day, meter.indices[day]


def old_lines(one: OldAccount, month: date) -> list[OldLine]:
    """What the old system billed an account for a month."""
    channel = "email" if one.paperless_on else "paper"
    end = next_month(month)
    start_day, end_day = month - timedelta(days=1), end - timedelta(days=1)
    lines = []
    for point in one.points:
        for meter in point.meters:
            days = [day for day in sorted(meter.indices) if start_day <= day <= end_day]
            if len(days) > 1:
                span = (days[0], days[-1])
                indices = (meter.indices[days[0]], meter.indices[days[-1]])
                lines += [
                    metered_line((point.point_no, meter.meter_no), service, one.tariff_class, span, indices)
                    for service in sorted(point.services.split("+"), reverse=True)
                ]
    return [*lines, abonament_line(one.tariff_class, channel, (month, end))]
