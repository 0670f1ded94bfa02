"""A cycle's documents in packs: published whole, found again after a crash, proved later, in a folder and in S3."""

import dataclasses
import hashlib
import itertools
import json
import os
import resource
import signal
import zipfile
from datetime import UTC, datetime

import pytest
from archived import content_of, documents, file_of, lay_out_alone, spoil
from fault_proxy import wire_to
from off_cycles import rows
from rados_gateway import bucket_of, s3_admin
from sqlalchemy import text
from test_cycle import to_issue, to_the_end
from town import HOUSEHOLDS, set_clock, settle

from billing.errors import Retryable
from delivery.archive import pack_key
from delivery.mailbox import Mailbox
from delivery.packs import PackDocument, write_pack
from pdf.invoice import TEMPLATE_VERSION
from pdf.sheet import Document
from pipeline import deliver, duplicate, get_document, issue, packing, reconcile, render, verify_documents
from pipeline import documents as documents_module
from pipeline.cli import main
from pipeline.documents import RenderedBy, archive_of, rendered_by
from pipeline.errors import Inconsistent, OperatorError
from pipeline.statement import statement
from pipeline.work import Work, open_work
from sql.engine import make_engine

KEY = "2026-07~ALL~1"
FIRST = "FV/2026/08/000001"


@pytest.fixture
def issued(work, tmp_path) -> Work:
    """July, issued and not rendered."""
    settle(work, tmp_path)
    to_issue(work)
    issue.run(work, cycle_key=KEY)
    return work


@pytest.fixture
def rendered(issued) -> Work:
    render.run(issued, cycle_key=KEY, chunk_no=0)
    return issued


def objects(work: Work) -> list[str]:
    return list(archive_of(work.settings).list(prefix="faktury/"))


def bytes_of(work: Work) -> dict[str, bytes]:
    return {key: file_of(work, key).read_bytes() for key in objects(work)}


def recorded_now() -> RenderedBy:
    return rendered_by(TEMPLATE_VERSION)


def rendered_here(monkeypatch: pytest.MonkeyPatch, *, by: RenderedBy) -> None:
    """Let this machine take itself for another one."""
    monkeypatch.setattr(documents_module, "rendered_by", lambda _template: by)


def other_template(monkeypatch: pytest.MonkeyPatch, *, version: str | None) -> None:
    """Render otherwise than now; ``version`` None keeps the name of the present version, as a mistake would."""
    real, here = documents_module.render_invoice, recorded_now()

    def render_otherwise(invoice, **named) -> Document:
        made = real(invoice, **named)
        content = made.content + b"% otherwise\n"
        return Document(content=content, pages=made.pages, sha256=hashlib.sha256(content).hexdigest())

    monkeypatch.setattr(documents_module, "render_invoice", render_otherwise)
    if version is not None:
        rendered_here(monkeypatch, by=dataclasses.replace(here, template_version=version))


class Killed(Exception):  # noqa: N818 - stands for SIGKILL, see test_kill_everywhere for the real one
    pass


