"""Print packages and whatever comes between: each letter in exactly one recorded package, whose file is there."""

import csv
import hashlib
import io
import shutil
import socket
import zipfile
from collections import Counter
from collections.abc import Callable

import pytest
from deliveries_seen import FIRST, MAILS, deliveries, one, sweep, with_settings
from smtp_fault_server import Fault
from sqlalchemy import text
from town import HOUSEHOLDS, PAPERLESS

from billing.errors import Retryable
from delivery.errors import ArchiveConflict
from pipeline import deliver, deliver_email, deliver_packages, deliver_paper, issue, render
from pipeline.work import Work
from sql.deliveries import insert_package

KEY = "2026-07~ALL~1"
LETTERS = sorted(f"A{no}" for no in HOUSEHOLDS if no not in PAPERLESS)


class Crash(Exception):  # noqa: N818 - the end of a process, played
    """The process ends here."""


def crash(*_args: object, **_options: object) -> None:
    raise Crash


def printed(work: Work) -> list[str]:
    """Accounts of the letters in recorded packages, as their files have them; the files are whole and alone."""
    with work.engine.connect() as connection:
        packages = connection.execute(text("select path, sha256, letters from print_package order by 1")).all()
    folder = work.settings.exports / "print"
    assert sorted(folder.rglob("*.zip")) == [work.settings.home / package.path for package in packages]
    accounts: list[str] = []
    for package in packages:
        content = (work.settings.home / package.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == package.sha256
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            manifest = archive.read("manifest.csv").decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(manifest), delimiter=";"))
        assert len(rows) == package.letters
        accounts += [row["account_no"] for row in rows]
    packaged = [who for who, state in deliveries(work, "paper").items() if state == "packaged"]
    assert sorted(accounts) == sorted(packaged)
    assert set(Counter(accounts).values()) <= {1}
    return sorted(accounts)


def before_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver_paper, "insert_package", crash)


def after_recording_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def record_and_crash(*args: object, **options: object) -> None:
        insert_package(*args, **options)
        raise Crash

    monkeypatch.setattr(deliver_paper, "insert_package", record_and_crash)


def before_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver_packages, "move_once", crash)


def while_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver_paper, "form_for", crash)


def between_the_two_names_of_the_move(monkeypatch: pytest.MonkeyPatch) -> None:
    def link_and_crash(*, source, target) -> None:
        target.hardlink_to(source)
        raise Crash

    monkeypatch.setattr(deliver_packages, "move_once", link_and_crash)


POINTS = [
    while_writing,
    before_recording,
    after_recording_before_the_commit,
    before_the_move,
    between_the_two_names_of_the_move,
]


@pytest.mark.parametrize("point", POINTS)
def test_after_a_crash_anywhere_each_letter_is_in_one_package_although_others_have_joined(
    town, server, point: Callable[[pytest.MonkeyPatch], None]
) -> None:
    server.faults[FIRST] = Fault.GREYLIST_ONCE
    with pytest.MonkeyPatch.context() as patched:
        point(patched)
        with pytest.raises(Crash):
            sweep(town)
    with town.engine.begin() as connection:  # by the next run another letter has joined those of the first
        connection.execute(text("update delivery set not_before = now() where state = 'ready'"))
    server.faults[FIRST] = Fault.DEAD_ADDRESS

    sweep(town)
    assert printed(town) == sorted([*LETTERS, "A0002"])
    sweep(town)

    assert printed(town) == sorted([*LETTERS, "A0002"])
    assert [path for path in (town.settings.exports / "print" / ".pending").rglob("*") if path.is_file()] == []


def test_a_package_that_was_recorded_is_found_by_the_next_run_even_if_no_letter_waits(town, server) -> None:
    with pytest.MonkeyPatch.context() as patched:
        before_the_move(patched)
        with pytest.raises(Crash):
            sweep(town)
    assert one(town, "select count(*) as n from print_package").n == 1
    assert list((town.settings.exports / "print").glob("*.zip")) == []

    assert sweep(town)["letters"] == 0

    assert printed(town) == LETTERS


