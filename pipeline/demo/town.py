"""The demo town of Zdroje: registry, readings and consents as files, the same bytes for the same seed.

It has what real months have: exchanges (one without its removal reading), meters that nobody could read, readings
that never came, one below the last, rows sent twice, buyers under the KSeF duty, e-mail addresses not confirmed.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Final

from billing.periods import next_month
from pipeline.demo.town_make import INCOMPLETE_EXCHANGE, Meter, Point, Resident, Town, make_town
from pipeline.demo.town_people import CITY, POSTCODE
from pipeline.registry.csv import account_number, write_csv, write_registry_file
from readings.consents import OPTIONAL, REQUIRED

SEED: Final = 20260701
ACCOUNTS: Final = 600
FIRST_MONTH: Final = date(2026, 7, 1)
_TERMS: Final = "1.0"
_ACCEPTING: Final = 20
_COLUMNS: Final = (
    *("service_point", "meter_no", "module_no", "read_at", "index", "unit", "source", "quality", "reason_code"),
    *("reader_id", "route", "external_id"),
)
_PLACES: Final = ("piwnica", "studzienka", "łazienka")
_EVENING: Final = time(18)
_SEED_OF_CONSENTS: Final = "consents"


def write_town(
    folder: Path, *, accounts: int = ACCOUNTS, seed: int = SEED, first_month: date = FIRST_MONTH
) -> dict[str, int]:
    """Write the registry files as they stand on the first day of ``first_month``; rows by file."""
    town = make_town(accounts=accounts, seed=seed, first_month=first_month)
    rows: dict[str, list[tuple[object, ...]]] = {
        "parties": list(_parties(town)),
        "accounts": [(one.account_no, one.route, account_number(one.number)) for one in town.residents],
        "account_parties": list(_account_parties(town)),
        "points": [(p.point_no, p.street, POSTCODE, CITY, "") for _, p in _points(town)],
        "contracts": [
            (
                f"U{p.point_no[1:]}",
                one.account_no,
                p.point_no,
                "business" if one.is_organisation else "household",
                p.services,
                first_month,
                "",
            )
            for one, p in _points(town)
        ],
        "meters": [_meter_row(p, meter, first_month) for _, p in _points(town) for meter in p.meters],
        "emails": list(_emails(town)),
        "route_stops": list(_stops(town)),
    }
    for kind, lines in rows.items():
        write_registry_file(folder, kind, lines)
    return {kind: len(lines) for kind, lines in rows.items()}


def write_readings(
    folder: Path, *, month: date, accounts: int = ACCOUNTS, seed: int = SEED, first_month: date = FIRST_MONTH
) -> Path:
    """Write the readings at the end of ``month`` (its first day); the file, named as the contract says."""
    town = make_town(accounts=accounts, seed=seed, first_month=first_month)
    end = next_month(month) - timedelta(days=1)
    rows = [row for one, point in _points(town) for row in _reading_rows(town, one, point, end)]
    repeated = rows[: len(rows) : max(1, len(rows) // 5)]
    path = folder / f"zdroje_odczyty_{datetime.combine(end, _EVENING):%Y%m%dT%H%M%S}.csv"
    return write_csv(path, columns=_COLUMNS, rows=[*rows, *repeated])


def write_consents(
    file: Path,
    *,
    after_cycle: int,
    accounts: int = ACCOUNTS,
    seed: int = SEED,
    first_month: date = FIRST_MONTH,
) -> Path:
    """Write the statements from before the first cycle (0), after it (1: acceptances), after the second (2: one goes).

    Those of 1 arrive up to the 25th of the month after the first, the one of 2 on the 14th of the month after that.

    Raises:
        ValueError: ``after_cycle`` is none of these.
    """
    town = make_town(accounts=accounts, seed=seed, first_month=first_month)
    paper = [one for one in town.residents if not one.is_paperless and not one.is_organisation]
    match after_cycle:
        case 0:
            rows = [
                _accepted(one, _taken_over_on(one, town), "staff_import", town)
                for one in town.residents
                if one.is_paperless
            ]
        case 1:
            start = town.month(1)
            rows = [
                _accepted(one, start + timedelta(days=11 + place % 14), "paper_form", town)
                for place, one in enumerate(paper[10 : 10 + _ACCEPTING])
            ]
        case 2:
            withdrawing = next(one for one in town.residents if one.is_paperless and one.is_confirmed)
            day = town.month(2) + timedelta(days=13)
            rows = [(withdrawing.account_no, "withdraw", "paper_form", day, day, "", "", withdrawing.name, "", "")]
        case _:
            raise ValueError(f"the town knows statements after cycles 0, 1 and 2, not {after_cycle}")
    return write_csv(file, columns=(*REQUIRED, *OPTIONAL), rows=rows)


def _points(town: Town) -> Iterator[tuple[Resident, Point]]:
    return ((one, point) for one in town.residents for point in one.points)


def _parties(town: Town) -> Iterator[tuple[object, ...]]:
    for one in town.residents:
        kind = "organisation" if one.is_organisation else "natural_person"
        yield one.party_no, kind, one.name, one.nip or "", one.street, POSTCODE, CITY
        if one.tenant is not None:
            yield f"{one.party_no}N", "natural_person", one.tenant, "", one.street, POSTCODE, CITY


def _account_parties(town: Town) -> Iterator[tuple[object, ...]]:
    for one in town.residents:
        for role in ("payer", "nabywca"):
            yield one.account_no, role, one.party_no, town.first_month, ""
        if one.tenant is not None:
            yield one.account_no, "odbiorca", f"{one.party_no}N", town.first_month, ""


def _meter_row(point: Point, meter: Meter, first_month: date) -> tuple[object, ...]:
    legalised_until = date(first_month.year + 3, 12, 31)
    removal = "" if meter.removal_m3 is None else meter.removal_m3
    return (
        *(meter.meter_no, point.point_no, 5, meter.decimals, meter.installed_on, meter.opening_m3, 0, legalised_until),
        *(meter.replaces or "", removal, "", meter.module_no or ""),
    )


def _stops(town: Town) -> Iterator[tuple[object, ...]]:
    """The walk of each route: street by street and house by house, as a reader goes."""
    walk = sorted((resident.route, *_house(resident), point.point_no) for resident, point in _points(town))
    for route, stops in groupby(walk, key=lambda stop: stop[0]):
        for seq, (*_, point_no) in enumerate(stops, start=1):
            place = "ogród" if point_no.endswith("B") else _PLACES[int(point_no[1:]) % len(_PLACES)]
            yield point_no, route, seq, place, "", town.first_month


def _house(resident: Resident) -> tuple[str, int]:
    street, _, number = resident.street.rpartition(" ")
    return street, int(number)


def _emails(town: Town) -> Iterator[tuple[object, ...]]:
    for one in town.residents:
        if one.is_paperless:
            day = _taken_over_on(one, town)
            confirmed = ("confirmed", "signed_paper", day) if one.is_confirmed else ("unconfirmed", "", "")
            yield one.account_no, one.email, *confirmed, day


def _taken_over_on(one: Resident, town: Town) -> date:
    return town.first_month - timedelta(days=20 + one.number % 40)


def _accepted(one: Resident, day: date, method: str, town: Town) -> tuple[object, ...]:
    scan = f"{Random(f'{town.seed}:{_SEED_OF_CONSENTS}:{one.number}').getrandbits(256):064x}"
    return one.account_no, "accept", method, day, day, _TERMS, one.email, one.name, scan, ""


def _reading_rows(town: Town, one: Resident, point: Point, end: date) -> Iterator[tuple[object, ...]]:
    """The row of a point's newest meter at a month's end, unless it is one of those that never come."""
    meter = point.meters[-1]
    fate = (one.number + 37 * (12 * end.year + end.month)) % 199
    if fate == 0 or meter.installed_on > end:
        return
    day = end if meter.module_no else end - timedelta(days=one.number % 3)
    draw = Random(f"{town.seed}:{meter.meter_no}:{end}")
    read_at = datetime.combine(day, time(8 + draw.randint(0, 7), draw.randint(0, 59), draw.randint(0, 59)))
    index: Decimal | str = meter.index_m3(seed=town.seed, day=day)
    quality, reason = "actual", ""
    if fate == 1 and one.number != INCOMPLETE_EXCHANGE:
        index, quality, reason = "", "not_read", "no_access"
    elif one.number == _suspect_number(town, end):
        index = max(Decimal(0), meter.opening_m3 - 7)
    source = "radio_walkby" if meter.module_no else "handheld"
    yield (
        *(point.point_no, meter.meter_no, meter.module_no or "", read_at, str(index).replace(".", ","), "m3", source),
        *(quality, reason, f"I{one.route[1:]}", one.route, f"{meter.meter_no}-{end:%Y%m}"),
    )


def _suspect_number(town: Town, end: date) -> int:
    """One account a month whose meter is read below its last index."""
    return 50 + (end.month * 7) % 40 if len(town.residents) > 100 else len(town.residents)  # noqa: PLR2004 - small towns
