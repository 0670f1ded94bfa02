"""Packs: any tool opens them, the same documents give the same bytes, and each is where the index says."""

import hashlib
import io
import os
import shutil
import subprocess
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.archive import open_archive
from delivery.errors import ArchiveMissing, PackDamaged
from delivery.packs import PackDocument, Packed, read_index, write_pack

MADE_BY = {"template_version": "invoice-2", "zlib_version": "1.2.13"}
MB = 1024 * 1024


def document(number: int, content: bytes | None = None) -> PackDocument:
    return PackDocument(
        name=f"FV-2026-11-{number:06}.pdf",
        content=b"%%PDF-1.7 faktura %d" % number if content is None else content,
        pages=1 + number % 3,
        invoice_sha256=hashlib.sha256(b"%d" % number).hexdigest(),
    )


def packed(documents) -> tuple[bytes, list[Packed]]:
    file = io.BytesIO()
    found = write_pack(file, documents=documents, made_by=MADE_BY)
    return file.getvalue(), found


@given(st.lists(st.binary(min_size=1, max_size=3000), max_size=30))
def test_each_document_lies_where_the_index_says(contents) -> None:
    documents = [document(number, content) for number, content in enumerate(contents)]

    pack, found = packed(documents)

    assert [pack[each.span.start : each.span.start + each.span.length] for each in found] == contents
    assert [each.sha256 for each in found] == [hashlib.sha256(content).hexdigest() for content in contents]
    with zipfile.ZipFile(io.BytesIO(pack)) as opened:
        assert opened.testzip() is None
        assert [opened.read(each.name) for each in found] == contents


def test_the_same_documents_give_the_same_bytes_on_any_day_and_in_any_place(tmp_path) -> None:
    pack, _ = packed(document(number) for number in range(9))

    assert hashlib.sha256(pack).hexdigest() == "db4fe03f25d20abb1c9cffec8c4b09f126793d5e9008765385e7d929b3d7f297"
    with (tmp_path / "pack.zip").open("w+b") as file:
        write_pack(file, documents=[document(number) for number in range(9)], made_by=dict(reversed(MADE_BY.items())))
    assert (tmp_path / "pack.zip").read_bytes() == pack


def test_another_order_other_versions_or_another_invoice_give_other_bytes() -> None:
    documents = [document(1), document(2)]
    other = PackDocument(name=documents[1].name, content=documents[1].content, pages=3, invoice_sha256="0" * 64)
    file = io.BytesIO()
    write_pack(file, documents=documents, made_by=MADE_BY | {"zlib_version": "1.3"})

    found = {packed(documents)[0], packed(documents[::-1])[0], packed([documents[0], other])[0], file.getvalue()}

    assert len(found) == 4


def test_a_name_stands_once() -> None:
    with pytest.raises(ValueError, match="each name once"):
        packed([document(1), document(1, b"%PDF inna")])


def test_a_common_tool_lists_tests_and_unpacks_a_pack(tmp_path) -> None:
    if shutil.which("unzip") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("not installed: unzip")
    pack, _ = packed(document(number) for number in range(40))
    (tmp_path / "pack.zip").write_bytes(pack)

    tested = subprocess.run(["unzip", "-tq", "pack.zip"], cwd=tmp_path, capture_output=True, text=True, check=False)
    subprocess.run(["unzip", "-q", "pack.zip", "FV-2026-11-000007.pdf"], cwd=tmp_path, check=True)

    assert (tested.returncode, tested.stderr) == (0, "")
    assert (tmp_path / "FV-2026-11-000007.pdf").read_bytes() == document(7).content


def test_more_documents_than_a_plain_zip_counts(tmp_path) -> None:
    many = 70_000
    archive = open_archive(f"file://{tmp_path}")
    written: list[Packed] = []

    stored = archive.put_once(
        key="pack.zip",
        content=lambda file: written.extend(
            write_pack(file, documents=(document(number) for number in range(many)), made_by=MADE_BY)
        ),
    )

    index = read_index(archive, key="pack.zip", size_bytes=stored.size_bytes)
    assert len(index.documents) == many
    assert index.documents[-1] == written[-1]
    assert archive.get(key="pack.zip", span=written[-1].span) == document(many - 1).content


def test_memory_holds_one_document_at_a_time(tmp_path) -> None:
    def documents() -> Iterator[PackDocument]:
        return (document(number, os.urandom(30_000)) for number in range(1000))

    with (tmp_path / "pack.zip").open("w+b") as file:
        tracemalloc.start()
        write_pack(file, documents=documents(), made_by=MADE_BY)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert (tmp_path / "pack.zip").stat().st_size > 28 * MB
    assert peak < 4 * MB


def test_the_index_is_read_without_the_documents(tmp_path) -> None:
    archive = open_archive(f"file://{tmp_path}")
    pack, written = packed(document(number, b"x" * 100_000) for number in range(30))
    archive.put_once(key="pack.zip", content=pack)
    read: list[int] = []

    class Counting:
        def get(self, *, key, span=None):
            read.append(span.length)
            return archive.get(key=key, span=span)

    index = read_index(Counting(), key="pack.zip", size_bytes=len(pack))

    assert list(index.documents) == written
    assert len(read) == 1
    assert read[0] < len(pack) / 5


@pytest.mark.parametrize("damage", [b"", b"no zip at all", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_pack_is_said_to_be_none(tmp_path, damage) -> None:
    archive = open_archive(f"file://{tmp_path}")
    archive.put_once(key="pack.zip", content=damage)

    with pytest.raises((PackDamaged, ArchiveMissing)):
        read_index(archive, key="pack.zip", size_bytes=len(damage))


def test_no_single_byte_of_the_directory_can_stop_the_reading_otherwise(tmp_path) -> None:
    pack, written = packed([document(1), document(2)])
    directory = pack.index(b"PK\x01\x02")
    archive = open_archive(f"file://{tmp_path}")

    for place in range(directory, len(pack)):
        damaged = bytearray(pack)
        damaged[place] = 255
        archive.put_once(key=f"{place}.zip", content=bytes(damaged))
        try:
            read = read_index(archive, key=f"{place}.zip", size_bytes=len(pack))
        except PackDamaged:
            continue
        assert len(read.documents) <= len(written)


def test_a_zip_of_somebody_else_is_no_pack(tmp_path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as foreign:
        foreign.writestr("FV-1.pdf", b"%PDF")
    archive = open_archive(f"file://{tmp_path}")
    archive.put_once(key="pack.zip", content=file.getvalue())

    with pytest.raises(PackDamaged, match="PACK_DAMAGED"):
        read_index(archive, key="pack.zip", size_bytes=len(file.getvalue()))


def test_a_pack_that_ends_too_early_is_missing_a_part(tmp_path) -> None:
    archive = open_archive(f"file://{tmp_path}")
    pack, _ = packed([document(1)])
    archive.put_once(key="pack.zip", content=pack[:-1])

    with pytest.raises(ArchiveMissing):
        read_index(archive, key="pack.zip", size_bytes=len(pack))
