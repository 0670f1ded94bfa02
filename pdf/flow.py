"""What runs down the page and on to the next one: sections, tables whose head is repeated, notes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from pdf.colour import ACCENT, HAIRLINE, INK, MUTED
from pdf.look import PLAIN, Look
from pdf.sheet import PAGE_HEIGHT, PAGE_WIDTH, Page, Style
from pdf.tags import CELL, COLUMN_HEAD, H2, ROW, ROW_HEAD, TABLE, P, group_head
from pdf.typeface import Unprintable, text_width, wrap

MARGIN = 51.0
WIDTH = PAGE_WIDTH - 2 * MARGIN
RIGHT = MARGIN + WIDTH
BOTTOM = PAGE_HEIGHT - 48
_TOP = 44.0
_ROOM = BOTTOM - _TOP - 60  # on a further page, below its head

SECTION = Style(size=10.5, bold=True, colour=ACCENT)
HEAD = Style(size=7, colour=MUTED)
BODY = Style(size=8.5)
STRONG = Style(size=8.5, bold=True)
CAPTION = Style(size=7, colour=MUTED)
NOTE = Style(size=7.2, colour=MUTED)
_PADDING = 3.0
_DROP = 0.22  # of a style's size: from the foot of a line up to its baseline
_CONTINUED = " – cd."


class RowKind(StrEnum):
    """A plain row, the name of a group (all columns wide), or a sum."""

    PLAIN = "plain"
    GROUP = "group"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """A column between ``left`` and ``right``, in points from the margin; each is itself only, and so found quickly."""

    title: str
    left: float
    right: float
    to_right: bool = False
    is_centred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Cells in the order of the columns; ``caption`` stands small under the cell of column ``caption_column``."""

    cells: tuple[str, ...]
    caption: str = ""
    caption_column: int = 0
    kind: RowKind = RowKind.PLAIN


@dataclass(slots=True, kw_only=True)
class Flow:
    """The pages so far and how far down the last one is used; ``begin`` draws the head of each further page."""

    begin: Callable[[Page], None]
    look: Look = PLAIN
    pages: list[Page] = field(init=False)
    y: float = _TOP

    def __post_init__(self) -> None:
        self.pages = [Page(look=self.look)]

    @property
    def page(self) -> Page:
        """The page being filled."""
        return self.pages[-1]

    def reserve(self, height: float) -> bool:
        """Start a new page unless ``height`` points are left; True when one was started.

        Raises:
            Unprintable: TEXT_TOO_LONG, not even an empty page has that much room.
        """
        if self.y + height <= BOTTOM:
            return False
        if height > _ROOM:
            raise Unprintable("TEXT_TOO_LONG", "a text is longer than a page")
        self.pages.append(self.page.following())
        self.begin(self.page)
        self.y = _TOP + 14
        return True

    def section(self, title: str, *, keep_with: float = 60) -> None:
        """A heading, kept on one page with the first ``keep_with`` points of what follows."""
        self.reserve(21 + keep_with)
        self.y += 17
        self.page.line(MARGIN, self.y, title, SECTION, role=H2)
        self.y += 6

    def notes(self, paragraphs: Sequence[str]) -> None:
        """Small print, paragraph by paragraph; all of it on one page when it fits there."""
        laid = [wrap(paragraph, font=NOTE.font, size=NOTE.size, width=WIDTH) for paragraph in paragraphs]
        together = sum(len(lines) * NOTE.leading + 3 for lines in laid)
        if together <= _ROOM:
            self.reserve(together)
        for lines in laid:
            self.reserve(len(lines) * NOTE.leading + 3)
            self.y = self.page.kept(_draw_note, lines, self.y + 3)

    def table(self, columns: tuple[Column, ...], rows: Sequence[Row]) -> None:
        """All rows; the head, and the name of a group, are drawn again on every page that they reach.

        What is drawn again is not read again.
        """
        with self.page.part(TABLE):
            self.y = self.page.kept(_draw_head, columns, self.y)
            group: Row | None = None
            for row in rows:
                laid = _lay(columns, row)
                # the name of a group never stands alone at the foot of a page
                if self.reserve(laid.height + (30 if row.kind is RowKind.GROUP else 0)):
                    self.y = self.page.kept(_draw_head_again, columns, self.y)
                    if group and row.kind is RowKind.PLAIN:
                        self._group_again(columns, group)
                if row.kind is RowKind.GROUP:
                    group = row
                self._row(columns, row, laid)

    def _group_again(self, columns: tuple[Column, ...], group: Row) -> None:
        again = Row(cells=tuple(f"{cell}{_CONTINUED}" for cell in group.cells), kind=RowKind.GROUP)
        laid = _lay(columns, again)
        _draw_lines(self.page, laid.cells[0], STRONG, top=self.y + _PADDING)
        self.y += laid.height

    def _row(self, columns: tuple[Column, ...], row: Row, laid: "_Laid") -> None:
        page, style, top = self.page, _row_style(row), self.y + _PADDING
        page.tags.open(ROW)
        role = _first_role(columns, row)
        baseline = top + style.leading - _DROP * style.size
        for number, lines in enumerate(laid.cells):
            caption = laid.caption if number == row.caption_column else ()
            if len(lines) == 1 and not caption:  # as nearly every cell is
                x, line = lines[0]
                page.line(x, baseline, line, style, role=role)
            else:
                with page.tagged(role):
                    _draw_lines(page, lines, style, top=top)
                    _draw_lines(page, caption, CAPTION, top=top + len(lines) * style.leading)
            role = CELL
        page.tags.close()
        left, right = columns[0].left, columns[-1].right
        if row.kind is RowKind.TOTAL:
            page.rule(MARGIN + left, self.y, right - left, INK, thickness=0.6)
        elif row.kind is RowKind.PLAIN:
            page.rule(MARGIN + left, self.y + laid.height, right - left, HAIRLINE, thickness=0.4)
        self.y += laid.height


