"""Pages being drawn: texts and shapes as the operators that they become, each with what it means.

What a text is (a heading, a cell …) is told where it is drawn: ``page.heading``, ``page.line``, or everything inside
``with page.tagged(P)``. What is drawn outside of these is decoration: it is seen, and not read aloud. Lengths are
points; ``y`` counts down from the top edge of the paper.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar, cast

from reportlab.lib.pagesizes import A4

from pdf.colour import HAIRLINE, INK, Colour
from pdf.cut import encoded
from pdf.look import PLAIN, Look
from pdf.metadata import Metadata
from pdf.seal import Seal
from pdf.symbol import dark_runs
from pdf.tags import P, Tags, figure
from pdf.typeface import BOLD, REGULAR, text_width, wrap
from pdf.writer import TaggedDocument

PAGE_WIDTH, PAGE_HEIGHT = A4
MM = 72 / 25.4

_ESCAPES = str.maketrans({"\\": r"\\", "(": r"\(", ")": r"\)"})


Given = ParamSpec("Given")
Result = TypeVar("Result")


class _Begin(dict[str, str]):
    """How marked content of a role begins."""

    def __missing__(self, role: str) -> str:
        begin = self[role] = f"/{role.split('/')[2]}<</MCID "
        return begin


_BEGIN = _Begin()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Style:
    """How a text looks; ``leading`` is the distance from one baseline to the next. Each is itself only."""

    size: float
    bold: bool = False
    colour: Colour = INK
    font: str = field(init=False)
    leading: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "font", BOLD if self.bold else REGULAR)
        object.__setattr__(self, "leading", self.size * 1.32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A finished file: its bytes, how many pages it has, and the hex SHA-256 of the bytes."""

    content: bytes
    pages: int
    sha256: str


