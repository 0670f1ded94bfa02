"""A year of bills in any order: each day of water and each month of abonament is billed once, waived, or still held."""

import dataclasses
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from databases import own_work
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from off_cycles import as_approver, order_of, rows, to_check
from registry_rows import read, register
from test_cycle import decide
from town import bank_account, cycle_order, set_clock

from billing.periods import Period, months_period, next_month
from pipeline import issue, waive_hold
from pipeline.open_cycle import CycleOrder
from pipeline.work import Work
from sql.cycles import find_cycle
from sql.statement import rows as statement_rows

ACCOUNTS = tuple(f"{number:04}" for number in range(1, 9))
NEWCOMERS = ACCOUNTS[-2:]
START = date(2025, 12, 31)
MONTHS = tuple(months_period(f"2026-{month:02}") for month in range(1, 13))
LAST = months_period("2027-01")

READ_IN_TIME = st.integers(0, 9).map(lambda draw: draw > 2)
MIDDLE = st.sampled_from(
    [
        *("", "on_demand", "released_hold", "released_hold", "waive_one", "waive_all"),
        *("end", "end_unread", "begin", "begin", "begin", "close_late", "move", "move", "move_unread"),
    ]
)
EARLY = st.integers(0, 9).map(lambda draw: draw > 7)
PLANS = st.lists(
    st.lists(st.tuples(READ_IN_TIME, EARLY, MIDDLE), min_size=12, max_size=12),
    min_size=len(ACCOUNTS),
    max_size=len(ACCOUNTS),
)


@dataclass(slots=True)
class Customer:
    """What the test knows of an account by itself: its contracts and which of them lack the closing reading."""

    no: str
    contracts: list[tuple[date, date | None]] = field(default_factory=list)
    unread_ends: list[date] = field(default_factory=list)

    @property
    def lasts(self) -> bool:
        return bool(self.contracts) and self.contracts[-1][1] is None


def index_on(day: date) -> int:
    """What every meter shows in the morning of a day: it never stands still for long and never runs back."""
    return 100 + (day - START).days // 2


