"""A reading file as its profile lays it out: bytes to rows."""

from billing.errors import DataRefused
from readings.profile import Profile
from readings.rows import ReadingRow, read_rows
from readings.table import read_table
from readings.words import NAMING, REQUIRED


def read_file(content: bytes, *, profile: Profile) -> list[ReadingRow]:
    """Every row of a file, in its order.

    Raises:
        DataRefused: ``FILE_UNREADABLE`` or ``FILE_HEADER``.
    """
    theirs = profile.columns
    naming = [theirs[name] for name in NAMING if name in theirs]
    table = read_table(
        content,
        required=sorted({theirs[name] for name in REQUIRED if name in theirs}),
        optional={*theirs.values(), *profile.ignored},
        delimiter=profile.delimiter,
        encoding=profile.encoding,
        width=profile.width,
    )
    if not set(naming).intersection(table.columns):
        raise DataRefused("FILE_HEADER", f"columns missing: one of {', '.join(naming)}")
    return list(read_rows(table, profile=profile))
