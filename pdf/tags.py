"""What each piece of a page is, told while it is drawn: headings, paragraphs, tables, figures, in reading order.

A document's structure depends on its shape (which tables, how many rows, which page) and not on its values. So it is
written down as a text of marks, and the objects that say it in PDF are made once for each such text.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pdf.objects import Number, XrefEntry, object_stream, object_stream_entries, within

H1 = "/S/H1"
H2 = "/S/H2"
P = "/S/P"
TABLE = "/S/Table"
ROW = "/S/TR"
CELL = "/S/TD"
COLUMN_HEAD = "/S/TH/A<</O/Table/Scope/Column>>"
ROW_HEAD = "/S/TH/A<</O/Table/Scope/Row>>"
"""Roles, as a structure element says them (ISO 32000-1, 14.8)."""

_SHAPES_KEPT = 512


def group_head(columns: int) -> str:
    """A head over rows, as wide as the table."""
    return f"/S/TH/A<</O/Table/Scope/Row/ColSpan {columns}>>"


def figure(alt: str, *, box: tuple[float, float, float, float]) -> str:
    """A picture inside ``box`` (left, bottom, right, top) that ``alt`` tells to those who cannot see it."""
    told = alt.encode("utf-16-be").hex().upper()
    corners = " ".join(f"{corner:.0f}" for corner in box)
    return f"/S/Figure/Alt<FEFF{told}>/A<</O/Layout/BBox[{corners}]>>"


@dataclass(slots=True)
class Tags:
    """The marks of one document so far; a leaf is marked content, numbered from 0 on each page."""

    marks: list[str] = field(default_factory=list)
    next_mcid: int = 0

    @property
    def shape(self) -> str:
        """All marks as one text: equal for documents of equal structure."""
        return "\n".join(self.marks)

    def page(self) -> None:
        """Another page begins; what is open goes on there."""
        self.marks.append("#")
        self.next_mcid = 0

    def leaf(self, role: str) -> int:
        """A piece of content, drawn in one go; its number on the page."""
        self.marks.append(role)
        self.next_mcid += 1
        return self.next_mcid - 1

    def repeat(self, others: "Tags") -> None:
        """What ``others`` mark, which began to count where these are now."""
        self.marks += others.marks
        self.next_mcid = others.next_mcid

    def open(self, role: str) -> None:
        """What follows belongs to an element of this role, until ``close``."""
        self.marks.append(f"<{role}")

    def close(self) -> None:
        """End the element opened last."""
        self.marks.append(">")


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The structure and the pages of a shape as one deflated object stream, and what the file says of it.

    ``contents`` are the numbers that the streams of the pages have; ``entries`` are the cross-references of the objects
    in it, by number; no number from ``next_number`` on is used.
    """

    stream: bytes
    told: str
    contents: range
    entries: Mapping[int, XrefEntry]
    next_number: int


@dataclass(slots=True)
class _Element:
    role: str
    parent: int
    children: list[str]
    page: int | None = None


@lru_cache(maxsize=_SHAPES_KEPT)
def structure_of(shape: str, *, media_box: str, is_sealed: bool = False) -> Structure:
    """The structure that the marks ``shape`` tell, and its pages.

    Raises:
        ValueError: an element was opened and not closed.
    """
    count = shape.count("#")
    pages = range(Number.FIRST_PAGE, Number.FIRST_PAGE + count)
    contents = range(pages.stop, pages.stop + count)
    elements, leaves = _elements(shape, first=contents.stop)
    parents = " ".join(f"{number}[{' '.join(of_page)}]" for number, of_page in enumerate(leaves))
    if is_sealed:
        parents += f" {count} {_add_field(elements, first=contents.stop)}"
    kids = " ".join(f"{number} 0 R" for number in pages)
    objects = [
        (Number.STRUCTURE_ROOT, _root(contents.stop, count + is_sealed)),
        (Number.PARENT_TREE, f"<</Nums[{parents}]>>"),
        (Number.PAGES, f"<</Type/Pages/Count {count}/Kids[{kids}]/MediaBox{media_box}>>"),
        *(
            (page, _page(number, content, is_sealed=is_sealed and number == 0))
            for number, (page, content) in enumerate(zip(pages, contents, strict=True))
        ),
        *enumerate(_written(elements, pages), start=contents.stop),
    ]
    stream, first = object_stream(objects)
    entries = within(Number.STRUCTURE, range(len(objects)))
    return Structure(
        stream=zlib.compress(stream, 9),
        told=object_stream_entries(count=len(objects), first=first),
        contents=contents,
        entries={number: entry for (number, _), entry in zip(objects, entries, strict=True)},
        next_number=contents.stop + len(elements),
    )


def _root(document: int, next_key: int) -> str:
    return (
        f"<</Type/StructTreeRoot/K {document} 0 R/ParentTree {Number.PARENT_TREE:d} 0 R/ParentTreeNextKey {next_key}>>"
    )


def _page(number: int, content: int, *, is_sealed: bool) -> str:
    fields = f"/Annots[{Number.SEAL_FIELD:d} 0 R]" if is_sealed else ""
    return (
        f"<</Type/Page/Parent {Number.PAGES:d} 0 R/Resources {Number.RESOURCES:d} 0 R/Contents {content} 0 R"
        f"/StructParents {number}/Tabs/S{fields}>>"
    )


def _elements(shape: str, *, first: int) -> tuple[list[_Element], list[list[str]]]:
    """The elements, the document itself before all others, and for each page those of its marked content."""
    elements = [_Element(role="/S/Document", parent=Number.STRUCTURE_ROOT, children=[])]
    pages: list[list[str]] = []
    stack = [0]
    for mark in shape.split("\n"):
        if mark == "#":
            pages.append([])
        elif mark == ">":
            stack.pop()
        else:
            reference = f"{first + len(elements)} 0 R"
            elements[stack[-1]].children.append(reference)
            element = _Element(role=mark.removeprefix("<"), parent=first + stack[-1], children=[])
            if mark.startswith("<"):
                stack.append(len(elements))
            else:
                element.page = len(pages) - 1
                element.children.append(str(len(pages[-1])))
                pages[-1].append(reference)
            elements.append(element)
    if stack != [0]:
        raise ValueError("an element of the structure was not closed")
    return elements, pages


def _add_field(elements: list[_Element], *, first: int) -> str:
    """The field of a seal, last in the document; the reference to its element."""
    held = f"<</Type/OBJR/Obj {Number.SEAL_FIELD:d} 0 R/Pg {Number.FIRST_PAGE:d} 0 R>>"
    reference = f"{first + len(elements)} 0 R"
    elements[0].children.append(reference)
    elements.append(_Element(role="/S/Form", parent=first, children=[held]))
    return reference


def _written(elements: Sequence[_Element], pages: range) -> Iterator[str]:
    for element in elements:
        kids = element.children[0] if len(element.children) == 1 else f"[{' '.join(element.children)}]"
        page = "" if element.page is None else f"/Pg {pages[element.page]} 0 R"
        yield f"<<{element.role}/P {element.parent} 0 R{page}/K {kids}>>"
