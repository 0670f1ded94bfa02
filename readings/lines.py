"""The lines of a large file, cut out of its bytes whenever they are asked for instead of being held."""

import io
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from readings.table import Line, split_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Where the lines of a file stand that are not blank, by their place from 0; twelve bytes a line beside its own."""

    body: bytes
    delimiter: str
    starts: "array[int]"
    line_nos: "array[int]"

    def __len__(self) -> int:
        return len(self.starts)

    def raw(self, place: int) -> str:
        """The line as received."""
        start = self.starts[place]
        end = self.body.find(b"\n", start)
        return _decoded(self.body[start:end] if end >= 0 else self.body[start:])

    def cut(self, places: Iterable[int]) -> Iterator[Line]:
        """The lines at these places, one after the other."""
        for place in places:
            raw = self.raw(place)
            yield Line(line_no=self.line_nos[place], raw=raw, fields=split_fields(raw, self.delimiter))

    def place(self, line_no: int) -> int:
        """The place of a line that is not blank."""
        return bisect_left(self.line_nos, line_no)


def find_lines(content: bytes, *, text: str, delimiter: str, headed: bool) -> Lines:
    """The lines of ``content``, whose ``text`` is known; ``headed`` when the first is a header and none of them."""
    body, offset = text.encode("utf-8", "surrogatepass"), 0
    if content.endswith(body):  # it is UTF-8 already: keep one copy of it
        body, offset = content, len(content) - len(body)
    starts, line_nos = array("Q"), array("I")
    rest = io.BytesIO(body)
    rest.seek(offset)
    for line_no, line in enumerate(rest, start=1):
        if (line_no > 1 or not headed) and not (line.isspace() or not _decoded(line).strip()):
            starts.append(offset)
            line_nos.append(line_no)
        offset += len(line)
    return Lines(body=body, delimiter=delimiter, starts=starts, line_nos=line_nos)


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "surrogatepass").rstrip("\r\n")