def die_before_recording(work: Work) -> None:
    def die(*_given: object, **_named: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(render, "record", die)
        with pytest.raises(Killed):
            render.run(work, cycle_key=KEY, chunk_no=0)


def test_a_chunk_is_one_zip_whose_entries_are_the_documents(rendered) -> None:
    (key,) = objects(rendered)
    recorded = documents(rendered)

    with zipfile.ZipFile(file_of(rendered, key)) as pack:
        entries = {entry.filename: entry for entry in pack.infolist()}
        assert {entry.compress_type for entry in entries.values()} == {zipfile.ZIP_STORED}
        assert [name.removesuffix(".pdf").replace("-", "/") for name in entries] == [row.invoice_no for row in recorded]
        for row in recorded:
            content = pack.read(f"{row.invoice_no.replace('/', '-')}.pdf")
            assert content.startswith(b"%PDF-")
            assert hashlib.sha256(content).hexdigest() == row.sha256
            assert content == content_of(rendered, document_id=row.document_id)
    assert key.startswith("faktury/2026/08/paczki/2026-07-ALL-1-")


def test_small_packs_hold_all_of_a_chunk_and_balance(issued, monkeypatch) -> None:
    monkeypatch.setattr(render, "PACK_DOCUMENTS", 4)

    counts = render.run(issued, cycle_key=KEY, chunk_no=0)

    assert counts["rendered"] == counts["documents"] == len(HOUSEHOLDS)
    assert len(objects(issued)) == 3
    deliver.run(issued, cycle_key=KEY)
    reconcile.run(issued, cycle_key=KEY)
    outside = statement(issued, cycle_key=KEY).outside
    assert (outside.documents, outside.packs) == (len(HOUSEHOLDS), 3)


def test_the_evidence_holds_the_hash_of_a_pack(rendered) -> None:
    (key,) = objects(rendered)

    ((body,),) = rows(rendered, "select body from evidence where subject = :subject", subject=f"pack:{key}")

    sha256 = hashlib.sha256(file_of(rendered, key).read_bytes()).hexdigest()
    assert json.loads(body) == {"sha256": sha256, "documents": len(HOUSEHOLDS)}


def test_rendered_again_nothing_is_added(rendered) -> None:
    before = bytes_of(rendered)

    assert render.run(rendered, cycle_key=KEY, chunk_no=0)["rendered"] == 0

    assert bytes_of(rendered) == before


def test_a_pack_that_was_published_and_not_recorded_is_found_again(issued) -> None:
    die_before_recording(issued)
    before = bytes_of(issued)
    assert len(before) == 1
    assert documents(issued) == []

    assert render.run(issued, cycle_key=KEY, chunk_no=0)["rendered"] == len(HOUSEHOLDS)

    assert bytes_of(issued) == before
    deliver.run(issued, cycle_key=KEY)
    assert reconcile.run(issued, cycle_key=KEY)["documents"] == len(HOUSEHOLDS)


def test_a_cycle_without_documents_is_not_told_to_be_sound(issued) -> None:
    with pytest.raises(OperatorError, match="DOCUMENT_UNKNOWN"):
        verify_documents.of_cycle(issued, cycle_key=KEY)


def test_a_pack_of_an_earlier_template_that_was_not_recorded_is_adopted(issued, monkeypatch) -> None:
    with pytest.MonkeyPatch.context() as patched:
        other_template(patched, version="invoice-1")
        die_before_recording(issued)
    before = bytes_of(issued)

    render.run(issued, cycle_key=KEY, chunk_no=0)

    assert bytes_of(issued) == before
    assert {row.template_version for row in documents(issued)} == {"invoice-1"}
    deliver.run(issued, cycle_key=KEY)
    assert reconcile.run(issued, cycle_key=KEY)["documents"] == len(HOUSEHOLDS)
    found = verify_documents.of_cycle(issued, cycle_key=KEY)
    assert found.counts == {"equal": 0, "different": 0, "not comparable": len(HOUSEHOLDS)}
    (reason,) = found.not_comparable
    assert reason == f"template_version was invoice-1, here it is {TEMPLATE_VERSION}"


def test_the_same_versions_with_other_bytes_are_an_alarm_and_nothing_is_recorded(issued) -> None:
    with pytest.MonkeyPatch.context() as patched:
        other_template(patched, version=None)
        die_before_recording(issued)

    with pytest.raises(Inconsistent, match="ARCHIVE_CONFLICT"):
        render.run(issued, cycle_key=KEY, chunk_no=0)

    assert documents(issued) == []


@pytest.mark.parametrize("content", [b"no pack at all", b"PK\x05\x06" + b"\0" * 18])
def test_something_else_under_the_key_of_a_pack_is_an_alarm(issued, content) -> None:
    die_before_recording(issued)
    path = file_of(issued, objects(issued)[0])
    path.chmod(0o600)
    path.write_bytes(content)

    with pytest.raises(Inconsistent, match="ARCHIVE_CONFLICT"):
        render.run(issued, cycle_key=KEY, chunk_no=0)

    assert documents(issued) == []


@pytest.mark.parametrize("cycle_id", [1, 2])
def test_a_database_older_than_the_archive_gives_no_number_a_second_time(issued, cycle_id) -> None:
    def write(file) -> None:
        issued_before = PackDocument(name="FV-2026-08-000004.pdf", content=b"%PDF", pages=1, invoice_sha256="f" * 64)
        write_pack(file, documents=[issued_before], made_by=recorded_now().to_facts())

    folder = f"faktury/2026/08/paczki/2026-07-ALL-1-{cycle_id}/"
    key = pack_key(folder=folder, part=f"0000-{FIRST}", invoice_sha256s=["f" * 64])
    archive_of(issued.settings).put_once(key=key, content=write)

    with pytest.raises(Inconsistent, match=r"ARCHIVE_CONFLICT.*other invoices of these numbers"):
        render.run(issued, cycle_key=KEY, chunk_no=0)

    assert (objects(issued), documents(issued)) == ([key], [])


def test_a_pack_of_another_size_with_the_same_invoices_keeps_nothing_from_being_rendered(issued, monkeypatch) -> None:
    die_before_recording(issued)
    monkeypatch.setattr(render, "PACK_DOCUMENTS", 4)

    assert render.run(issued, cycle_key=KEY, chunk_no=0)["documents"] == len(HOUSEHOLDS)


def test_another_pack_recorded_under_the_same_key_is_an_alarm(issued, monkeypatch) -> None:
    real = packing.insert_pack

    def insert_other(connection, pack):
        real(connection, dataclasses.replace(pack, sha256="0" * 64))
        return real(connection, pack)

    monkeypatch.setattr(packing, "insert_pack", insert_other)

    with pytest.raises(Inconsistent, match="PACK_CHANGED"):
        render.run(issued, cycle_key=KEY, chunk_no=0)

    assert documents(issued) == []


@pytest.mark.parametrize("of", ["document", "invoice", "versions"])
def test_an_earlier_pack_is_not_adopted_with_a_damage(issued, of) -> None:
    with pytest.MonkeyPatch.context() as patched:
        other_template(patched, version="invoice-1")
        die_before_recording(issued)
    ((invoice_sha256,), *_) = rows(issued, "select sha256 from invoice order by sequence")
    damaged = {
        "document": (b"% otherwise", b"% 0therwise"),
        "invoice": (invoice_sha256.encode(), b"0" * 64),
        "versions": (b'"zlib_version"', b'"zlob_version"'),
    }
    path = file_of(issued, objects(issued)[0])
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(*damaged[of], 1))

    with pytest.raises(Inconsistent, match="ARCHIVE_CONFLICT"):
        render.run(issued, cycle_key=KEY, chunk_no=0)

    assert documents(issued) == []


