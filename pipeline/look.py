"""The look of a utility's documents, from its folder."""

from pathlib import Path

from billing.errors import DataRefused
from billing.utility import Utility
from pdf.colour import ACCENT
from pdf.invoice import TEMPLATE_VERSION
from pdf.look import PLAIN, Look, colour_of, read_logo


def look_of(folder: Path, utility: Utility) -> Look:
    """Colour and logo as ``[look]`` names them; what it leaves out is plain.

    Raises:
        DataRefused: ``UTILITY_FIELD_WRONG``, the colour is too light to be read, or the logo is missing or no picture.
    """
    named = utility.appearance
    if named.colour is None and named.logo is None:
        return PLAIN
    try:
        accent = ACCENT if named.colour is None else colour_of(named.colour)
        logo = None
        if named.logo is not None:
            logo = read_logo((folder / named.logo).read_bytes(), alt=f"Logo {utility.seller.name}")
        return Look(accent=accent, logo=logo)
    except (OSError, ValueError) as error:
        raise DataRefused("UTILITY_FIELD_WRONG", f"{folder.name}/utility.toml: [look] {error}") from error


def version_of(look: Look) -> str:
    """The template version that documents of this look record: with another look the same invoice has other bytes."""
    return f"{TEMPLATE_VERSION}{look.version}"
