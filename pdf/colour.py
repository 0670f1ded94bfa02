"""The colours that a page uses, and the profile that says what its numbers of red, green and blue mean.

The profile is made here, from the figures that IEC 61966-2-1 gives for sRGB, so it needs nobody's licence.
"""

import struct
import zlib
from functools import cache

Colour = tuple[float, float, float]
INK: Colour = (0.13, 0.15, 0.17)
MUTED: Colour = (0.36, 0.4, 0.43)
ACCENT: Colour = (0.03, 0.32, 0.44)
TINT: Colour = (0.93, 0.96, 0.972)
BAR: Colour = (0.66, 0.77, 0.81)
HAIRLINE: Colour = (0.8, 0.84, 0.86)
WHITE: Colour = (1, 1, 1)

CONTRAST_LEAST = 4.5
"""Between a text and its ground (WCAG 2.1, 1.4.3)."""

_D50 = (0.9642, 1.0, 0.8249)
# the primaries of sRGB, adapted to D50 as profiles want them
_PRIMARIES = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}
_STEPS = 256
_LINEAR_BELOW = 0.04045


def contrast(one: Colour, other: Colour) -> float:
    """How well two colours are told apart, from 1 (not at all) to 21 (WCAG 2.1, contrast ratio)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def tinted(colour: Colour, *, share: float = 0.07) -> Colour:
    """A ground of ``colour``: white with a little of it."""
    red, green, blue = (round(1 - share * (1 - part), 3) for part in colour)
    return red, green, blue


@cache
def srgb_profile() -> bytes:
    """An ICC profile (version 2) of sRGB: three primaries, one curve."""
    curve = b"curv" + bytes(4) + struct.pack(">I", _STEPS)
    curve += b"".join(struct.pack(">H", round(_linear(step / (_STEPS - 1)) * 0xFFFF)) for step in range(_STEPS))
    tags = {
        b"desc": _description("sRGB IEC61966-2.1"),
        b"cprt": b"text" + bytes(4) + b"Public domain\0",
        b"wtpt": _xyz(_D50),
        **{name: _xyz(primary) for name, primary in _PRIMARIES.items()},
        b"rTRC": curve,
    }
    offset = 128 + 4 + 12 * (len(tags) + 2)
    places, body = {}, b""
    for name, content in tags.items():
        places[name] = (offset + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    places[b"gTRC"] = places[b"bTRC"] = places[b"rTRC"]
    table = struct.pack(">I", len(places)) + b"".join(
        name + struct.pack(">II", *place) for name, place in sorted(places.items())
    )
    return _header(128 + len(table) + len(body)) + table + body


@cache
def deflated_profile() -> bytes:
    """The profile as documents embed it."""
    return zlib.compress(srgb_profile(), 9)


def _header(size: int) -> bytes:
    made_on = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ") + made_on + b"acsp"
    white = b"".join(struct.pack(">i", round(part * 0x10000)) for part in _D50)
    return (head + bytes(28) + white).ljust(128, b"\0")


def _description(text: str) -> bytes:
    told = text.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(told)) + told + bytes(8 + 3 + 67)


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(part * 0x10000)) for part in value)


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_BELOW else ((part + 0.055) / 1.055) ** 2.4


def _luminance(colour: Colour) -> float:
    red, green, blue = map(_linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