def test_a_duplicate_is_a_pack_of_one(rendered) -> None:
    deliver.run(rendered, cycle_key=KEY)
    set_clock(rendered, datetime(2026, 8, 5, 7, 0))
    made = duplicate.run(rendered, invoice_no=FIRST, send=True)

    assert made["archive_key"].startswith("faktury/2026/08/paczki/duplikaty/FV-2026-08-000001-2026-08-05-")
    assert len(objects(rendered)) == 2
    duplicate.run(rendered, invoice_no=FIRST, send=True)
    assert len(objects(rendered)) == 2
    deliver.run(rendered, cycle_key=None)
    reconcile.run(rendered, cycle_key=KEY)
    assert [verdict.outcome for verdict in verify_documents.of_invoice(rendered, invoice_no=FIRST)] == [
        "equal",
        "equal",
    ]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(arguments)
    found = capsys.readouterr()
    return code, (found.out + found.err).strip()


@pytest.fixture
def at_hand(rendered, monkeypatch) -> Work:
    """The command ``obieg`` finds this installation."""
    monkeypatch.setenv("OBIEG_HOME", str(rendered.settings.home))
    monkeypatch.setenv("OBIEG_DATABASE_URL", str(rendered.settings.database_url))
    return rendered


def test_verify_says_equal(at_hand, capsys) -> None:
    assert said(capsys, "document", "verify", FIRST) == (0, f"{FIRST} is equal")
    assert said(capsys, "document", "verify", "--cycle", KEY) == (0, f"{KEY}: 10 equal, 0 different, 0 not comparable")


def test_verify_says_different_of_a_changed_document_and_of_that_one_only(at_hand, capsys) -> None:
    row = documents(at_hand)[2]
    spoil(at_hand, row)

    code, text = said(capsys, "document", "verify", row.invoice_no)
    assert (code, text.startswith(f"{row.invoice_no} is different: the archive holds")) == (3, True)
    assert said(capsys, "document", "verify", FIRST)[0] == 0
    code, text = said(capsys, "--json", "document", "verify", "--cycle", KEY)
    answer = json.loads(text)
    assert (code, answer["counts"]) == (3, {"different": 1, "equal": 9, "not comparable": 0})
    assert [each["invoice_no"] for each in answer["different"]] == [row.invoice_no]


def test_verify_says_different_of_a_document_that_is_gone(at_hand, capsys) -> None:
    file_of(at_hand, objects(at_hand)[0]).unlink()

    code, text = said(capsys, "document", "verify", FIRST)

    assert (code, "is different: ARCHIVE_MISSING" in text) == (3, True)


def test_verify_says_different_when_the_same_versions_render_otherwise(at_hand, capsys, monkeypatch) -> None:
    other_template(monkeypatch, version=None)

    code, text = said(capsys, "document", "verify", FIRST)

    assert (code, f"{FIRST} is different: rendered again it is" in text) == (3, True)


