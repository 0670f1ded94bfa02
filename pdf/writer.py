"""Finished pages into the bytes of a file: PDF 1.7 with object streams, meant to be PDF/A-3b and PDF/UA-1.

Most of a document is the same in all of them: fonts, colour profile, what says how they belong together; and much is
the same in all of its shape. Those are kept as the bytes that they become, and only what varies is written.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfdoc

from pdf.colour import deflated_profile
from pdf.cut import cut_font, cut_to_unicode, font_descriptor, font_dictionary
from pdf.look import Logo
from pdf.metadata import Metadata, text_string
from pdf.objects import (
    FREE,
    HEAD_OF_FREE,
    XREF_WIDTHS,
    Number,
    XrefEntry,
    at,
    dictionary_object,
    object_stream,
    object_stream_entries,
    stream_object,
    within,
)
from pdf.seal import Seal, seal_objects, sealed
from pdf.tags import structure_of
from pdf.typeface import BOLD, REGULAR
from pdf.wide import WideFonts, widened

LANGUAGE = "pl-PL"
_HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_MEDIA_BOX = f"[0 0 {A4[0]:.2f} {A4[1]:.2f}]"
_LEVEL = 3
"""Of what varies. The level above it costs twice the time for a hundredth of the size."""


DATA_NAME = "faktura.json"
"""Name of the file in the file that holds the invoice's own data."""
_SEALED = "Pochodzenie i nienaruszalność dokumentu"
DATA_TOLD = "Dane faktury w zapisie JSON"


