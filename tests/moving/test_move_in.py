"""A utility moves in with dirty data: every defect is told, nothing is mended in silence, and then it bills as before.

``OBIEG_MOVE_ACCOUNTS`` sets the size of the town; of a large one the documents are not rendered and sent.
"""

import csv
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path

import pytest
from brzozowka_rater import totals
from old_defects import Planted, kinds
from old_export import SEED, write_all
from old_town import AS_OF, NEW_CYCLES, PAST_CYCLES, OldAccount, old_lines, old_town
from sqlalchemy import text

from billing.periods import next_month
from billing.reading_life import Decision
from pipeline import (
    approve,
    check,
    collect,
    convert,
    deliver,
    freeze,
    import_consents,
    import_registry,
    issue,
    open_cycle,
    rate,
    reconcile,
    render,
)
from pipeline.cutover import check as cutover_check
from pipeline.cutover import load, switch_on
from pipeline.errors import OperatorError
from pipeline.open_cycle import CycleOrder
from pipeline.parallel import run as parallel
from pipeline.parallel.show import accept, show
from pipeline.queue import bulk, entries
from pipeline.queue.entries import Filter
from pipeline.queue.planning import Chosen
from pipeline.settings import Settings
from pipeline.statement import statement
from pipeline.work import WARSAW, Actor, Work, open_work
from sql.clock import set_demo_clock
from sql.evidence import verify_chain

ACCOUNTS = int(os.environ.get("OBIEG_MOVE_ACCOUNTS", "1500"))
RENDERED_MOST = 5000
UTILITY = Path(__file__).with_name("brzozowka")
REGISTRY = ("parties", "accounts", "account_parties", "connections", "points", "contracts", "meters", "emails")
BOOKS = ("positions", "balances", "history")
NOON = clock_time(12)
CASCADES = {"R108", "R109", "R110", "R111", "R117"}


@pytest.fixture
def moving(settings: Settings, tmp_path: Path) -> Iterator[Work]:
    """An empty database of the utility that moves in, on the day after its last old cycle."""
    folder = tmp_path / "utility"
    shutil.copytree(UTILITY, folder)
    ours = replace(settings, utility=folder)
    with open_work(settings=ours, database_url=str(ours.database_url), actor=Actor(name="operator", via="cli")) as work:
        with work.engine.begin() as connection:
            set_demo_clock(connection, moment=datetime(2026, 9, 20, 8, tzinfo=WARSAW))
        yield work


