"""``[look]`` of ``utility.toml``: the colour and the logo of a utility's documents."""

import re
from dataclasses import dataclass

from billing.toml_fields import Fields

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """``colour`` is written ``#rrggbb``; ``logo`` is a PNG or JPEG file in the utility's folder. None: plain."""

    colour: str | None = None
    logo: str | None = None


def read_appearance(fields: Fields) -> Appearance:
    """The table ``[look]``, both fields of which may be left out."""
    fields.known("colour", "logo")
    colour, logo = (fields.text(name) if name in fields.table else "" for name in ("colour", "logo"))
    if colour and not _COLOUR.fullmatch(colour):
        with fields.keeping("colour"):
            raise fields.refuse("FIELD_WRONG", f"colour = {colour!r} is not written like #0a4f6e")
    if "/" in logo or "\\" in logo or logo.startswith("."):
        with fields.keeping("logo"):
            raise fields.refuse("FIELD_WRONG", f"logo = {logo!r} is not the name of a file in this folder")
    return Appearance(colour=colour or None, logo=logo or None)
