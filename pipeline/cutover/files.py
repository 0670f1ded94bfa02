"""The files of a cut-over, read a part at a time: the largest holds two years of every register of a town."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from billing.errors import DataRefused
from pipeline.errors import OperatorError
from pipeline.import_files import Received, sidecar_of
from readings.cutover import Layout
from readings.table import cut_lines, read_header
from sql.intake import FileFacts

KIND = "cutover"
_PROFILE = "standard"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file with the right header; ``received`` holds its first line instead of its content."""

    kind: str
    layout: Layout
    received: Received
    columns: tuple[str, ...]

    def lines(self) -> Iterator[tuple[int, str, tuple[str, ...]]]:
        """The lines below the header that are not blank, one after the other."""
        with self.received.path.open(encoding="utf-8-sig", newline="\n") as lines:
            next(lines)
            yield from cut_lines(lines)


def open_file(kind: str, path: Path, *, layout: Layout) -> tuple[Received, Opened | DataRefused]:
    """A file, and what it can be read as, or the reason why it is refused as a whole.

    Raises:
        OperatorError: ``FILE_MISSING``, it may not be read.
    """
    try:
        sha256, size, fault = _scan(path)
        with path.open("rb") as content:
            first = content.readline()
        sidecar = sidecar_of(path)
        named = sidecar.read_text(encoding="utf-8", errors="replace") if sidecar.is_file() else None
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{path}: {error.strerror}") from None
    facts = FileFacts(kind=KIND, name=path.name, sha256=sha256, size_bytes=size, profile=_PROFILE)
    received = Received(path=path, content=first, facts=facts)
    if fault is None and named is not None and (named.split() or [""])[0].lower() != sha256:
        fault = DataRefused("FILE_HASH", f"the .sha256 file names another content than {sha256}")
    if fault is None:
        try:
            header = first.decode("utf-8-sig").rstrip("\r\n")
            columns = read_header(header, required=layout.required, optional=layout.optional)
            return received, Opened(kind=kind, layout=layout, received=received, columns=columns)
        except DataRefused as refusal:
            fault = refusal
    return received, DataRefused(fault.code, f"{path.name}: {str(fault).removeprefix(f'{fault.code}: ')}")


def _scan(path: Path) -> tuple[str, int, DataRefused | None]:
    """SHA-256, size, and whether the content is no text at all."""
    digest, size, filled = hashlib.sha256(), 0, False
    decoder, fault = codecs.getincrementaldecoder("utf-8")(), None
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            digest.update(block)
            try:
                text = decoder.decode(block) if fault is None else ""
            except UnicodeDecodeError as error:
                fault = DataRefused("FILE_UNREADABLE", f"not utf-8: byte {size + error.start} cannot be read")
            else:
                filled = filled or not text.isspace()
                if "\0" in text:
                    fault = fault or DataRefused("FILE_UNREADABLE", "the file holds zero bytes; it is no text")
            size += len(block)
    if fault is None and not filled:
        fault = DataRefused("FILE_UNREADABLE", "the file is empty")
    return digest.hexdigest(), size, fault
