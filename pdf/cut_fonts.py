"""Cut the fonts ahead: ``python -m pdf.cut_fonts`` writes the cut of each face beside it and tells its SHA-256.

Without hinting and layout tables the cuts are a seventh of what a renderer's own subset would be. Needed again only
when letters are added to ``pdf.cut``; the new hashes go there, and the documents get another template version.
"""

import hashlib
import sys
from io import BytesIO

from fontTools import subset
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

from pdf.cut import CODES
from pdf.typeface import FOLDER, FONT_SHA256

_TABLES = {"cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "post"}


def cut_of(face: str) -> bytes:
    """The font file of ``face`` with the letters of the cut only, at the bytes of the cut."""
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, glyph_names=False, name_IDs=[])
    font = TTFont(FOLDER / f"{face}.ttf", recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(CODES))
    subsetter.subset(font)
    names = font.getBestCmap()
    table = CmapSubtable.newSubtable(6)
    table.platformID, table.platEncID, table.language = 1, 0, 0
    table.cmap = {code: names[ord(character)] for character, code in CODES.items()}
    font["cmap"] = newTable("cmap")
    font["cmap"].tableVersion, font["cmap"].tables = 0, [table]  # one encoding only, as PDF/A asks of symbolic fonts
    for tag in set(font.keys()) - _TABLES - {"GlyphOrder"}:
        del font[tag]
    target = BytesIO()
    font.save(target, reorderTables=True)
    return target.getvalue()


def main() -> int:
    """Write both cuts."""
    for face in FONT_SHA256:
        content = cut_of(face)
        (FOLDER / f"{face}.cut.ttf").write_bytes(content)
        sys.stdout.write(f"{face} {len(content)} {hashlib.sha256(content).hexdigest()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
