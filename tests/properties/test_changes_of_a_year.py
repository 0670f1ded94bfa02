"""A year of changes, whatever they are and whenever they are told: every m³ and every day is billed once, to its own.

The truth is kept beside the system: how much water each day took, which meter hung there, whose the contract was.
What the system refuses does not happen in the truth either. After a last cycle with all readings, the two agree.
"""

import itertools
import shutil
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from changing import change, close, exchange, index, open_contract, to_group, to_payer
from databases import own_work
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from registry_rows import read, register
from sqlalchemy import text
from town import bank_account, set_clock

from billing.periods import Period, next_month
from pipeline import approve, check, freeze, issue, open_cycle, rate
from pipeline.errors import OperatorError
from pipeline.open_cycle import CycleOrder
from pipeline.work import Work

MONTHS = [date(2026 + (6 + month) // 12, (6 + month) % 12 + 1, 1) for month in range(12)]
START = date(2026, 6, 30)
END = date(2027, 7, 1)
LAST = END - timedelta(days=1)
SIDES = ("1", "2")
STREETS = 4
NUMBERS = itertools.count(1)
APPLIED: dict[str, int] = defaultdict(int)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something that happens at a point on a day of a month, told on that day or after the month's cycle."""

    kind: str
    side: str
    day: int
    late: bool
    customer: str
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    wishes: tuple[Wish, ...]
    quarters_a_day: dict[str, int]
    read_after: dict[str, int | None]


@dataclass(slots=True)
class Contract:
    number: str
    account: str
    no: str
    start: date
    until: date | None = None

    def holds(self, day: date) -> bool:
        return self.start <= day and (self.until is None or day < self.until)

    def touches(self, month: date) -> bool:
        return self.start < next_month(month) and (self.until is None or self.until > month)


@dataclass(slots=True)
class Hung:
    meter_no: str
    no: str
    start: date
    until: date | None = None


@dataclass(slots=True)
class Street:
    """What really is at the two points of a street, for its three customers: water by day, meters and contracts."""

    name: str
    months: tuple[Month, ...]
    contracts: list[Contract] = field(default_factory=list)
    meters: list[Hung] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def points(self) -> tuple[str, ...]:
        return tuple(f"{self.name}{side}" for side in SIDES)

    @property
    def accounts(self) -> dict[str, str]:
        """Payers by account."""
        return {f"A{self.name}{side}": f"P{self.name}{side}" for side in "123"}

    def used(self, no: str, start: date, until: date) -> Decimal:
        quarters = 0
        for first, month in zip(MONTHS, self.months, strict=True):
            days = (min(until, next_month(first)) - max(start, first)).days
            quarters += max(days, 0) * month.quarters_a_day[no[-1]]
        return Decimal(quarters) / 4

    def index(self, meter: Hung, day: date) -> Decimal:
        return 10 + self.used(meter.no, meter.start, day)

    def meter(self, no: str, day: date) -> Hung:
        """The meter at a point; on the day of an exchange the new one."""
        hung = [(one.start, place) for place, one in enumerate(self.meters) if one.no == no and one.start <= day]
        return self.meters[max(hung)[1]]

    def contract(self, no: str, day: date) -> Contract | None:
        return next((one for one in self.contracts if one.no == no and one.holds(day)), None)


wishes = st.builds(
    Wish,
    kind=st.sampled_from(["payer", "payer", "close", "open", "open", "exchange", "group"]),
    side=st.sampled_from(SIDES),
    day=st.sampled_from([1, 1, 2, 5, 10, 15, 20, 28]),
    late=st.sampled_from([False, False, False, True]),
    customer=st.sampled_from("123"),
    whole=st.booleans(),
)
months = st.builds(
    Month,
    wishes=st.lists(wishes, max_size=3).map(lambda some: tuple(sorted(some, key=lambda wish: wish.day))),
    quarters_a_day=st.fixed_dictionaries({no: st.integers(0, 3) for no in SIDES}),
    read_after=st.fixed_dictionaries({no: st.sampled_from([0, 0, 0, -3, 1, 2, None]) for no in SIDES}),
)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(years=st.lists(st.lists(months, min_size=12, max_size=12), min_size=STREETS, max_size=STREETS))
def test_every_cubic_metre_and_every_day_of_a_year_is_billed_once_to_whom_it_belongs(cluster, years) -> None:
    with own_work(cluster) as (opened, home):
        work = without_bands(opened, home)
        for street in live(work, home, years):
            compare(work, street)


def without_bands(work: Work, home: Path) -> Work:
    """The demo utility, but no use is too high or too low for it: the year's is drawn."""
    utility = home / "utility"
    shutil.copytree(work.settings.utility, utility)
    terms = utility / "utility.toml"
    words = "\n[readings.checks]\nfloor_m3_month = 100000\nfloor_m3_quarter = 100000\n"
    terms.write_text(terms.read_text(encoding="utf-8") + words, encoding="utf-8")
    return replace(work, settings=replace(work.settings, utility=utility))


def live(work: Work, home: Path, years: list[list[Month]]) -> list[Street]:
    streets = []
    for number, year in enumerate(years, start=1):
        last = replace(year[-1], read_after=dict.fromkeys(SIDES, 0))
        streets.append(Street(f"{number:02}", (*year[:-1], last)))
    found_town(work, home, streets)
    for place, first in enumerate(MONTHS):
        until = next_month(first)
        for street, wish in sorted(wishes_of(streets, place), key=lambda pair: pair[1].day):
            if not wish.late:
                set_clock(work, datetime(first.year, first.month, wish.day, 13, 0))
                happen(work, street, wish, first.replace(day=wish.day))
        set_clock(work, datetime(until.year, until.month, 4, 12, 0))
        read_meters(work, home, [(street, street.months[place]) for street in streets], until)
        run_cycle(work, first, until)
        for street, wish in wishes_of(streets, place):
            if wish.late and until != END:
                happen(work, street, wish, first.replace(day=wish.day))
    return streets


def wishes_of(streets: list[Street], place: int) -> list[tuple[Street, Wish]]:
    return [(street, wish) for street in streets for wish in street.months[place].wishes]


def found_town(work: Work, home: Path, streets: list[Street]) -> None:
    """On each street one account with two points, and two people who may become customers."""
    set_clock(work, datetime(2026, 7, 1, 0, 5))
    first = [f"{street.name}1" for street in streets]
    points = [no for street in streets for no in street.points]
    parties = [no for street in streets for no in street.accounts.values()]
    register(
        work,
        home,
        parties=[f"{no};natural_person;Józef Żółć {no};;ul. Łąkowa 1;00-001;Zdroje" for no in parties],
        accounts=[f"A{no};R1;{bank_account(no)}" for no in first],
        account_parties=[f"A{no};{role};P{no};2026-01-01;" for no in first for role in ("payer", "nabywca")],
        points=[f"PP{no};ul. Łąkowa {no};00-001;Zdroje" for no in points],
        contracts=[f"C{no};A{no[:2]}1;PP{no};household;water+sewage;2026-06-01;" for no in points],
        meters=[f"M{no};PP{no};5;0;{START};10;;" for no in points],
    )
    for street in streets:
        street.contracts += [Contract(f"C{no}", f"A{street.name}1", no, date(2026, 6, 1)) for no in street.points]
        street.meters += [Hung(f"M{no}", no, START) for no in street.points]


def read_meters(work: Work, home: Path, streets: list[tuple[Street, Month]], until: date) -> None:
    rows = []
    for street, month in streets:
        for no in street.points:
            after = month.read_after[no[-1]]
            if after is not None:
                day = until - timedelta(days=1) + timedelta(days=after)
                meter = street.meter(no, day)
                rows.append(f"PP{no};{meter.meter_no};{day}T08:00:00;{street.index(meter, day)}")
    if rows:
        counts = read(work, home, *rows)
        assert counts["rejected"] == counts["quarantined"] == 0, (rows, counts)


def run_cycle(work: Work, first: date, until: date) -> None:
    order = CycleOrder(
        period=f"{first:%Y-%m}", route_set="ALL", issue_date=until.replace(day=4), payment_days=14, dry_run=False
    )
    key = open_cycle.run(work, order=order)["cycle_key"]
    for chunk_no in range(freeze.run(work, cycle_key=key)["chunks"]):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    issue.run(work, cycle_key=key)


# ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────
def happen(work: Work, street: Street, wish: Wish, on: date) -> None:
    """Let a wish come true, in the system and, unless it is refused, in the street."""
    try:
        _KINDS[wish.kind](work, street, wish, on)
        APPLIED[wish.kind] += 1
        street.told.append(f"{on} {wish.kind} {wish.side} {wish.customer}{' whole' * wish.whole}{' late' * wish.late}")
    except OperatorError as refusal:
        known = {"BILLED_ALREADY", "CHANGE_OVERLAPS", "NO_CONTRACT", "NO_CHANGE", "ACCOUNT_OF_OTHERS", "R111", "R112"}
        assert refusal.code in known, refusal  # noqa: PT017 - what is refused otherwise is a fault of the system


def readings(street: Street, nos: list[str], on: date) -> list:
    """The indices of a day, but of a meter that was put in or taken away on that very day."""
    meters = [street.meter(no, on) for no in nos]
    return [index(meter.meter_no, street.index(meter, on)) for meter in meters if meter.start != on]


def in_force(street: Street, wish: Wish, on: date) -> Contract:
    contract = street.contract(street.name + wish.side, on)
    if contract is None:
        raise OperatorError("NO_CONTRACT", "nobody has it")
    return contract


def hand_over(work: Work, street: Street, wish: Wish, on: date) -> None:
    mine, target = in_force(street, wish, on), f"A{street.name}{wish.customer}"
    former = [one for no in street.points if (one := street.contract(no, on)) and one.account == mine.account]
    former = former if wish.whole else [mine]
    nos = [contract.no for contract in former]
    order = replace(
        to_payer("", on, *readings(street, nos, on), new_account_no=target),
        account_no=mine.account,
        point_nos=() if wish.whole else (f"PP{mine.no}",),
        party_no=street.accounts[target],
        bank_account=bank_account(f"9{target[1:]}"),
    )
    change_id = change(work, order)
    for contract, number in zip(former, opened(work, change_id), strict=True):
        shut(street, contract, on)
        street.contracts.append(Contract(number, target, contract.no, on))


def opened(work: Work, change_id: int) -> list[str]:
    with work.engine.connect() as connection:
        numbers = text("select contract_no from contract where change_id = :id order by contract_id")
        return list(connection.execute(numbers, {"id": change_id}).scalars())


def shut(street: Street, contract: Contract, on: date) -> None:
    if contract.start == on:
        street.contracts.remove(contract)
    contract.until = on


def end(work: Work, street: Street, wish: Wish, on: date) -> None:
    contract = in_force(street, wish, on)
    change(work, close(contract.number, on, *readings(street, [contract.no], on)))
    shut(street, contract, on)


def begin(work: Work, street: Street, wish: Wish, on: date) -> None:
    no, account = street.name + wish.side, f"A{street.name}{wish.customer}"
    made = {"party_no": street.accounts[account], "bank_account": bank_account(f"9{account[1:]}"), "route": "R1"}
    change_id = change(work, open_contract(account, f"PP{no}", on, *readings(street, [no], on), **made))
    street.contracts.append(Contract(opened(work, change_id)[0], account, no, on))


def swap(work: Work, street: Street, wish: Wish, on: date) -> None:
    no = street.name + wish.side
    old, fresh = street.meter(no, on), Hung(f"N{next(NUMBERS)}", no, on)
    order = exchange(no, on, removal=0, opening=10, meter_no=fresh.meter_no, replaces_meter_no=old.meter_no)
    change(work, replace(order, removal_index_m3=street.index(old, on)))
    old.until = on
    street.meters.append(fresh)


def regroup(work: Work, street: Street, wish: Wish, on: date) -> None:
    contract = in_force(street, wish, on)
    order = to_group("", on, "business" if wish.whole else "household")
    change(work, replace(order, contract_no=contract.number))


_KINDS = {"payer": hand_over, "close": end, "open": begin, "exchange": swap, "group": regroup}


# ── what was billed ──────────────────────────────────────────────────────────────────────────────────────────────
def compare(work: Work, street: Street) -> None:
    with work.engine.connect() as connection:
        lines = connection.execute(
            text("""select a.account_no, p.point_no, l.service, l.meter_no, lower(l.period) as start,
                           upper(l.period) as until, l.quantity
                    from charge_line l join charge c using (charge_id) join invoice i using (charge_id)
                    join account a on a.account_id = c.account_id left join point p using (point_id)
                    order by start""")
        ).all()
    for no in street.points:
        for service in ("water", "sewage"):
            at_point = [line for line in lines if (line.point_no, line.service) == (f"PP{no}", service)]
            compare_days(street, no, at_point)
            compare_volumes(street, no, at_point)
    mine = [line for line in lines if line.account_no in street.accounts]
    compare_months(street, [line for line in mine if line.service == "abonament"])


def compare_days(street: Street, no: str, lines: list) -> None:
    """Each day under contract is billed once, to the account of its contract; a day of no m³ may be left out."""
    billed: dict[date, list[str]] = defaultdict(list)
    for line in lines:
        for day in range((line.until - line.start).days):
            billed[line.start + timedelta(days=day)].append(line.account_no)
    left_out: dict[tuple[str, str], list[date]] = defaultdict(list)
    for day in (START + timedelta(days=number) for number in range((LAST - START).days)):
        contract = street.contract(no, day)
        owed = [] if contract is None else [contract.account]
        if contract is not None and not billed[day]:
            left_out[contract.number, street.meter(no, day).meter_no].append(day)
        else:
            assert billed[day] == owed, (no, day, street.told)
    for days in left_out.values():
        meter = street.meter(no, days[0])
        first, final = (whole(street.index(meter, day)) for day in (days[0], days[-1] + timedelta(days=1)))
        assert first == final, (no, days, street.told)


def compare_volumes(street: Street, no: str, lines: list) -> None:
    """Per meter and contract, the billed m³ are the difference of the cut indices of its first and its last day."""
    billed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        billed[line.meter_no, line.account_no] += line.quantity
    owed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for meter in (one for one in street.meters if one.no == no):
        for contract in (one for one in street.contracts if one.no == no):
            start = max(meter.start, contract.start)
            until = min(meter.until or LAST, contract.until or LAST)
            if start < until:
                first, final = (whole(street.index(meter, day)) for day in (start, until))
                owed[meter.meter_no, contract.account] += final - first
    assert {key: value for key, value in billed.items() if value} == {
        key: value for key, value in owed.items() if value
    }


def compare_months(street: Street, lines: list) -> None:
    """An account owes the abonament once for every month that a contract of its own touches."""
    owed = {
        (account, first): 1
        for first, account in itertools.product(MONTHS, street.accounts)
        if any(one.account == account and one.touches(first) for one in street.contracts)
    }
    billed: dict[tuple[str, date], int] = defaultdict(int)
    for line in lines:
        touched = list(Period(start=line.start, until=line.until).months())
        assert len(touched) == line.quantity
        for month in touched:
            billed[line.account_no, month.start.replace(day=1)] += 1
    assert billed == owed, (set(billed.items()) ^ set(owed.items()), street.told)


def whole(index_m3: Decimal) -> Decimal:
    return index_m3.quantize(Decimal(1), rounding=ROUND_DOWN)


def test_the_years_had_changes_of_every_kind() -> None:
    assert all(APPLIED[kind] > 0 for kind in ("payer", "close", "open", "exchange", "group")), dict(APPLIED)