@dataclass(slots=True)
class Year:
    """The office's year: what is imported, who is billed when, and what is waived."""

    work: Work
    folder: Path
    customers: dict[str, Customer]

    def settle(self) -> None:
        set_clock(self.work, datetime(2026, 1, 2, 12, 0))
        everybody, old = list(self.customers), [no for no in self.customers if no not in NEWCOMERS]
        register(
            self.work,
            self.folder,
            parties=[f"P{no};natural_person;Józef Żółć {no};;ul. Łąkowa 1;00-001;Zdroje" for no in everybody],
            accounts=[f"A{no};R1;{bank_account(no)}" for no in everybody],
            account_parties=[f"A{no};{role};P{no};2025-01-01;" for no in everybody for role in ("payer", "nabywca")],
            points=[f"PP{no};ul. Łąkowa 1;00-001;Zdroje" for no in everybody],
            contracts=[f"C{no}-1;A{no};PP{no};household;water+sewage;2025-12-15;" for no in old],
            meters=[f"M{no};PP{no};5;0;{START};{index_on(START)};;" for no in everybody],
        )
        for no in old:
            self.customers[no].contracts.append((date(2025, 12, 15), None))

    def at(self, day: date, hour: int = 9) -> None:
        set_clock(self.work, datetime(day.year, day.month, day.day, hour, 0))

    def read(self, day: date, numbers: list[str]) -> None:
        lines = [f"PP{no};M{no};{day}T07:00:00;{index_on(day)}" for no in numbers]
        if lines:
            counts = read(self.work, self.folder, *lines)
            assert counts["rejected"] + counts["quarantined"] == 0, counts

    def bill(self, order: CycleOrder) -> None:
        key = to_check(self.work, order)
        decide(self.work, key)
        self.at(order.issue_date, hour=12)
        issue.run(self.work, cycle_key=key)
        with self.work.engine.connect() as connection:
            cycle = find_cycle(connection, cycle_key=key)
            assert cycle is not None
            assert statement_rows(connection, "forgotten_days", cycle=cycle) == []

    def bill_some(self, purpose: str, numbers: list[str], *, month: Period, on: date) -> None:
        if numbers:
            accounts = [f"A{no}" for no in numbers]
            self.bill(order_of(purpose, *accounts, period=month.word(), issue_date=on))

    def open_holds(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for no, key in rows(self.work, "select account_no, cycle_key from open_hold order by upper(period), cycle_id"):
            found[no.removeprefix("A")].append(key)
        return found

    def billed(self) -> set[str]:
        return {
            no[1:]
            for (no,) in rows(self.work, "select distinct account_no from invoice join account using (account_id)")
        }

    def month_end(self, month: Period, plan: dict[str, tuple[bool, bool, str]]) -> None:
        following = month.until
        self.at(following)
        lasting = [no for no, customer in self.customers.items() if customer.lasts]
        self.read(month.last_day, [no for no in lasting if plan[no][0]])
        early, billed = [no for no in lasting if plan[no][1]], self.billed()
        day = following + timedelta(days=1)
        self.read(following, early)
        self.bill_some("first", [no for no in early if no not in billed], month=month, on=day)
        self.bill_some("on_demand", [no for no in early if no in billed], month=month, on=day)
        on = following + timedelta(days=2)
        self.bill(dataclasses.replace(cycle_order(), period=month.word(), issue_date=on))

    def middle(self, month: Period, plan: dict[str, tuple[bool, bool, str]]) -> None:
        """The days after the bills of ``month``: contracts end on the 10th, begin on the 20th."""
        tenth, twentieth = month.until.replace(day=10), month.until.replace(day=20)
        chosen: dict[str, list[str]] = defaultdict(list)
        for no, (_, _, action) in plan.items():
            chosen[action].append(no)
        unread = set(chosen["end_unread"] + chosen["move_unread"])
        self._end(tenth, sorted({*unread, *chosen["end"], *chosen["move"]}), unread=unread)
        self._close_late(chosen["close_late"])
        held = self.open_holds()
        for no in chosen["waive_one"] + chosen["waive_all"]:
            for key in held[no][: 1 if no in chosen["waive_one"] else None]:
                waive_hold.run(as_approver(self.work), cycle_key=key, account_no=f"A{no}", reason="próba")
        lasting = {no for no, customer in self.customers.items() if customer.lasts}
        wanted = sorted(lasting & set(chosen["on_demand"]))
        released = sorted(lasting & set(chosen["released_hold"]) & {no for no, keys in held.items() if keys})
        self.read(tenth.replace(day=12), wanted + released)
        self.bill_some("on_demand", wanted, month=month, on=tenth.replace(day=13))
        self.bill_some("released_hold", released, month=month, on=tenth.replace(day=13))
        self._begin(twentieth, chosen["begin"] + chosen["move"] + chosen["move_unread"])

    def _end(self, tenth: date, numbers: list[str], *, unread: set[str]) -> None:
        self.at(tenth.replace(day=12))
        ending = [self.customers[no] for no in numbers if self.customers[no].lasts]
        for customer in ending:
            start = customer.contracts[-1][0]
            name, no = f"C{customer.no}-{len(customer.contracts)}", customer.no
            register(self.work, self.folder, contracts=[f"{name};A{no};PP{no};household;water+sewage;{start};{tenth}"])
            customer.contracts[-1] = (start, tenth)
            if no in unread:
                customer.unread_ends.append(tenth)
        final = [customer.no for customer in ending if customer.no not in unread]
        self.read(tenth, final)
        month = Period(start=tenth.replace(day=1), until=next_month(tenth))
        self.bill_some("final", final[::2], month=month, on=tenth.replace(day=12))

    def _close_late(self, numbers: list[str]) -> None:
        for no in numbers:
            for day in self.customers[no].unread_ends:
                self.read(day, [no])
            self.customers[no].unread_ends.clear()

    def _begin(self, twentieth: date, numbers: list[str]) -> None:
        self.at(twentieth.replace(day=21))
        for no in numbers:
            customer = self.customers[no]
            if not customer.lasts:
                customer.contracts.append((twentieth, None))
                name = f"C{no}-{len(customer.contracts)}"
                register(self.work, self.folder, contracts=[f"{name};A{no};PP{no};household;water+sewage;{twentieth};"])
                self.read(twentieth, [no])


def months_of(period: Period) -> list[date]:
    return [month.start.replace(day=1) for month in period.months()]


def check_months(year: Year) -> None:
    """Each month with a day under contract, from the first cycle on, is billed once, waived, or its account is held."""
    billed: dict[str, Counter[date]] = defaultdict(Counter)
    query = """select account_no, lower(l.period), upper(l.period), l.quantity from invoice i
               join charge_line l using (charge_id) join account using (account_id) where l.service = 'abonament'"""
    for no, start, until, months in rows(year.work, query):
        touched = months_of(Period(start=start, until=until))
        assert len(touched) == months
        billed[no[1:]].update(touched)
    waived: dict[str, set[date]] = defaultdict(set)
    query = """select account_no, lower(period), upper(period) from hold_resolution join cycle using (cycle_id)
               join account using (account_id) where outcome = 'waived'"""
    for no, start, until in rows(year.work, query):
        waived[no[1:]].update(months_of(Period(start=start, until=until)))
    held = {no for no, keys in year.open_holds().items() if keys}
    for no, customer in year.customers.items():
        spans = [(max(start, MONTHS[0].start), end or LAST.until) for start, end in customer.contracts]
        owed = {month for start, end in spans if start < end for month in months_of(Period(start=start, until=end))}
        assert max(billed[no].values(), default=1) == 1, (no, billed[no])
        assert set(billed[no]) <= owed, (no, billed[no])
        open_months = owed - set(billed[no]) - waived[no]
        assert not open_months or no in held, (no, open_months)


def check_days(year: Year) -> None:
    """Each contract's water is billed without a gap from its first reading to its end, or the rest was given up."""
    query = """select p.point_no, lower(b.period), upper(b.period), l.quantity
               from billed_period b join invoice i using (invoice_id)
               join charge_line l on l.charge_id = i.charge_id and l.line_no = b.line_no
               join point p on p.point_id = b.point_id where b.service = 'water' order by 1, 2"""
    billed: dict[str, list[tuple[date, date, int]]] = defaultdict(list)
    for no, start, until, quantity in rows(year.work, query):
        assert quantity == index_on(until) - index_on(start)
        billed[no[2:]].append((start, until, quantity))
    given_up = {
        (no[2:], until): start
        for no, start, until in rows(
            year.work, "select point_no, lower(days), upper(days) from waived_days join point using (point_id)"
        )
    }
    held = {no for no, keys in year.open_holds().items() if keys}
    for no, customer in year.customers.items():
        for contract_from, contract_until in customer.contracts:
            first = max(contract_from, START)
            within = [
                days for days in billed[no] if first <= days[0] and (not contract_until or days[1] <= contract_until)
            ]
            reached = first
            for start, until, _ in within:
                assert start == reached, (no, within)
                reached = until
            if contract_until and given_up.get((no, contract_until), date.max) <= reached:
                reached = contract_until
            end = contract_until or LAST.last_day
            assert reached == end or no in held, (no, contract_from, contract_until, reached)
        assert sum(len([d for d in billed[no] if d == days]) for days in billed[no]) == len(billed[no])


CALM = [(True, False, "")] * 12
WAIVED_IN_THE_MONTH_OF_ITS_BEGINNING = [(True, False, "begin"), *[(False, False, "waive_one")] * 3, *CALM[4:]]


@settings(
    max_examples=4, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)
@example(plans=[CALM] * 7 + [WAIVED_IN_THE_MONTH_OF_ITS_BEGINNING])
@given(plans=PLANS)
def test_a_year_of_bills_in_any_order_bills_everything_once(
    cluster: Path, plans: list[list[tuple[bool, bool, str]]]
) -> None:
    with own_work(cluster) as (work, folder):
        year = Year(work, folder, {no: Customer(no) for no in ACCOUNTS})
        year.settle()
        for number, month in enumerate(MONTHS):
            plan = {no: plans[place][number] for place, no in enumerate(ACCOUNTS)}
            if number == 3:
                plan |= dict.fromkeys(NEWCOMERS, (True, True, "begin"))
            year.month_end(month, plan)
            year.middle(month, plan)
        year.month_end(LAST, dict.fromkeys(ACCOUNTS, (True, False, "")))

        check_months(year)
        check_days(year)