@dataclass(slots=True)
class Page:
    """One page being drawn: shapes lie under figures, and both under the texts."""

    look: Look = PLAIN
    tags: Tags = field(default_factory=Tags)
    shapes: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    style: Style | None = None
    is_tagged: bool = False
    has_spoken: bool = False

    def __post_init__(self) -> None:
        self.tags.page()

    def following(self) -> "Page":
        """The next page of the same document."""
        return Page(look=self.look, tags=self.tags)

    def tagged(self, role: str) -> Self:
        """``with`` it, the texts that are drawn are one piece of the document: a paragraph, a cell."""
        self.texts.append(f"{_BEGIN[role]}{self.tags.leaf(role)}>>BDC")
        return self

    def __enter__(self) -> None:
        self.is_tagged, self.has_spoken = True, False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.texts.append("EMC")
        self.is_tagged = False

    @contextmanager
    def part(self, role: str) -> Iterator[None]:
        """``with`` it, what is drawn belongs to one table, or to one row."""
        self.tags.open(role)
        yield
        self.tags.close()

    def kept(
        self, draw: Callable[Concatenate["Page", Given], Result], *given: Given.args, **named: Given.kwargs
    ) -> Result:
        """Do ``draw(page, …)``, which draws the same for many documents: it is done once, and what came of it is kept.

        It must depend on nothing but what it is given, and must not begin another page.
        """
        piece = _drawn_once(draw, given, tuple(named.items()), self.tags.next_mcid, self.look)
        self.texts.append(piece.texts)
        self.shapes += piece.shapes
        self.figures += piece.figures
        self.tags.repeat(piece.tags)
        self.style = None
        return cast("Result", piece.result)

    def line(self, x: float, y: float, text: str, style: Style, *, role: str = P) -> None:
        """A line that is a piece of its own: a paragraph, a heading, a cell."""
        if style is not self.style:
            self._use(style)
        number = self.tags.leaf(role)
        self.texts.append(
            f"{_BEGIN[role]}{number}>>BDC 1 0 0 1 {x:.2f} {PAGE_HEIGHT - y:.2f} Tm ({_shown(text)})Tj EMC"
        )

    def text(self, x: float, y: float, text: str, style: Style) -> None:
        """One line, its baseline at ``y``, starting at ``x``."""
        if style is not self.style:
            self._use(style)
        operators = f"1 0 0 1 {x:.2f} {PAGE_HEIGHT - y:.2f} Tm ({_shown(text)})Tj"
        if not self.is_tagged:
            operators = f"/Artifact BMC {operators} EMC"
        elif self.has_spoken:  # a space for those who hear it: the next line is another word
            operators = f"( )Tj {operators}"
        self.has_spoken = True
        self.texts.append(operators)

    def _use(self, style: Style) -> None:
        self.style = style
        font = "F2" if style.bold else "F1"
        self.texts.append(f"/{font} {style.size:.4g} Tf {_rgb(self.look.shown(style.colour))} rg")

    def text_right(self, x: float, y: float, text: str, style: Style) -> None:
        """One line that ends at ``x``."""
        self.text(x - text_width(text, style.font, style.size), y, text, style)

    def paragraph(self, x: float, y: float, text: str, style: Style, *, width: float) -> float:
        """Wrapped lines, the first baseline at ``y``; returns the baseline that would come next."""
        for line in wrap(text, font=style.font, size=style.size, width=width):
            self.text(x, y, line, style)
            y += style.leading
        return y

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle whose top edge is at ``y``."""
        bottom = PAGE_HEIGHT - y - height
        self.shapes.append(f"{_rgb(self.look.shown(colour))} rg {x:.2f} {bottom:.2f} {width:.2f} {height:.2f} re f")

    def rule(self, x: float, y: float, width: float, colour: Colour = HAIRLINE, *, thickness: float = 0.5) -> None:
        """A horizontal line."""
        self.box(x, y, width, thickness, colour)

    def symbol(self, x: float, y: float, side: float, rows: Sequence[bytes], *, alt: str) -> None:
        """A square code of dark modules (zero bytes), as rectangles of one path."""
        module = side / len(rows)
        placed = f"{module:.4f} 0 0 {-module:.4f} {x:.2f} {PAGE_HEIGHT - y:.2f} cm"
        self._figure(f"{placed} 0 0 0 rg {dark_runs(rows)}f", alt=alt, box=(x, y, side, side))

    def bars(
        self,
        bars: Sequence[tuple[float, float, float, float, Colour]],
        *,
        alt: str,
        box: tuple[float, float, float, float],
    ) -> None:
        """A chart of filled rectangles (left, top, width, height, colour) within ``box`` (left, top, width, height)."""
        drawn = " ".join(
            f"{_rgb(self.look.shown(colour))} rg {x:.2f} {PAGE_HEIGHT - y - height:.2f} {width:.2f} {height:.2f} re f"
            for x, y, width, height, colour in bars
        )
        self._figure(drawn, alt=alt, box=box)

    def logo(self, x: float, y: float, width: float, height: float, *, alt: str) -> None:
        """The utility's logo, its top edge at ``y``."""
        placed = f"{width:.2f} 0 0 {height:.2f} {x:.2f} {PAGE_HEIGHT - y - height:.2f} cm"
        self._figure(f"{placed} /Logo Do", alt=alt, box=(x, y, width, height))

    def _figure(self, operators: str, *, alt: str, box: tuple[float, float, float, float]) -> None:
        x, y, width, height = box
        corners = (x, PAGE_HEIGHT - y - height, x + width, PAGE_HEIGHT - y)
        mcid = self.tags.leaf(figure(alt, box=corners))
        self.figures.append(f"/Figure<</MCID {mcid}>>BDC q {operators} Q EMC")

    def operators(self) -> str:
        """Everything on the page, in the order in which it is painted."""
        return " ".join(["/Artifact BMC q", *self.shapes, "Q EMC", *self.figures, "BT", *self.texts, "ET"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What a ``draw`` left on a page."""

    texts: str
    shapes: list[str]
    figures: list[str]
    tags: Tags
    result: object


@lru_cache(maxsize=4096)
def _drawn_once(
    draw: Callable[..., object],
    given: tuple[object, ...],
    named: tuple[tuple[str, object], ...],
    next_mcid: int,
    look: Look,
) -> _Piece:
    page = Page(look=look)
    page.tags = Tags(next_mcid=next_mcid)
    result = draw(page, *given, **dict(named))
    return _Piece(texts=" ".join(page.texts), shapes=page.shapes, figures=page.figures, tags=page.tags, result=result)


def _shown(text: str) -> str:
    if "(" in text or ")" in text or "\\" in text:
        text = text.translate(_ESCAPES)
    return encoded(text)


def fitting(text: str, style: Style, *, width: float) -> Style:
    """``style``, made smaller until ``text`` is no wider than ``width``."""
    wide = text_width(text, style.font, style.size)
    if wide <= width:
        return style
    return Style(size=style.size * width / wide, bold=style.bold, colour=style.colour)


def to_pdf(
    pages: Sequence[Page], *, metadata: Metadata, data: bytes | None = None, seal: Seal | None = None
) -> Document:
    """The file of ``pages``: the same input gives the same bytes, in any process and on any day.

    ``data`` is the JSON that it carries; ``seal`` signs it.

    Raises:
        Unprintable: NO_GLYPH, a text holds a character that the fonts cannot print.
    """
    first = pages[0]
    content = TaggedDocument(
        contents=[page.operators() for page in pages],
        shape=first.tags.shape,
        metadata=metadata,
        data=data,
        logo=first.look.logo,
        seal=seal,
    ).format()
    return Document(content=content, pages=len(pages), sha256=hashlib.sha256(content).hexdigest())


@lru_cache(maxsize=64)
def _rgb(colour: Colour) -> str:
    red, green, blue = colour
    return f"{red:g} {green:g} {blue:g}"
