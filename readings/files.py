"""A reading file as its profile lays it out: bytes to rows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from billing.errors import DataRefused
from readings.lines import Lines, find_lines
from readings.profile import Profile
from readings.rows import ReadingRow, rows_of
from readings.table import columns_of_width, read_header, read_text
from readings.words import NAMING, REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFile:
    """A file whose header is known to be right; its rows are read when they are asked for, and not kept."""

    lines: Lines
    columns: tuple[str, ...]
    profile: Profile

    def rows(self, places: Iterable[int]) -> Iterator[ReadingRow]:
        """The rows at these places among the lines that are not blank, the first being 0."""
        return rows_of(self.lines.cut(places), columns=self.columns, profile=self.profile)


def open_file(content: bytes, *, profile: Profile) -> ReadingFile:
    """A file by its bytes.

    Raises:
        DataRefused: ``FILE_UNREADABLE`` or ``FILE_HEADER``.
    """
    text = read_text(content, profile.encoding)
    columns = _columns(text, profile)
    if not {profile.columns[name] for name in NAMING if name in profile.columns}.intersection(columns):
        naming = [profile.columns[name] for name in NAMING if name in profile.columns]
        raise DataRefused("FILE_HEADER", f"columns missing: one of {', '.join(naming)}")
    lines = find_lines(content, text=text, delimiter=profile.delimiter, headed=profile.width is None)
    return ReadingFile(lines=lines, columns=columns, profile=profile)


def read_file(content: bytes, *, profile: Profile) -> list[ReadingRow]:
    """Every row of a file, in its order.

    Raises:
        DataRefused: ``FILE_UNREADABLE`` or ``FILE_HEADER``.
    """
    file = open_file(content, profile=profile)
    return list(file.rows(range(len(file.lines))))


def _columns(text: str, profile: Profile) -> tuple[str, ...]:
    if profile.width is not None:
        return columns_of_width(profile.width)
    theirs = profile.columns
    return read_header(
        text.partition("\n")[0].rstrip("\r"),
        required=sorted({theirs[name] for name in REQUIRED if name in theirs}),
        optional={*theirs.values(), *profile.ignored},
        delimiter=profile.delimiter,
    )
