"""The objects of a file: which numbers they have, and how they are written (ISO 32000-1, 7.3 and 7.5)."""

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum

XrefEntry = bytes
"""Six bytes of a cross-reference stream: how an object is stored, and where."""

XREF_WIDTHS = "[1 3 2]"


class Number(IntEnum):
    """The objects that a document has once; its pages, their content and the elements of its structure come after.

    ``LOGO`` is there only in documents with one, ``ATTACHED`` and ``DATA`` in those that carry their data,
    ``SEAL_FIELD`` and ``SEAL`` in those that are sealed.
    """

    REGULAR_FILE = 1
    TO_UNICODE = 2
    BOLD_FILE = 3
    PROFILE = 4
    LOGO = 5
    RESOURCES = 6
    CATALOG = 7
    REGULAR = 8
    BOLD = 9
    REGULAR_MEASURES = 10
    BOLD_MEASURES = 11
    ATTACHED = 12
    COMMON = 13
    METADATA = 14
    INFO = 15
    DATA = 16
    STRUCTURE = 17
    XREF = 18
    STRUCTURE_ROOT = 19
    PARENT_TREE = 20
    PAGES = 21
    SEAL_FIELD = 22
    SEAL = 23
    FIRST_PAGE = 24


def dictionary_object(number: int, body: str) -> bytes:
    """An object that is no stream."""
    return f"{number:d} 0 obj\n{body}\nendobj\n".encode("ascii")


def stream_object(number: int, content: bytes, entries: str = "/Filter/FlateDecode") -> bytes:
    """A stream; PDF/A wants an end of line before ``endstream`` (ISO 19005-3, 6.1.7.1)."""
    head = f"{number:d} 0 obj\n<</Length {len(content)}{entries}>>stream\n"
    return b"".join((head.encode("ascii"), content, b"\nendstream\nendobj\n"))


def object_stream(objects: Sequence[tuple[int, str]]) -> tuple[bytes, int]:
    """The content of an object stream (7.5.7), and where the first object begins in it."""
    offsets, offset = [], 0
    for number, body in objects:
        offsets.append(f"{number:d} {offset}")
        offset += len(body) + 1
    head = f"{' '.join(offsets)}\n"
    return (head + "\n".join(body for _, body in objects)).encode("ascii"), len(head)


def object_stream_entries(*, count: int, first: int) -> str:
    """What the dictionary of a deflated object stream says."""
    return f"/Filter/FlateDecode/Type/ObjStm/N {count}/First {first}"


def at(offset: int) -> XrefEntry:
    """An object that begins ``offset`` bytes into the file."""
    return b"\1" + struct.pack(">I", offset)[1:] + b"\0\0"


def within(stream: int, places: Iterable[int]) -> list[XrefEntry]:
    """Objects at ``places`` of an object stream."""
    head = b"\2" + struct.pack(">I", stream)[1:]
    return [head + struct.pack(">H", place) for place in places]


FREE: XrefEntry = b"\0\0\0\0\0\0"
HEAD_OF_FREE: XrefEntry = b"\0\0\0\0\xff\xff"
