"""Pages as lists of texts and shapes, and their way into PDF bytes.

Pages are laid out completely before any byte is written: only then is the number of pages known, and only then has
every letter been checked. Lengths are points; ``y`` counts down from the top edge of the paper.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from pdf.typeface import BOLD, REGULAR, clean, load_fonts, require_printable, text_width, wrap

PAGE_WIDTH, PAGE_HEIGHT = A4
MM = 72 / 25.4

Colour = tuple[float, float, float]
INK: Colour = (0.13, 0.15, 0.17)
MUTED: Colour = (0.36, 0.4, 0.43)
ACCENT: Colour = (0.03, 0.32, 0.44)
TINT: Colour = (0.93, 0.96, 0.972)
HAIRLINE: Colour = (0.8, 0.84, 0.86)
WHITE: Colour = (1, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a text looks; ``leading`` is the distance between its lines."""

    size: float
    bold: bool = False
    colour: Colour = INK

    @property
    def font(self) -> str:
        """Name of the font as reportlab knows it."""
        return BOLD if self.bold else REGULAR

    @property
    def leading(self) -> float:
        """Distance from one baseline to the next."""
        return self.size * 1.32


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A finished file: its bytes, how many pages it has, and the hex SHA-256 of the bytes."""

    content: bytes
    pages: int
    sha256: str


@dataclass(slots=True)
class Page:
    """One page being laid out: shapes lie under the texts."""

    texts: list[tuple[float, float, Style, str]] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, style: Style) -> None:
        """One line, its baseline at ``y``, starting at ``x``."""
        self.texts.append((x, y, style, text))

    def text_right(self, x: float, y: float, text: str, style: Style) -> None:
        """One line that ends at ``x``."""
        self.texts.append((x - text_width(text, style.font, style.size), y, style, text))

    def paragraph(self, x: float, y: float, text: str, style: Style, *, width: float) -> float:
        """Wrapped lines, the first baseline at ``y``; returns the baseline that would come next."""
        for line in wrap(text, font=style.font, size=style.size, width=width):
            self.text(x, y, line, style)
            y += style.leading
        return y

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle whose top edge is at ``y``."""
        red, green, blue = colour
        bottom = PAGE_HEIGHT - y - height
        self.shapes.append(
            f"{red:g} {green:g} {blue:g} rg {x:.2f} {bottom:.2f} {width:.2f} {height:.2f} re f",
        )

    def rule(self, x: float, y: float, width: float, colour: Colour = HAIRLINE, *, thickness: float = 0.5) -> None:
        """A horizontal line."""
        self.box(x, y, width, thickness, colour)

    def symbol(self, x: float, y: float, side: float, rows: Sequence[bytes]) -> None:
        """A square code of dark modules (zero bytes), as rectangles: one for each run of a row."""
        module = side / len(rows)
        parts = ["0 0 0 rg"]
        for number, row in enumerate(rows, start=1):
            bottom = PAGE_HEIGHT - y - number * module
            start = row.find(0)
            while start >= 0:
                end = row.find(255, start)
                end = len(row) if end < 0 else end
                parts.append(f"{x + start * module:.3f} {bottom:.3f} {(end - start) * module:.3f} {module:.3f} re")
                start = row.find(0, end)
        self.shapes.append(" ".join([*parts, "f"]))


def fitting(text: str, style: Style, *, width: float) -> Style:
    """``style``, made smaller until ``text`` is no wider than ``width``."""
    wide = text_width(text, style.font, style.size)
    if wide <= width:
        return style
    return Style(size=style.size * width / wide, bold=style.bold, colour=style.colour)


def to_pdf(pages: Sequence[Page], *, title: str, author: str, subject: str, issued: date) -> Document:
    """The bytes of ``pages``: the same input gives the same bytes, in any process and on any day.

    ``issued`` is the date that the file's metadata bear.

    Raises:
        Unprintable: NO_GLYPH, a text holds a character that the fonts cannot print.
    """
    load_fonts()
    for page in pages:
        require_printable("".join(text for _, _, _, text in page.texts))
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4, invariant=1, pageCompression=1, lang="pl-PL")
    # without these two the file's identifier and dates would follow SOURCE_DATE_EPOCH of whoever renders
    vars(canvas)["_doc"].signature = hashlib.md5(usedforsecurity=False)  # there is no public way to seed it
    canvas.setDateFormatter(lambda *_: f"D:{issued:%Y%m%d}000000Z")
    canvas.setTitle(clean(title))
    canvas.setAuthor(clean(author))
    canvas.setSubject(clean(subject))
    canvas.setCreator("Obieg")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    for page in pages:
        _paint(canvas, page)
    canvas.save()
    content = target.getvalue()
    return Document(content=content, pages=len(pages), sha256=hashlib.sha256(content).hexdigest())


def _paint(canvas: Canvas, page: Page) -> None:
    canvas.addLiteral("\n".join(["q", *page.shapes, "Q"]))
    texts = canvas.beginText()
    current: Style | None = None
    for x, y, style, text in page.texts:
        if style is not current:
            texts.setFont(style.font, style.size, style.leading)
            texts.setFillColorRGB(*style.colour)
            current = style
        texts.setTextOrigin(x, PAGE_HEIGHT - y)
        texts.textOut(text)
    canvas.drawText(texts)
    canvas.showPage()