def test_a_package_is_not_seen_before_it_is_recorded(town, server, monkeypatch) -> None:
    seen: list[list[str]] = []

    def look(*args: object, **options: object) -> None:
        seen.append([path.name for path in (town.settings.exports / "print").glob("*.zip")])
        insert_package(*args, **options)

    monkeypatch.setattr(deliver_paper, "insert_package", look)

    sweep(town)

    assert seen == [[]]
    assert printed(town) == LETTERS


def test_what_another_worker_left_unrecorded_a_moment_ago_is_no_conflict(town, server, monkeypatch) -> None:
    look = deliver_paper.cycles_with_letters

    def another_dies_then_look(*args: object, **options: object) -> object:
        left = town.settings.exports / "print" / ".pending" / f"print-{KEY}-P1.zip"
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"other letters")
        return look(*args, **options)

    monkeypatch.setattr(deliver_paper, "cycles_with_letters", another_dies_then_look)

    sweep(town)

    assert printed(town) == LETTERS


def test_a_file_of_the_next_package_s_name_that_nobody_recorded_is_neither_overwritten_nor_recorded(
    town, server
) -> None:
    theirs = town.settings.exports / "print" / f"print-{KEY}-P1.zip"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"of another database")

    with pytest.raises(ArchiveConflict, match="PRINT_CONFLICT"):
        sweep(town)

    assert theirs.read_bytes() == b"of another database"
    assert one(town, "select count(*) as n from print_package").n == 0
    assert server.recipients == MAILS
    theirs.unlink()
    sweep(town)
    assert printed(town) == LETTERS


def test_a_sweep_while_the_cycle_is_rendered_makes_no_package(issued, server, monkeypatch) -> None:
    monkeypatch.setattr(render, "PACK_DOCUMENTS", 4)
    batches: list[dict[str, int]] = []
    record = render.record

    def sweep_and_record(*args: object, **options: object) -> None:
        if batches or one(issued, "select count(*) as n from document").n:
            batches.append(sweep(issued))
        record(*args, **options)

    monkeypatch.setattr(render, "record", sweep_and_record)

    render.run(issued, cycle_key=KEY, chunk_no=0)

    assert [counts["letters"] for counts in batches] == [0, 0]
    assert batches[0]["released"] == 4
    assert not (issued.settings.exports / "print").exists()
    sweep(issued)
    assert printed(issued) == LETTERS
    assert one(issued, "select count(*) as n from print_package").n == 1
    assert server.recipients == MAILS


def test_a_rendering_that_ends_after_the_sweep_began_does_not_split_the_package(issued, server, monkeypatch) -> None:
    first = iter([4, 0])
    unrendered = render.invoices_to_render
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            render,
            "invoices_to_render",
            lambda *given, **asked: unrendered(*given, **asked | {"most": next(first)}),
        )
        render.run(issued, cycle_key=KEY, chunk_no=0)

    def render_the_rest(*args: object, **options: object) -> Counter[str]:
        render.run(issued, cycle_key=KEY, chunk_no=0)
        return deliver_email.send_ready(*args, **options)

    monkeypatch.setattr(deliver, "send_ready", render_the_rest)

    assert sweep(issued)["letters"] == 0
    assert sweep(issued)["letters"] == len(LETTERS)
    assert one(issued, "select count(*) as n from print_package").n == 1


def test_an_issue_run_again_does_not_open_a_rendered_cycle(town, server) -> None:
    issue.run(town, cycle_key=KEY)

    sweep(town)

    assert printed(town) == LETTERS


def test_letters_leave_although_the_relay_is_away(town, server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"smtp://127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(Retryable, match="SMTP_UNREACHABLE"):
        sweep(with_settings(town, smtp_url=nobody))

    assert printed(town) == LETTERS
    assert set(deliveries(town).values()) == {"ready"}


def test_e_mails_leave_although_no_package_can_be_written(town, server) -> None:
    folder = town.settings.exports / "print"
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where a folder should be")

    with pytest.raises(Retryable, match="PRINT_UNWRITABLE"):
        sweep(town)

    assert server.recipients == MAILS
    assert set(deliveries(town, "paper").values()) == {"ready"}
    folder.unlink()
    sweep(town)
    assert printed(town) == LETTERS


def test_a_package_that_the_office_has_taken_away_is_not_made_again(town, server) -> None:
    sweep(town)
    shutil.rmtree(town.settings.exports / "print")

    assert sweep(town)["packages"] == 0

    assert not (town.settings.exports / "print").exists()