def reported(folder: Path, kind: str) -> list[tuple[int, str, str, str]]:
    """Line, outcome, codes and raw row of each line of a report that was not simply taken."""
    with (folder / f"{kind}.report.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["line_no"]]
    return [
        (int(row["line_no"]), row["outcome"], row["codes"], row["raw"])
        for row in rows
        if row["outcome"] not in {"ACCEPTED", "DUPLICATE"}
    ]


def assert_told(folder: Path, kind: str, planted: list[Planted]) -> None:
    """Each planted defect stands in the report under its code; whatever else does names a row that was spoilt."""
    wanted = {one.line_no: one.code for one in planted if one.file == kind}
    spoilt = {f"{one.account:06}" for one in planted if one.spoils}
    told = reported(folder, kind)
    assert {line: codes for line, _, codes, _ in told if line in wanted} == wanted
    for line, outcome, codes, raw in told:
        if line not in wanted:
            assert outcome == "REJECTED", (kind, line, codes)
            assert codes in CASCADES, (kind, line, codes)
            assert any(number in raw for number in spoilt), (kind, line, codes)


def test_the_list_of_defects_is_what_it_says() -> None:
    assert sum(defect["count"] for defect in kinds()) == 500
    assert len({defect["kind"] for defect in kinds()}) == len(kinds()) >= 25


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says how long each part took, to whoever has set the size of the town."""
    started = [time.monotonic()]

    def say(part: str) -> None:
        now = time.monotonic()
        with capsys.disabled():
            if "OBIEG_MOVE_ACCOUNTS" in os.environ:
                sys.stdout.write(f"{ACCOUNTS} accounts, {part}: {now - started[0]:.1f} s\n")
        started[0] = now

    return say


def test_sixty_thousand_customers_move_in(moving: Work, tmp_path: Path, told: Callable[[str], None]) -> None:
    old = tmp_path / "old"
    planted = write_all(old, accounts=ACCOUNTS)
    town = old_town(accounts=ACCOUNTS, seed=SEED)
    told("export of the old system")
    load_registry(moving, old, planted)
    told("registry, with defects and mended")
    load_books(moving, old, planted)
    told("positions, balances, history, consents, with defects and mended")
    for month in PAST_CYCLES:
        rate_again(moving, old, month, town)
    told("two past cycles computed again")
    found = cutover_check.run(moving)
    assert found.bars == ()
    assert all(total.old == total.ours for total in found.totals)
    with pytest.raises(OperatorError, match="SELF_APPROVAL"):
        switch_on.run(moving, note="compared")
    switch_on.run(as_approver(moving), note="compared name by name")
    numbers = 8 * ACCOUNTS
    for month in NEW_CYCLES:
        numbers = bill(moving, old, month, town, numbers)
        told(f"cycle {month:%Y-%m}")
    with moving.engine.connect() as connection:
        assert verify_chain(connection) is None


def load_registry(work: Work, old: Path, planted: list[Planted]) -> None:
    """The dirty files, then the mended ones: what was refused comes in, what stands is a duplicate."""
    counts = import_registry.run(work, folder=old / "dirty")
    reports = work.settings.exports / "registry"
    for kind in REGISTRY:
        assert_told(reports, kind, planted)
    told = Counter(outcome for kind in REGISTRY for _, outcome, _, _ in reported(reports, kind))
    assert counts["rows"] == counts["accepted"] + counts["rejected"] + counts["quarantined"]
    assert (counts["rejected"], counts["quarantined"]) == (told["REJECTED"], told["QUARANTINED"])
    again = import_registry.run(work, folder=old / "dirty")
    assert (again["already"], again["rows"]) == (len(REGISTRY), 0)
    mended = import_registry.run(work, folder=old / "clean")
    assert (mended["rejected"], mended["quarantined"]) == (0, 0)
    assert mended["accepted"] > 0


def load_books(work: Work, old: Path, planted: list[Planted]) -> None:
    """Positions, balances, history and consents likewise; a row that nobody misses is dismissed by its line."""
    load.run(work, folder=old / "dirty", as_of=AS_OF)
    for kind in BOOKS:
        assert_told(work.settings.exports / "cutover", kind, planted)
    with pytest.raises(OperatorError, match="NOT_SWITCHED_ON"):
        open_cycle.run(work, order=order_of(NEW_CYCLES[0]))
    assert load.run(work, folder=old / "clean", as_of=AS_OF)["rejected"] == 0
    for one in planted:
        if one.file in BOOKS and not one.spoils:
            switch_on.dismiss(work, file=f"{one.file}.csv", line_no=one.line_no, note="no such thing here")
    import_consents.run(work, file=old / "dirty" / "consents.csv")
    assert_told(work.settings.exports / "consents", "consents", planted)
    assert import_consents.run(work, file=old / "clean" / "consents.csv")["rejected"] == 0
    convert.run(work)


def rate_again(work: Work, old: Path, month: date, town: list[OldAccount]) -> None:
    """Every old invoice is equal to the grosz, or stands under the cause of its quirk, or is one that we hold."""
    name = f"{month:%Y-%m}"
    parallel.run(work, folder=old / "past" / name, name=name)
    with (old / "past" / "quirks.csv").open(encoding="utf-8", newline="") as file:
        quirks = {row["account_no"]: row["cause"] for row in csv.DictReader(file, delimiter=";")}
    gardens = {one.account_no for one in town if waits_for_a_garden(one)}
    shown = show(work, name=name)
    differing = {one["account_no"]: one["cause"] for one in shown.differences}
    assert {no: differing.pop(no) for no in quirks} == quirks
    assert set(differing) == gardens
    state = shown.state
    assert state["compared"] == len(town) == state["equal"] + state["differing"]
    for one in shown.differences:
        accept(as_approver(work), name=name, account_no=one["account_no"], note="the old system's own way")
    assert show(work, name=name).state["differing"] == 0


def bill(work: Work, old: Path, month: date, town: list[OldAccount], last_number: int) -> int:
    """A cycle after the switch-on bills what the old system would have billed; the last number that it used."""
    set_clock(work, datetime.combine(next_month(month), NOON))
    readings = next((old / "readings").glob(f"*_{next_month(month) - timedelta(days=1):%Y%m%d}T*.csv"))
    assert collect.run(work, file=readings)["rejected"] == 0
    confirm_suspects(work)
    key = open_cycle.run(work, order=order_of(month))["cycle_key"]
    chunks = freeze.run(work, cycle_key=key)["chunks"]
    for chunk_no in range(chunks):
        rate.run(work, cycle_key=key, chunk_no=chunk_no)
    check.run(work, cycle_key=key)
    approve.run(work, cycle_key=key, decision="approved", decided_by="approver", decided_via="cli", note="")
    set_clock(work, datetime.combine(order_of(month).issue_date, NOON))
    issue.run(work, cycle_key=key)
    assert issued(work, key) == wanted(town, month)
    if ACCOUNTS <= RENDERED_MOST:
        for chunk_no in range(chunks):
            render.run(work, cycle_key=key, chunk_no=chunk_no)
        deliver.run(work, cycle_key=key)
        reconcile.run(work, cycle_key=key)
        made = statement(work, cycle_key=key)
        assert made.balanced, made.text()
    with work.engine.connect() as connection:
        numbers = connection.execute(
            text(
                "select min(sequence), max(sequence), count(*) from invoice join cycle using (cycle_id)"
                " where cycle_key = :key"
            ),
            {"key": key},
        ).one()
    assert (numbers[0], numbers[1]) == (last_number + 1, last_number + numbers[2])
    return int(numbers[1])


def confirm_suspects(work: Work) -> None:
    """The office looks at what the checks set aside: all of it is what the meters show."""
    waiting = [
        Chosen(reading_id=one["reading_id"], decision=Decision.CONFIRMED) for one in entries.run(work, asked=Filter())
    ]
    if waiting:
        choose = bulk.choose_readings(waiting, by=work.actor.name)
        seen = bulk.preview(work, choose=choose)
        bulk.run(work, choose=choose, sha256=seen.sha256, reason="compared with the readers' photographs")


def issued(work: Work, key: str) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Net, VAT and gross of each account's invoice, or of the draft of a buyer under the KSeF duty."""
    with work.engine.connect() as connection:
        rows = connection.execute(text(AMOUNTS), {"key": key})
        return {row.account_no: (row.net_zl, row.vat_zl, row.gross_zl) for row in rows}


AMOUNTS = """
    select a.account_no, i.net_zl, i.vat_zl, i.gross_zl
    from invoice i join account a using (account_id) join cycle c using (cycle_id) where c.cycle_key = :key
    union all
    select a.account_no, cast(h.draft::jsonb ->> 'net_zl' as numeric), cast(h.draft::jsonb ->> 'vat_zl' as numeric),
           cast(h.draft::jsonb ->> 'gross_zl' as numeric)
    from hold h join account a using (account_id) join cycle c using (cycle_id)
    where c.cycle_key = :key and h.draft is not null
"""


def wanted(town: list[OldAccount], month: date) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """What the independent rater makes of the month, for all but those whose garden meters nobody reads."""
    return {one.account_no: totals(old_lines(one, month)) for one in town if not waits_for_a_garden(one)}


def waits_for_a_garden(one: OldAccount) -> bool:
    """The old system's files hold no reading of a garden meter; where sewage depends on one, the account is held."""
    return any(point.garden and "sewage" in point.services for point in one.points)


def order_of(month: date) -> CycleOrder:
    return CycleOrder(
        period=f"{month:%Y-%m}",
        route_set="ALL",
        issue_date=next_month(month) + timedelta(days=1),
        payment_days=14,
        dry_run=False,
    )


def as_approver(work: Work) -> Work:
    return replace(work, actor=Actor(name="approver", via="cli"))


def set_clock(work: Work, moment: datetime) -> None:
    with work.engine.begin() as connection:
        set_demo_clock(connection, moment=moment.replace(tzinfo=WARSAW))
