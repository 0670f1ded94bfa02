"""How one utility's documents look: its colour and its logo."""

import hashlib
import zlib
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image

from pdf.colour import ACCENT, BAR, CONTRAST_LEAST, TINT, WHITE, Colour, contrast, tinted

LOGO_WIDTH_MOST = 150.0
LOGO_HEIGHT_MOST = 34.0
_PIXELS_MOST = (600, 136)  # 300 to the inch at its largest


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture of ``width`` × ``height`` pixels, ``pixels`` deflated (three bytes each); ``alt`` tells what it is."""

    width: int
    height: int
    pixels: bytes
    alt: str

    def fitted(self) -> tuple[float, float]:
        """Width and height in points, as large as the head of a page has room for."""
        scale = min(LOGO_WIDTH_MOST / self.width, LOGO_HEIGHT_MOST / self.height)
        return self.width * scale, self.height * scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """``accent`` is for titles, rules and this period's bar; the ground of the payment box has a little of it.

    Raises:
        ValueError: ``accent`` is too light to be read on white or on its tint.
    """

    accent: Colour = ACCENT
    logo: Logo | None = None
    tint: Colour = field(init=False)
    bar: Colour = field(init=False)

    def __post_init__(self) -> None:
        own = self.accent != ACCENT
        object.__setattr__(self, "tint", tinted(self.accent) if own else TINT)
        object.__setattr__(self, "bar", tinted(self.accent, share=0.35) if own else BAR)
        worst = min(contrast(self.accent, ground) for ground in (WHITE, self.tint))
        if worst < CONTRAST_LEAST:
            raise ValueError(f"the colour has a contrast of {worst:.1f}, {CONTRAST_LEAST} is needed")

    def shown(self, colour: Colour) -> Colour:
        """What stands for ``colour`` in documents of this look."""
        if colour is ACCENT:
            return self.accent
        if colour is TINT:
            return self.tint
        return self.bar if colour is BAR else colour

    @property
    def version(self) -> str:
        """What a template version gains by this look: nothing when it is the plain one."""
        if self.accent == ACCENT and self.logo is None:
            return ""
        told = repr((self.accent, self.logo and (self.logo.width, self.logo.height, self.logo.pixels, self.logo.alt)))
        return f"+{hashlib.sha256(told.encode()).hexdigest()[:8]}"


PLAIN = Look()


def colour_of(text: str) -> Colour:
    """A colour written ``#0a4f6e``.

    Raises:
        ValueError: it is not.
    """
    digits = text.removeprefix("#")
    if len(digits) != len("rrggbb") or not text.startswith("#"):
        raise ValueError(f"{text!r} is not a colour like #0a4f6e")
    red, green, blue = (round(part / 255, 3) for part in bytes.fromhex(digits))
    return red, green, blue


def read_logo(content: bytes, *, alt: str) -> Logo:
    """A PNG or JPEG picture, put on white where it is see-through, and made smaller when it has too many pixels.

    Raises:
        ValueError: it is no picture.
    """
    try:
        picture = Image.open(BytesIO(content)).convert("RGBA")
    except OSError as error:
        raise ValueError(f"the logo cannot be read: {error}") from error
    picture.thumbnail(_PIXELS_MOST)
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture)
    return Logo(
        width=picture.width,
        height=picture.height,
        pixels=zlib.compress(ground.convert("RGB").tobytes(), 9),
        alt=alt,
    )
