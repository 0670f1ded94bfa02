"""The look of a utility's documents, from its folder, and their seal."""

from pathlib import Path

from billing.errors import DataRefused
from billing.utility import Utility
from pdf.colour import ACCENT
from pdf.invoice import TEMPLATE_VERSION
from pdf.look import PLAIN, Look, colour_of, read_logo
from pdf.seal import Seal, read_seal
from pipeline.errors import OperatorError
from pipeline.settings import Settings


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


def seal_of(settings: Settings) -> Seal | None:
    """What signs documents, if anything does.

    Raises:
        OperatorError: ``SETTING_WRONG``, the file that ``OBIEG_SEAL`` names cannot be read or holds no such pair.
    """
    if settings.seal is None:
        return None
    try:
        return read_seal(settings.seal)
    except (OSError, TypeError, ValueError) as error:
        raise OperatorError("SETTING_WRONG", f"OBIEG_SEAL: {error}") from error


def version_of(look: Look, seal: Seal | None = None) -> str:
    """The template version that documents record: with another look or seal the same invoice has other bytes."""
    return f"{TEMPLATE_VERSION}{look.version}{seal.version if seal else ''}"