def _draw_note(page: Page, lines: Sequence[str], y: float) -> float:
    with page.tagged(P):
        for line in lines:
            y += NOTE.leading
            page.text(MARGIN, y, line, NOTE)
    return y


def _draw_head(page: Page, columns: tuple[Column, ...], y: float) -> float:
    """The titles of a table, standing on its upper rule; returns how far down it reaches."""
    titles, height = _titles(columns)
    with page.part(ROW):
        for lines in titles:
            with page.tagged(COLUMN_HEAD):
                _draw_lines(page, lines, HEAD, top=y + height - len(lines) * HEAD.leading)
    return _rule_under(page, columns, y + height)


def _draw_head_again(page: Page, columns: tuple[Column, ...], y: float) -> float:
    """The same on a further page, where it is decoration."""
    titles, height = _titles(columns)
    for lines in titles:
        _draw_lines(page, lines, HEAD, top=y + height - len(lines) * HEAD.leading)
    return _rule_under(page, columns, y + height)


def _titles(columns: Sequence[Column]) -> tuple[list["_Lines"], float]:
    titles = [_lines(column, column.title, HEAD) for column in columns]
    return titles, max(len(lines) for lines in titles) * HEAD.leading


def _rule_under(page: Page, columns: Sequence[Column], y: float) -> float:
    left, right = columns[0].left, columns[-1].right
    page.rule(MARGIN + left, y + 4, right - left, ACCENT, thickness=0.8)
    return y + 4


def _draw_lines(page: Page, lines: "_Lines", style: Style, *, top: float) -> None:
    baseline = top - _DROP * style.size
    for x, line in lines:
        baseline += style.leading
        page.text(x, baseline, line, style)


_Lines = tuple[tuple[float, str], ...]
"""The lines of a cell, and where each begins: in points from the left edge of the paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    cells: tuple[_Lines, ...]
    caption: _Lines
    height: float


def _lay(columns: tuple[Column, ...], row: Row) -> _Laid:
    style = _row_style(row)
    spanned = _spanning(columns) if row.kind is RowKind.GROUP else columns
    cells = tuple(
        [_lines(column, text, style) if text else () for column, text in zip(spanned, row.cells, strict=True)]
    )
    height = max(map(len, cells)) * style.leading
    caption = _lines(columns[row.caption_column], row.caption, CAPTION) if row.caption else ()
    if caption:
        captioned = len(cells[row.caption_column]) * style.leading + len(caption) * CAPTION.leading
        height = max(height, captioned)
    return _Laid(cells=cells, caption=caption, height=height + 2 * _PADDING)


@lru_cache(maxsize=256)
def _spanning(columns: tuple[Column, ...]) -> tuple[Column]:
    """One column as wide as all of them."""
    return (Column(title="", left=columns[0].left, right=columns[-1].right),)


@lru_cache(maxsize=8192)
def _lines(column: Column, text: str, style: Style) -> _Lines:
    """A cell's text in lines; dates, prices and names of services come again in most documents."""
    lines = wrap(text, font=style.font, size=style.size, width=column.right - column.left)
    return tuple((_start(column, line, style), line) for line in lines)


def _start(column: Column, line: str, style: Style) -> float:
    if column.to_right:
        return MARGIN + column.right - text_width(line, style.font, style.size)
    if column.is_centred:
        return MARGIN + (column.left + column.right - text_width(line, style.font, style.size)) / 2
    return MARGIN + column.left


def _first_role(columns: Sequence[Column], row: Row) -> str:
    if row.kind is RowKind.GROUP:
        return group_head(len(columns))
    return ROW_HEAD if row.kind is RowKind.TOTAL else CELL


def _row_style(row: Row) -> Style:
    return BODY if row.kind is RowKind.PLAIN else STRONG