@pytest.mark.parametrize("name", ["template_version", "fonts_sha256", "zlib_version", "lock_sha256"])
def test_verify_says_not_comparable_and_why_when_versions_differ(at_hand, capsys, monkeypatch, name) -> None:
    other_template(monkeypatch, version=None)
    rendered_here(monkeypatch, by=dataclasses.replace(recorded_now(), **{name: "new"}))

    code, text = said(capsys, "document", "verify", FIRST)

    assert code == 0
    assert text.startswith(f"{FIRST} is not comparable: {name} was ")
    assert text.endswith("here it is new")


def test_other_versions_that_give_the_same_bytes_are_equal(at_hand, capsys, monkeypatch) -> None:
    rendered_here(monkeypatch, by=dataclasses.replace(recorded_now(), zlib_version="1.3"))

    assert said(capsys, "document", "verify", FIRST) == (0, f"{FIRST} is equal")


def test_verify_goes_on_after_an_invoice_that_cannot_be_read(at_hand, capsys, database) -> None:
    owner = make_engine(database.owner_url)
    with owner.begin() as connection:
        connection.execute(text("alter table invoice disable trigger user"))
        connection.execute(text("update invoice set content = '{}' where invoice_no = :no"), {"no": FIRST})
    owner.dispose()

    code, said_of_one = said(capsys, "document", "verify", FIRST)
    assert (code, f"{FIRST} is different: INVOICE_CHANGED" in said_of_one) == (3, True)
    code, said_of_all = said(capsys, "document", "verify", "--cycle", KEY)
    assert (code, f"{KEY}: 9 equal, 1 different" in said_of_all) == (3, True)


def test_of_a_document_from_before_there_were_packs_only_equality_can_be_proved(
    at_hand, capsys, database, monkeypatch
) -> None:
    lay_out_alone(at_hand, database)
    assert said(capsys, "document", "verify", FIRST) == (0, f"{FIRST} is equal")
    other_template(monkeypatch, version=None)

    code, text = said(capsys, "document", "verify", FIRST)

    assert (code, "is not comparable: fonts_sha256 was not recorded" in text) == (0, True)


def test_what_has_no_document_cannot_be_verified(at_hand, capsys) -> None:
    code, text = said(capsys, "document", "verify", "FV/2026/08/009999")

    assert (code, text.startswith("DOCUMENT_UNKNOWN")) == (2, True)


def test_a_document_is_got_out_as_a_file_that_is_never_overwritten(at_hand, capsys, tmp_path) -> None:
    out = tmp_path / "faktura.pdf"

    assert said(capsys, "document", "get", FIRST, "--out", str(out))[0] == 0

    assert out.read_bytes() == content_of(at_hand, invoice_no=FIRST)
    code, text = said(capsys, "document", "get", FIRST, "--out", str(out))
    assert (code, text.startswith("FILE_EXISTS")) == (2, True)
    code, text = said(capsys, "document", "get", FIRST, "--out", str(tmp_path / "none" / "x.pdf"))
    assert (code, text.startswith("FILE_UNWRITABLE")) == (2, True)
    code, text = said(capsys, "document", "get", FIRST, "--out", str(tmp_path / "x"), "--duplicate", "2026-08-05")
    assert (code, text.startswith("DOCUMENT_UNKNOWN")) == (2, True)


