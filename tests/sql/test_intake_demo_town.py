"""The demo town: the same bytes for the same seed, everything in it goes in, and it has what real months have."""

import hashlib
from datetime import date
from pathlib import Path

from intake_samples import rows_of, set_clock

from pipeline import collect, convert, import_consents, import_registry
from pipeline.demo import town as demo_town
from pipeline.work import Work

MONTHS = (date(2026, 7, 1), date(2026, 8, 1), date(2026, 9, 1))
POLISH = "ąćęłńóśźżĆŁŚŹŻ"


def write_all(folder: Path, *, accounts: int = 600, seed: int = demo_town.SEED) -> dict[str, str]:
    """Every file of the town; hashes by name."""
    demo_town.write_town(folder, accounts=accounts, seed=seed)
    for month in MONTHS:
        demo_town.write_readings(folder / "readings", month=month, accounts=accounts, seed=seed)
    for number in (0, 1, 2):
        demo_town.write_consents(folder / f"consents-{number}.csv", after_cycle=number, accounts=accounts, seed=seed)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*.csv"))}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_town(tmp_path: Path) -> None:
    first = write_all(tmp_path / "a")
    demo_town.make_town.cache_clear()
    assert write_all(tmp_path / "b") == first
    assert len(first) == 8 + 3 + 3
    assert write_all(tmp_path / "c", seed=2)["parties.csv"] != first["parties.csv"]


def test_a_town_of_any_size_can_be_written(tmp_path: Path) -> None:
    for accounts in (1, 7, 2000):
        assert demo_town.write_town(tmp_path / str(accounts), accounts=accounts)["accounts"] == accounts
        demo_town.write_readings(tmp_path / str(accounts), month=MONTHS[0], accounts=accounts)


def test_every_point_of_the_town_stands_in_the_walk_of_its_route(tmp_path: Path) -> None:
    demo_town.write_town(tmp_path, accounts=200)
    routes, stops = ((tmp_path / f"{name}.csv").read_text("utf-8").splitlines() for name in ("accounts", "route_stops"))
    walks = [line.split(";") for line in stops[1:]]
    assert len(stops) == len((tmp_path / "points.csv").read_text("utf-8").splitlines())
    for route in {line.split(";")[1] for line in routes[1:]}:
        seqs = [int(seq) for _, of, seq, *_ in walks if of == route]
        assert seqs == list(range(1, len(seqs) + 1))


def test_nobody_in_the_town_can_be_real(tmp_path: Path) -> None:
    write_all(tmp_path)
    text = " ".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.csv"))
    domains = {word.partition("@")[2].partition(";")[0].split()[0] for word in text.split(";") if "@" in word}
    assert domains == {"example.com", "poczta.example"}
    assert set(POLISH) <= set(text)


def test_three_months_go_in_with_the_troubles_of_real_ones(work: Work, tmp_path: Path) -> None:
    set_clock(work, 2026, 8, 1, 9)
    demo_town.write_town(tmp_path / "town")
    registry = import_registry.run(work, folder=tmp_path / "town")
    assert (registry["accepted"], registry["rejected"], registry["refused"]) == (registry["rows"], 0, 0)
    converted = []
    for number, month in enumerate(MONTHS):
        file = demo_town.write_consents(tmp_path / f"consents-{number}.csv", after_cycle=number)
        consents = import_consents.run(work, file=file)
        assert consents["accepted"] == consents["rows"]
        converted.append(convert.run(work)["applied"])
        readings = collect.run(work, file=demo_town.write_readings(work.settings.inbox, month=month))
        assert (readings["rejected"], readings["quarantined"]) == (0, 1)
        assert readings["duplicate"] >= 5
        set_clock(work, 2026, 9 + number, 1, 9)
    assert 180 < converted[0] < 240
    assert converted[1:] == [20, 1]
    _assert_troubles(work)


def _assert_troubles(work: Work) -> None:
    assert rows_of(
        work,
        "select count(*) filter (where r.reading_id is not null), count(*) from installation i left join reading r"
        " on r.installation_id = i.installation_id and r.source = 'exchange_removal' where i.removed_on is not null",
    ) == [(1, 2)]
    ((not_read, suspect),) = rows_of(
        work,
        "select count(*) filter (where quality = 'not_read'), count(*) filter (where state = 'SUSPECT') from reading",
    )
    assert (not_read > 3, suspect) == (True, 3)
    ((unread,),) = rows_of(
        work,
        "select count(*) from installation i where removed_on is null and not exists (select 1 from reading r where"
        " r.installation_id = i.installation_id and r.read_on between '2026-07-22' and '2026-08-09')",
    )
    assert unread >= 2
    assert rows_of(work, "select count(*) from party_details where nip is not null") == [(8,)]
    assert rows_of(work, "select count(distinct route) from account_details") == [(4,)]
    ((unconfirmed,),) = rows_of(work, "select count(*) from email_address where state = 'unconfirmed'")
    assert unconfirmed > 0
