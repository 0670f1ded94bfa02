"""What runs down the page and on to the next one: sections, tables whose head is repeated, notes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum

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
_CONTINUED = " – cd."
_UNTAGGED = nullcontext()


class RowKind(StrEnum):
    """A plain row, the name of a group (all columns wide), or a sum."""

    PLAIN = "plain"
    GROUP = "group"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column between ``left`` and ``right``, in points from the margin."""

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
        self.reserve(24 + keep_with)
        self.y += 20
        self.page.heading(MARGIN, self.y, title, SECTION, role=H2)
        self.y += 6

    def notes(self, paragraphs: Sequence[str]) -> None:
        """Small print, paragraph by paragraph; all of it on one page when it fits there."""
        laid = [wrap(paragraph, font=NOTE.font, size=NOTE.size, width=WIDTH) for paragraph in paragraphs]
        together = sum(len(lines) * NOTE.leading + 3 for lines in laid)
        if together <= _ROOM:
            self.reserve(together)
        for lines in laid:
            self.reserve(len(lines) * NOTE.leading + 3)
            self.y += 3
            with self.page.tagged(P):
                for line in lines:
                    self.y += NOTE.leading
                    self.page.text(MARGIN, self.y, line, NOTE)

    def table(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """All rows; the head, and the name of a group, are drawn again on every page that they reach.

        What is drawn again is not read again.
        """
        with self.page.part(TABLE):
            with self.page.part(ROW):
                self._table_head(columns, roles=[COLUMN_HEAD] * len(columns))
            group: Row | None = None
            for row in rows:
                laid = _lay(columns, row)
                # the name of a group never stands alone at the foot of a page
                if self.reserve(laid.height + (30 if row.kind is RowKind.GROUP else 0)):
                    self._table_head(columns, roles=None)
                    if group and row.kind is RowKind.PLAIN:
                        again = Row(cells=tuple(f"{cell}{_CONTINUED}" for cell in group.cells), kind=RowKind.GROUP)
                        self._row(columns, again, _lay(columns, again), roles=None)
                if row.kind is RowKind.GROUP:
                    group = row
                with self.page.part(ROW):
                    self._row(columns, row, laid, roles=_roles(columns, row))

    def _table_head(self, columns: Sequence[Column], *, roles: Sequence[str] | None) -> None:
        titles = [_lines(column, column.title, HEAD) for column in columns]
        height = max(len(lines) for lines in titles) * HEAD.leading
        for number, (column, lines) in enumerate(zip(columns, titles, strict=True)):
            with self._meant(roles, number):
                self._cell(column, lines, HEAD, top=self.y + height - len(lines) * HEAD.leading)
        self.y += height + 4
        left, right = columns[0].left, columns[-1].right
        self.page.rule(MARGIN + left, self.y, right - left, ACCENT, thickness=0.8)

    def _row(self, columns: Sequence[Column], row: Row, laid: "_Laid", *, roles: Sequence[str] | None) -> None:
        style = _row_style(row)
        top = self.y + _PADDING
        for number, (column, lines) in enumerate(zip(_spanned(columns, row), laid.cells, strict=True)):
            with self._meant(roles, number):
                self._cell(column, lines, style, top=top)
                if laid.caption and number == row.caption_column:
                    self._cell(column, laid.caption, CAPTION, top=top + len(lines) * style.leading)
        left, right = columns[0].left, columns[-1].right
        if row.kind is RowKind.TOTAL:
            self.page.rule(MARGIN + left, self.y, right - left, INK, thickness=0.6)
        elif row.kind is RowKind.PLAIN:
            self.page.rule(MARGIN + left, self.y + laid.height, right - left, HAIRLINE, thickness=0.4)
        self.y += laid.height

    def _meant(self, roles: Sequence[str] | None, number: int) -> AbstractContextManager[None]:
        return _UNTAGGED if roles is None else self.page.tagged(roles[number])

    def _cell(self, column: Column, lines: Sequence[str], style: Style, *, top: float) -> None:
        y = top
        for line in lines:
            y += style.leading
            baseline = y - 0.22 * style.size
            if column.to_right:
                self.page.text_right(MARGIN + column.right, baseline, line, style)
            elif column.is_centred:
                middle = MARGIN + (column.left + column.right) / 2
                self.page.text_right(middle + text_width(line, style.font, style.size) / 2, baseline, line, style)
            else:
                self.page.text(MARGIN + column.left, baseline, line, style)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    cells: tuple[tuple[str, ...], ...]
    caption: tuple[str, ...]
    height: float


def _lay(columns: Sequence[Column], row: Row) -> _Laid:
    style = _row_style(row)
    cells = tuple(
        _lines(column, text, style) if text else ()
        for column, text in zip(_spanned(columns, row), row.cells, strict=True)
    )
    caption = _lines(columns[row.caption_column], row.caption, CAPTION) if row.caption else ()
    height = max(len(lines) for lines in cells) * style.leading
    if caption:
        captioned = len(cells[row.caption_column]) * style.leading + len(caption) * CAPTION.leading
        height = max(height, captioned)
    return _Laid(cells=cells, caption=caption, height=height + 2 * _PADDING)


def _roles(columns: Sequence[Column], row: Row) -> Sequence[str]:
    if row.kind is RowKind.GROUP:
        return (group_head(len(columns)),)
    return (ROW_HEAD if row.kind is RowKind.TOTAL else CELL, *[CELL] * (len(columns) - 1))


def _row_style(row: Row) -> Style:
    return BODY if row.kind is RowKind.PLAIN else STRONG


def _spanned(columns: Sequence[Column], row: Row) -> Sequence[Column]:
    if row.kind is RowKind.GROUP:
        return [Column(title="", left=columns[0].left, right=columns[-1].right)]
    return columns


def _lines(column: Column, text: str, style: Style) -> tuple[str, ...]:
    return wrap(text, font=style.font, size=style.size, width=column.right - column.left)