def test_a_full_disk_leaves_no_part_of_a_document_that_is_got_out(rendered, tmp_path) -> None:
    out = tmp_path / "faktura.pdf"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OperatorError, match="FILE_UNWRITABLE"):
            get_document.run(rendered, invoice_no=FIRST, out=out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert not out.exists()
    assert get_document.run(rendered, invoice_no=FIRST, out=out) == out.stat().st_size


def test_deliveries_wait_for_an_archive_that_is_not_mounted(rendered) -> None:
    root = rendered.settings.home / "archive"
    root.rename(root.with_name("disk"))
    root.mkdir()
    with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
        deliver.run(rendered, cycle_key=KEY)
    root.rmdir()
    root.with_name("disk").rename(root)

    counts = deliver.run(rendered, cycle_key=KEY)

    assert (counts["accepted"], counts["letters"], counts["letters_blocked"]) == (4, 6, 0)
    assert "blocked" not in counts


def test_a_document_that_was_changed_or_lost_is_not_handed_out(rendered, tmp_path) -> None:
    row = documents(rendered)[0]
    spoil(rendered, row)
    with pytest.raises(Inconsistent, match="DOCUMENT_CHANGED"):
        get_document.run(rendered, invoice_no=row.invoice_no, out=tmp_path / "x.pdf")

    file_of(rendered, row.archive_key).unlink()
    with pytest.raises(Inconsistent, match="DOCUMENT_MISSING"):
        get_document.run(rendered, invoice_no=row.invoice_no, out=tmp_path / "x.pdf")

    assert not (tmp_path / "x.pdf").exists()
    with pytest.raises(OperatorError, match="DOCUMENT_UNKNOWN"):
        get_document.read(rendered, invoice_no="FV/2026/08/009999")


def test_a_worker_killed_among_the_documents_of_a_pack_leaves_no_part_of_it(issued) -> None:
    child = os.fork()
    if child == 0:
        try:
            with open_work(
                settings=issued.settings, database_url=issued.settings.database_url, actor=issued.actor
            ) as own:
                die_at_document(5)
                render.run(own, cycle_key=KEY, chunk_no=0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert (objects(issued), documents(issued)) == ([], [])
    assert render.run(issued, cycle_key=KEY, chunk_no=0)["rendered"] == len(HOUSEHOLDS)
    deliver.run(issued, cycle_key=KEY)
    assert reconcile.run(issued, cycle_key=KEY)["documents"] == len(HOUSEHOLDS)


def die_at_document(place: int) -> None:
    real, made = documents_module.render_invoice, itertools.count(1)

    def render_or_die(invoice, **named) -> Document:
        if next(made) == place:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(invoice, **named)

    documents_module.render_invoice = render_or_die


def in_s3(work: Work, bucket: str, **changes: object) -> Work:
    settings = dataclasses.replace(work.settings, archive_url=f"s3://{bucket}/zdroje", **changes)
    return dataclasses.replace(work, settings=settings)


def test_a_wire_that_breaks_while_a_pack_is_sent_leaves_no_part_of_it(issued, s3_server) -> None:
    with wire_to(s3_server) as wire:
        work = in_s3(issued, bucket_of(s3_server), archive_endpoint=wire.url)
        wire.cut_at = 100_000
        with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
            render.run(work, cycle_key=KEY, chunk_no=0)

        assert (objects(work), documents(work)) == ([], [])
        wire.mend()
        render.run(work, cycle_key=KEY, chunk_no=0)
        deliver.run(work, cycle_key=KEY)
        assert reconcile.run(work, cycle_key=KEY)["documents"] == len(HOUSEHOLDS)


def test_an_answer_lost_after_a_pack_was_taken_makes_no_second_one(issued, s3_server) -> None:
    with wire_to(s3_server) as wire:
        work = in_s3(issued, bucket_of(s3_server), archive_endpoint=wire.url)
        wire.mute_from = 200_000
        with pytest.raises(Retryable, match="ARCHIVE_UNREACHABLE"):
            render.run(work, cycle_key=KEY, chunk_no=0)
        wire.mend()
        (published,) = objects(work)
        assert documents(work) == []

        render.run(work, cycle_key=KEY, chunk_no=0)

        assert objects(work) == [published]
        assert {row.archive_key for row in documents(work)} == {published}


@pytest.mark.parametrize("retain_years", [None, 5])
def test_a_whole_cycle_with_its_archive_in_s3(work, tmp_path, s3_server, retain_years) -> None:
    bucket = bucket_of(s3_server, lock=retain_years is not None)
    work = in_s3(work, bucket, archive_endpoint=s3_server.url, archive_retain_years=retain_years)
    settle(work, tmp_path)

    to_the_end(work, to_issue(work))

    made = statement(work, cycle_key=KEY)
    assert (made.state, made.balanced, made.outside.documents) == ("closed", True, len(HOUSEHOLDS))
    assert Mailbox(path=work.settings.mailbox).count() == 4
    assert len(list((work.settings.exports / "print").glob("*.zip"))) == 1
    assert verify_documents.of_cycle(work, cycle_key=KEY).counts["equal"] == len(HOUSEHOLDS)
    assert not (work.settings.home / "archive").exists()


def test_a_duplicate_of_an_old_invoice_is_kept_for_years_of_its_own(issued, s3_server) -> None:
    bucket = bucket_of(s3_server, lock=True)
    work = in_s3(issued, bucket, archive_endpoint=s3_server.url, archive_retain_years=1)
    render.run(work, cycle_key=KEY, chunk_no=0)
    set_clock(work, datetime(2029, 2, 3, 7, 0))

    made = duplicate.run(work, invoice_no=FIRST, send=False)

    retention = s3_admin(s3_server).get_object_retention(Bucket=bucket, Key=f"zdroje/{made['archive_key']}")
    assert retention["Retention"]["RetainUntilDate"] == datetime(2031, 1, 1, tzinfo=UTC)
