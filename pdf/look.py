"""How one utility's documents look: its colour and its logo."""

from dataclasses import dataclass

from pdf.colour import ACCENT, CONTRAST_LEAST, TINT, WHITE, Colour, contrast

LOGO_WIDTH_MOST = 150.0
LOGO_HEIGHT_MOST = 34.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A picture of ``width`` × ``height`` pixels, ``pixels`` deflated (three bytes each); ``alt`` tells what it is."""

    width: int
    height: int
    pixels: bytes
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """``accent`` is used for titles and rules, ``tint`` for the ground of the payment box.

    Raises:
        ValueError: ``accent`` is too light to be read on white or on its tint.
    """

    accent: Colour = ACCENT
    tint: Colour = TINT
    logo: Logo | None = None

    def __post_init__(self) -> None:
        worst = min(contrast(self.accent, ground) for ground in (WHITE, self.tint))
        if worst < CONTRAST_LEAST:
            raise ValueError(f"the colour has a contrast of {worst:.1f}, {CONTRAST_LEAST} is needed")

    def shown(self, colour: Colour) -> Colour:
        """What stands for ``colour`` in documents of this look."""
        if colour is ACCENT:
            return self.accent
        return self.tint if colour is TINT else colour


PLAIN = Look()