class TaggedDocument(pdfdoc.PDFDocument):
    """A document of finished pages: ``contents`` are their operators, ``shape`` the structure that they mark.

    ``data`` is the JSON that the document carries. Letters outside the cut of the fonts get fonts of their own, made
    for this one document.
    """

    def __init__(
        self,
        *,
        contents: Sequence[str],
        shape: str,
        metadata: Metadata,
        data: bytes | None = None,
        logo: Logo | None = None,
        seal: Seal | None = None,
    ) -> None:
        super().__init__(invariant=1, lang=LANGUAGE, pdfVersion=(1, 7))
        self.contents = contents
        self.shape = shape
        self.metadata = metadata
        self.data = data
        self.logo = logo
        self.seal = seal

    def format(self) -> bytes:
        """The file. Nothing but the document decides its bytes, and which zlib deflates them."""
        structure = structure_of(self.shape, media_box=_MEDIA_BOX, is_sealed=self.seal is not None)
        contents, fonts = self._encoded(next_number=structure.next_number)
        common = _common(logo=self.logo, has_data=self.data is not None, is_sealed=self.seal is not None)
        objects = dict(common.varying_resources(fonts))
        objects |= {
            number: stream_object(number, zlib.compress(content, _LEVEL))
            for number, content in zip(structure.contents, contents, strict=True)
        }
        objects[Number.STRUCTURE] = stream_object(Number.STRUCTURE, structure.stream, structure.told)
        objects[Number.METADATA] = stream_object(Number.METADATA, self.metadata.packet(), "/Type/Metadata/Subtype/XML")
        objects[Number.INFO] = dictionary_object(Number.INFO, self.metadata.dictionary())
        if self.data is not None:
            objects[Number.DATA] = _data(self.data, moment=self.metadata.moment())
        if self.seal is None:
            return _assembled(common, objects, structure.entries)
        objects |= seal_objects(moment=self.metadata.moment(), reason=text_string(_SEALED), pages=len(self.contents))
        return sealed(_assembled(common, objects, structure.entries), self.seal)

    def _encoded(self, *, next_number: int) -> tuple[Sequence[bytes], WideFonts | None]:
        try:
            return [content.encode("latin-1") for content in self.contents], None
        except UnicodeEncodeError:
            fonts = widened(self.contents, first_number=next_number)
            return fonts.contents, fonts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What begins each file; ``entries`` say where its objects are."""

    content: bytes
    entries: Mapping[int, XrefEntry]
    logo: bool

    def varying_resources(self, fonts: WideFonts | None) -> Mapping[int, bytes]:
        """What the pages use, and the fonts of this document only."""
        own = fonts.names if fonts else {}
        names = {"F1": int(Number.REGULAR), "F2": int(Number.BOLD), **own}
        told = "".join(f"/{name} {number:d} 0 R" for name, number in names.items())
        pictures = f"/XObject<</Logo {Number.LOGO:d} 0 R>>" if self.logo else ""
        resources = dictionary_object(Number.RESOURCES, f"<</Font<<{told}>>{pictures}>>")
        return {Number.RESOURCES: resources, **(fonts.objects if fonts else {})}


@lru_cache(maxsize=8)
def _common(*, logo: Logo | None, has_data: bool, is_sealed: bool) -> _Common:
    regular, bold = cut_font(REGULAR), cut_font(BOLD)
    objects: dict[int, bytes] = {
        Number.REGULAR_FILE: stream_object(
            Number.REGULAR_FILE, regular.file, f"/Filter/FlateDecode/Length1 {regular.length}"
        ),
        Number.TO_UNICODE: stream_object(Number.TO_UNICODE, zlib.compress(cut_to_unicode(), 9)),
        Number.BOLD_FILE: stream_object(Number.BOLD_FILE, bold.file, f"/Filter/FlateDecode/Length1 {bold.length}"),
        Number.PROFILE: stream_object(Number.PROFILE, deflated_profile(), "/Filter/FlateDecode/N 3"),
    }
    if logo is not None:
        objects[Number.LOGO] = _picture(logo)
    packed: dict[int, str] = {
        Number.CATALOG: _catalog(has_data=has_data, is_sealed=is_sealed),
        Number.REGULAR: font_dictionary(
            regular, descriptor=Number.REGULAR_MEASURES, to_unicode_number=Number.TO_UNICODE
        ),
        Number.BOLD: font_dictionary(bold, descriptor=Number.BOLD_MEASURES, to_unicode_number=Number.TO_UNICODE),
        Number.REGULAR_MEASURES: font_descriptor(regular, file=Number.REGULAR_FILE),
        Number.BOLD_MEASURES: font_descriptor(bold, file=Number.BOLD_FILE),
    }
    if has_data:
        packed[Number.ATTACHED] = _attached()
    stream, first = object_stream(list(packed.items()))
    told = object_stream_entries(count=len(packed), first=first)
    objects[Number.COMMON] = stream_object(Number.COMMON, zlib.compress(stream, 9), told)
    content, entries = _placed(_HEADER, objects)
    entries |= dict(zip(packed, within(Number.COMMON, range(len(packed))), strict=True))
    return _Common(content=content, entries=entries, logo=logo is not None)


def _catalog(*, has_data: bool, is_sealed: bool) -> str:
    file = f"{Number.ATTACHED:d} 0 R"
    attached = f"/AF[{file}]/Names<</EmbeddedFiles<</Names[{text_string(DATA_NAME)} {file}]>>>>" if has_data else ""
    form = f"/AcroForm<</Fields[{Number.SEAL_FIELD:d} 0 R]/SigFlags 3>>" if is_sealed else ""
    return (
        f"<</Type/Catalog/Pages {Number.PAGES:d} 0 R/Lang({LANGUAGE})/MarkInfo<</Marked true>>"
        f"/StructTreeRoot {Number.STRUCTURE_ROOT:d} 0 R/Metadata {Number.METADATA:d} 0 R"
        f"/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB IEC61966-2.1)"
        f"/RegistryName(http://www.color.org)/Info(sRGB IEC61966-2.1)/DestOutputProfile {Number.PROFILE:d} 0 R>>]"
        f"/ViewerPreferences<</DisplayDocTitle true>>{attached}{form}>>"
    )


def _attached() -> str:
    name = text_string(DATA_NAME)
    return (
        f"<</Type/Filespec/F({DATA_NAME})/UF{name}/Desc{text_string(DATA_TOLD)}/AFRelationship/Data"
        f"/EF<</F {Number.DATA:d} 0 R/UF {Number.DATA:d} 0 R>>>>"
    )


def _data(content: bytes, *, moment: str) -> bytes:
    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()  # what ISO 32000-1, table 46, asks for
    entries = (
        "/Filter/FlateDecode/Type/EmbeddedFile/Subtype/application#2Fjson"
        f"/Params<</Size {len(content)}/CheckSum<{checksum}>/ModDate{moment}>>"
    )
    return stream_object(Number.DATA, zlib.compress(content, _LEVEL), entries)


def _picture(logo: Logo) -> bytes:
    entries = (
        f"/Filter/FlateDecode/Type/XObject/Subtype/Image/Width {logo.width}/Height {logo.height}"
        "/ColorSpace/DeviceRGB/BitsPerComponent 8"
    )
    return stream_object(Number.LOGO, logo.pixels, entries)


def _placed(before: bytes, objects: Mapping[int, bytes], *, offset: int = 0) -> tuple[bytes, dict[int, XrefEntry]]:
    entries = {}
    offset += len(before)
    for number, content in objects.items():
        entries[number] = at(offset)
        offset += len(content)
    return b"".join((before, *objects.values())), entries


def _assembled(common: _Common, objects: Mapping[int, bytes], structure: Mapping[int, XrefEntry]) -> bytes:
    """All parts one after the other, and the cross-references to them."""
    body, placed = _placed(b"", objects, offset=len(common.content))
    begin = len(common.content) + len(body)
    entries = {0: HEAD_OF_FREE, **common.entries, **structure, **placed, Number.XREF: at(begin)}
    size = max(entries) + 1
    table = zlib.compress(b"".join([entries.get(number, FREE) for number in range(size)]), _LEVEL)
    identifier = hashlib.md5(body, usedforsecurity=False).hexdigest()
    told = (
        f"/Filter/FlateDecode/Type/XRef/Size {size}/W{XREF_WIDTHS}/Root {Number.CATALOG:d} 0 R/Info {Number.INFO:d} 0 R"
        f"/ID[<{identifier}><{identifier}>]"
    )
    xref = stream_object(Number.XREF, table, told)
    return b"".join((common.content, body, xref, f"startxref\n{begin}\n%%EOF\n".encode("ascii")))
