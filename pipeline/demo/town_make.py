"""The demo town as values, drawn from one seed: the same seed gives the same town, whatever was asked before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from billing.identifiers import is_nip
from billing.periods import next_month
from pipeline.demo.town_people import (
    MEN,
    ORGANISATIONS,
    STREETS,
    SURNAMES,
    WOMEN,
    mail_address,
)

ROUTES = ("R1", "R2", "R3", "R4")
_PAPERLESS = 0.35
_RADIO = 0.30
_WATER_ONLY = 0.12
_TWO_POINTS_EVERY = 40
_TENANT_EVERY = 25
_ORGANISATION_EVERY = 70
_ORGANISATION_FIRST = 11
COMPLETE_EXCHANGE, INCOMPLETE_EXCHANGE = 5, 6
_EXCHANGE_DAY = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A meter of the town. ``opening_m3`` is its index on ``installed_on``; ``removal_m3`` None: nobody noted it."""

    meter_no: str
    module_no: str | None
    decimals: int
    installed_on: date
    opening_m3: Decimal
    replaces: str | None = None
    removal_m3: Decimal | None = None

    def index_m3(self, *, seed: int, day: date) -> Decimal:
        """Its index on a day, after so many litres on each day, more or fewer in each month."""
        used_l, month = 0, self.installed_on
        while month < day:
            following = min(next_month(month), day)
            draw = Random(f"{seed}:{self.meter_no}:{month:%Y%m}")
            used_l += (following - month).days * draw.randint(90, 420)
            month = following
        index_m3 = self.opening_m3 + Decimal(used_l).scaleb(-3)
        return index_m3 if self.decimals else index_m3.quantize(Decimal(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of supply with its meters, the newest last."""

    point_no: str
    street: str
    services: str
    meters: tuple[Meter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """An account of the town: who pays it, where, and whether by e-mail from the start."""

    number: int
    account_no: str
    route: str
    party_no: str
    name: str
    nip: str | None
    street: str
    tenant: str | None
    email: str
    is_paperless: bool
    is_confirmed: bool
    points: tuple[Point, ...]

    @property
    def is_organisation(self) -> bool:
        """Whether the account is under the KSeF duty."""
        return self.nip is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """All accounts, as they stood on the first day of ``first_month``."""

    seed: int
    first_month: date
    residents: tuple[Resident, ...]

    def month(self, number: int) -> date:
        """First day of the month so many months after the first."""
        day = self.first_month
        for _ in range(number):
            day = next_month(day)
        return day


@cache
def make_town(*, accounts: int, seed: int, first_month: date) -> Town:
    """Draw the town."""
    residents = tuple(_resident(number, seed, first_month) for number in range(1, accounts + 1))
    return Town(seed=seed, first_month=first_month, residents=residents)


def _resident(number: int, seed: int, first_month: date) -> Resident:
    draw = Random(f"{seed}:{number}")
    place, rest = divmod(number - _ORGANISATION_FIRST, _ORGANISATION_EVERY)
    organisation = ORGANISATIONS[place] if rest == 0 and 0 <= place < len(ORGANISATIONS) else None
    person = _person(draw)
    street = f"{draw.choice(STREETS)} {draw.randint(1, 90)}"
    is_paperless = draw.random() < _PAPERLESS and organisation is None
    return Resident(
        number=number,
        account_no=f"Z{number:06}",
        route=ROUTES[number % len(ROUTES)],
        party_no=f"K{number:06}",
        name=organisation or person,
        nip=_nip(number) if organisation else None,
        street=street,
        tenant=_person(draw) if number % _TENANT_EVERY == 0 else None,
        email=mail_address(person, number),
        is_paperless=is_paperless,
        is_confirmed=number % 30 != 0,
        points=tuple(_points(number, draw, street, first_month)),
    )


def _points(number: int, draw: Random, street: str, first_month: date) -> Iterator[Point]:
    services = "water" if draw.random() < _WATER_ONLY else "water+sewage"
    yield Point(
        point_no=f"P{number:06}", street=street, services=services, meters=tuple(_meters(number, draw, first_month))
    )
    if number % _TWO_POINTS_EVERY == 0:
        garden = _meter(f"W{number:06}B", draw, first_month)
        yield Point(point_no=f"P{number:06}B", street=f"{street} (ogród)", services="water", meters=(garden,))


def _meters(number: int, draw: Random, first_month: date) -> Iterator[Meter]:
    first = _meter(f"W{number:06}", draw, first_month)
    yield first
    if number in (COMPLETE_EXCHANGE, INCOMPLETE_EXCHANGE):
        removal = first.opening_m3.quantize(Decimal(1)) + draw.randint(3, 6)
        yield Meter(
            meter_no=f"W{number:06}N",
            module_no=None,
            decimals=0,
            installed_on=first_month + timedelta(days=_EXCHANGE_DAY),
            opening_m3=Decimal(draw.randint(0, 2)),
            replaces=first.meter_no,
            removal_m3=removal if number == COMPLETE_EXCHANGE else None,
        )


def _meter(meter_no: str, draw: Random, installed_on: date) -> Meter:
    is_radio = draw.random() < _RADIO
    opening = Decimal(draw.randint(20_000, 900_000)).scaleb(-3)
    return Meter(
        meter_no=meter_no,
        module_no=f"M{meter_no[1:]}" if is_radio else None,
        decimals=3 if is_radio else 0,
        installed_on=installed_on,
        opening_m3=opening if is_radio else opening.quantize(Decimal(1)),
    )


def _person(draw: Random) -> str:
    return f"{draw.choice(WOMEN if draw.random() < 0.5 else MEN)} {draw.choice(SURNAMES)}"  # noqa: PLR2004 - half


def _nip(number: int) -> str:
    """A NIP with a right check digit under a prefix that no tax office has."""
    for middle in range(number * 10, number * 10 + 10):
        for check in range(10):
            if is_nip(candidate := f"990{middle:06}{check}"):
                return candidate
    raise ValueError(f"no NIP for {number}")
