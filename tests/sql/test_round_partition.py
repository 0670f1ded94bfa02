"""Random readings, codes, exchanges and repeats: the states always partition the round, and so do the results."""

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from intake_samples import rows_of
from registry_rows import read, register
from town import EVERYBODY, set_clock, settle

from billing.rounds import StopState
from pipeline import close_round, open_round, round_stops
from pipeline.errors import OperatorError
from pipeline.work import Work

HEADER = "service_point;meter_no;read_at;index;unit;source;quality;reason_code"
SOURCES = ("handheld", "customer_portal", "radio_walkby", "estimate", "staff")


def random_row(chance: Random, no: str) -> str:
    day = datetime(2026, 8, 20) + timedelta(hours=chance.randrange(20 * 24))
    where = f"PP{no};M{no};{day:%Y-%m-%d %H:%M}"
    source = chance.choice(SOURCES)
    if chance.random() < 0.3:
        return f"{where};;m3;{source};not_read;{chance.choice(('no_access', 'damaged', 'covered'))}"
    quality = "estimated" if source == "estimate" else "actual"
    return f"{where};{int(no) * 10 + chance.randrange(-5, 20)};m3;{source};{quality};"


@pytest.mark.parametrize("seed", range(6))
def test_the_states_partition_the_round(work: Work, tmp_path: Path, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - the seed names the case
    settle(work, tmp_path)
    set_clock(work, datetime(2026, 8, 20, 6, 0))
    walk = [f"PP{no};RED;{chance.randrange(1, 50)};piwnica;;2026-08-01" for no in EVERYBODY]
    register(work, tmp_path, route_stops=walk)
    key = open_round.run(work, route="RED", until=date(2026, 9, 5), start=date(2026, 8, 25))["round"]
    set_clock(work, datetime(2026, 9, 10, 12, 0))
    for _ in range(2):
        rows = [
            random_row(chance, no) for no in EVERYBODY if chance.random() < 0.8 for _ in range(chance.randrange(1, 4))
        ]
        rows += chance.sample(rows, k=min(3, len(rows)))
        try:
            read(work, tmp_path, *rows, header=HEADER)
        except OperatorError:
            pytest.fail("a file of random rows was refused")
    gone = [no for no in EVERYBODY if chance.random() < 0.25]
    for no in gone:
        day = date(2026, 8, 21) + timedelta(days=chance.randrange(20))
        register(work, tmp_path, meters=[f"M{no}X;PP{no};5;0;{day};0;M{no};"])

    shown = round_stops.run(work, round_key=key)
    closed = close_round.run(work, round_key=key)

    assert [stop["seq"] for stop in shown["each"]] == list(range(1, len(EVERYBODY) + 1))
    assert sum(shown["totals"].values()) == sum(closed["totals"].values()) == shown["stops"] == len(EVERYBODY)
    assert closed["totals"] == shown["totals"] | {"open": 0, "listed": shown["totals"]["open"]}
    assert {stop["state"] for stop in shown["each"]} <= set(StopState)
    assert rows_of(work, "select count(*), count(distinct seq) from round_result") == [(12, 12)]
    independent = rows_of(
        work,
        """
        select s.seq from round_stop s where exists (
            select 1 from reading r where r.installation_id = s.installation_id and r.state = 'VALID'
               and r.index_m3 is not null and r.read_on >= '2026-08-25' and r.read_on < '2026-09-05'
               and r.source in ('handheld', 'customer_portal', 'radio_walkby', 'staff')) order by s.seq
        """,
    )
    assert [(stop["seq"],) for stop in closed["each"] if stop["state"] == "read"] == independent
