"""What was frozen, issued or proposed, read back from the canonical JSON that it is stored as."""

from typing import Any, TypeVar

from msgspec.json import Decoder

T = TypeVar("T")
_DECODERS: dict[type[Any], Decoder[Any]] = {}


def read_back(kind: type[T], text: str) -> T:
    """The ``kind`` that ``text`` was written from.

    Raises:
        ValueError: ``text`` is not the canonical JSON of one.
    """
    decoder: Decoder[T] | None = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = Decoder(kind)
    return decoder.decode(text)
