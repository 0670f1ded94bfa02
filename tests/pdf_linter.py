"""A second opinion on documents: what PDF/A-3b and PDF/UA-1 ask of a file that can be decided by looking at it.

Every finding is a code and a place. It reads the bytes with other libraries than those that wrote them, and is no
validator: what it does not look for may still be wrong. The codes are those of ``pdf_defects.toml``.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO

import pikepdf
from fontTools.ttLib import TTFont
from pdf_reading import whole_text
from pikepdf import Dictionary, Name, Object, Pdf

from billing.polish import NBSP, format_amount

PAINTS = {"f", "F", "f*", "S", "s", "B", "B*", "b", "b*", "Do", "sh", "INLINE IMAGE"}
SHOWS = {"Tj", "TJ", "'", '"'}

OTHER_COLOURS = {"k", "K", "cs", "CS", "sc", "SC", "scn", "SCN", "g", "G"}
HEADINGS = {"/H1": 1, "/H2": 2, "/H3": 3}
ROLES = {"/Document", "/H1", "/H2", "/P", "/Table", "/TR", "/TH", "/TD", "/Figure", "/Form"}
ALTS = {"symbol": "Kod QR", "logo": "Logo", "chart": "Wykres"}
ALT_LENGTH_LEAST = 12
XMP_WANTED = {
    "XMP_PART": r"<pdfaid:part>3</pdfaid:part>",
    "XMP_CONFORMANCE": r"<pdfaid:conformance>B</pdfaid:conformance>",
    "XMP_UA": r"<pdfuaid:part>1</pdfuaid:part>",
    "XMP_EXTENSION": r"<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>",
}
PRINTED_AND_LOCKED = 132
A_THOUSANDTH = 1
Marks = dict[tuple[int, int], dict[int, tuple[str, str]]]
"""By page and number: the role of marked content, and what kind of picture it is."""


def findings(content: bytes) -> list[str]:
    """Everything that is wrong with a document, as ``CODE place``; nothing when it is well."""
    found = [*_ends(content)]
    with pikepdf.open(BytesIO(content)) as pdf:
        found += [f"SYNTAX {problem}" for problem in pdf.check_pdf_syntax()]
        found += [*_catalog(pdf), *_metadata(pdf), *_fonts(pdf), *_attachment(pdf, content)]
        marks = {}
        for number, page in enumerate(pdf.pages):
            found += _Painted(page, number).findings()
            marks[page.obj.objgen] = _Painted(page, number).marks()
        found += [*_structure(pdf, marks)]
    return found


def codes(content: bytes) -> set[str]:
    """The codes of what was found."""
    return {finding.split()[0] for finding in findings(content)}


def _ends(content: bytes) -> Iterator[str]:
    for match in re.finditer(rb"(.)endstream\s", content, re.DOTALL):
        if match[1] not in b"\r\n":
            yield f"EOL_MISSING at {match.start()}"


def _catalog(pdf: Pdf) -> Iterator[str]:
    root = pdf.Root
    if str(root.get("/Lang", "")) != "pl-PL":
        yield "LANG catalog"
    if not root.get("/MarkInfo", Dictionary()).get("/Marked", False):
        yield "NOT_MARKED catalog"
    if not root.get("/ViewerPreferences", Dictionary()).get("/DisplayDocTitle", False):
        yield "TITLE_HIDDEN catalog"
    intents = list(root.get("/OutputIntents", []))
    if len(intents) != 1 or intents[0].S != Name.GTS_PDFA1:
        yield "OUTPUT_INTENT catalog"
    else:
        profile = intents[0].get("/DestOutputProfile")
        if profile is None or profile.N != 3 or profile.read_bytes()[36:40] != b"acsp":
            yield "OUTPUT_INTENT profile"
    if "/ID" not in pdf.trailer:
        yield "ID trailer"
    for key in ("/Encrypt", "/AcroForm", "/OpenAction", "/AA", "/OCProperties"):
        if (key in root or key in pdf.trailer) and not (key == "/AcroForm" and _is_seal(root.AcroForm.Fields)):
            yield f"FORBIDDEN {key}"


def _is_seal(fields: Object) -> bool:
    """Whether there is nothing but one field of a signature, which nobody sees and which says what it is."""
    (field,) = fields
    unseen = [float(corner) for corner in field.Rect] == [0.0] * 4
    return bool(Name.Sig == field.FT and field.F == PRINTED_AND_LOCKED and unseen and field.TU and field.StructParent)


def _metadata(pdf: Pdf) -> Iterator[str]:
    stream = pdf.Root.get("/Metadata")
    if stream is None or "/Filter" in stream:
        yield "XMP_STREAM catalog"
        return
    text = stream.read_bytes().decode()
    for code, wanted in XMP_WANTED.items():
        if not re.search(wanted, text):
            yield f"{code} metadata"
    title = re.search(r"<dc:title>.*?>([^<>]+)</rdf:li>", text)
    info = pdf.trailer.get("/Info", Dictionary())
    if title is None or title[1] != str(info.get("/Title", "")).replace("&", "&amp;"):
        yield "TITLE metadata"
    day = re.search(r"<xmp:CreateDate>(\d+)-(\d+)-(\d+)T", text)
    if day is None or not str(info.get("/CreationDate", "")).startswith(f"D:{''.join(day.groups())}"):
        yield "DATE metadata"


def _fonts(pdf: Pdf) -> Iterator[str]:
    for font in pdf.objects:
        if not isinstance(font, Dictionary) or font.get("/Type") != Name.Font:
            continue
        name, descriptor = str(font.BaseFont), font.FontDescriptor
        if "/FontFile2" not in descriptor:
            yield f"FONT_NOT_EMBEDDED {name}"
            continue
        if "/ToUnicode" not in font:
            yield f"TO_UNICODE {name}"
            continue
        file = TTFont(BytesIO(descriptor.FontFile2.read_bytes()))
        if len(file["cmap"].tables) != 1:
            yield f"CMAP {name}"
        glyphs, advances = file["cmap"].tables[0].cmap, file["hmtx"].metrics
        for code, width in enumerate(font.Widths, start=int(font.FirstChar)):
            if code in glyphs and glyphs[code] != ".notdef":
                units = advances[glyphs[code]][0] * 1000 / file["head"].unitsPerEm
                if abs(units - float(width)) > A_THOUSANDTH:
                    yield f"WIDTH {name} {code}"


def _attachment(pdf: Pdf, content: bytes) -> Iterator[str]:
    if "/Names" not in pdf.Root and "/AF" not in pdf.Root:
        return  # a letter has none
    if len(pdf.Root.get("/AF", [])) != 1:
        yield "AF catalog"
        return
    file = pdf.Root.AF[0]
    if file.get("/AFRelationship") not in {Name.Data, Name.Source}:
        yield "AF_RELATIONSHIP file"
    if str(file.get("/F", "")) != str(file.get("/UF", "")) or not str(file.get("/Desc", "")):
        yield "AF_NAME file"
    embedded = file.EF.F
    data = embedded.read_bytes()
    if embedded.get("/Subtype") != Name("/application/json"):
        yield "AF_MIME file"
    told = embedded.get("/Params", Dictionary())
    checksum = hashlib.md5(data, usedforsecurity=False).digest()
    if told.get("/Size") != len(data) or bytes(told.get("/CheckSum", b"")) != checksum:
        yield "AF_CHECKSUM file"
    yield from _figures(json.loads(data), whole_text(content))


def _figures(invoice: dict[str, object], text: str) -> Iterator[str]:
    """What the attached data say is what is printed, and it adds up."""
    rows = [{key: Decimal(row[key]) for key in ("net_zl", "vat_zl", "gross_zl")} for row in invoice["vat_sums"]]
    for key in ("net_zl", "vat_zl", "gross_zl"):
        if sum(row[key] for row in rows) != Decimal(str(invoice[key])):
            yield f"SUM {key}"
    printed = [row[key] for row in rows for key in row]
    printed += [Decimal(line["net_zl"]) for line in invoice["lines"]]
    printed += [Decimal(str(invoice[key])) for key in ("net_zl", "vat_zl", "gross_zl")]
    for amount in set(printed):
        if format_amount(amount).replace(NBSP, " ") not in text:
            yield f"NOT_PRINTED {amount}"


class _Painted:
    """The operators of one page: what they paint, under which marks, with which letters."""

    def __init__(self, page: pikepdf.Page, number: int) -> None:
        self.page, self.number = page, number
        self.instructions = pikepdf.parse_content_stream(page)
        self.fonts = {name: _Font(font) for name, font in page.obj.Resources.Font.items()}

    def marks(self) -> dict[int, tuple[str, str]]:
        """By number: the role of each piece of marked content, and what kind of picture it is."""
        found, current, kind = {}, None, ""
        for instruction in self.instructions:
            operator = str(instruction.operator)
            if operator == "BDC":
                current, kind = (int(instruction.operands[1].MCID), str(instruction.operands[0])), ""
            elif operator == "cm":
                kind = kind or "symbol"
            elif operator == "Do":
                kind = "logo"
            elif operator == "re":
                kind = kind or "chart"
            elif operator == "EMC" and current is not None:
                found[current[0]] = (current[1], kind)
                current = None
        return found

    def findings(self) -> Iterator[str]:
        page, place = self.page.obj, f"page {self.number + 1}"
        if page.get("/Tabs") != Name.S or page.get("/StructParents") != self.number:
            yield f"PAGE_TABS {place}"
        if "/Group" in page or ("/Annots" in page and not _is_seal(page.Annots)):
            yield f"FORBIDDEN {place}"
        yield from self._marked(place)
        yield from self._shown(place)

    def _marked(self, place: str) -> Iterator[str]:
        depth, numbers = 0, []
        for instruction in self.instructions:
            operator = str(instruction.operator)
            depth += {"BDC": 1, "BMC": 1, "EMC": -1}.get(operator, 0)
            if operator == "BDC":
                numbers.append(int(instruction.operands[1].MCID))
            elif operator == "BMC" and str(instruction.operands[0]) != "/Artifact":
                yield f"MARK {place}"
            elif operator in PAINTS | SHOWS and depth < 1:
                yield f"NOT_TAGGED {place} {operator}"
            if depth > 1:
                yield f"MARK_NESTED {place}"
        if depth:
            yield f"UNBALANCED {place}"
        if sorted(numbers) != list(range(len(numbers))):
            yield f"MCID {place}"

    def _shown(self, place: str) -> Iterator[str]:
        saved, in_text, font = 0, False, None
        for instruction in self.instructions:
            operator = str(instruction.operator)
            saved += {"q": 1, "Q": -1}.get(operator, 0)
            in_text = {"BT": True, "ET": False}.get(operator, in_text)
            if operator in OTHER_COLOURS:
                yield f"COLOUR {place} {operator}"
            elif operator == "Tf":
                font = self.fonts.get(str(instruction.operands[0]))
            elif operator in SHOWS:
                if font is None or not in_text:
                    yield f"FONT {place}"
                else:
                    yield from font.findings(bytes(instruction.operands[0]), place)
        if saved:
            yield f"UNBALANCED {place}"


class _Font:
    """What the bytes of a font show, and what letters they are."""

    def __init__(self, font: Object) -> None:
        self.first, self.widths = int(font.FirstChar), list(font.Widths)
        embedded = font.FontDescriptor.get("/FontFile2")
        self.glyphs = TTFont(BytesIO(embedded.read_bytes()))["cmap"].tables[0].cmap if embedded is not None else {}
        told = font.ToUnicode.read_bytes().decode() if "/ToUnicode" in font else ""
        self.letters = dict(re.findall(r"<([0-9A-F]{2})> <([0-9A-F]{4,8})>", told))

    def findings(self, shown: bytes, place: str) -> Iterator[str]:
        for code in set(shown):
            if self.glyphs.get(code, ".notdef") == ".notdef":
                yield f"NO_GLYPH {place} {code}"
            if f"{code:02X}" not in self.letters:
                yield f"NO_LETTER {place} {code}"
            if not self.first <= code < self.first + len(self.widths):
                yield f"NO_WIDTH {place} {code}"


def _structure(pdf: Pdf, marks: Marks) -> Iterator[str]:
    root = pdf.Root.get("/StructTreeRoot")
    if root is None:
        yield "NO_STRUCTURE catalog"
        return
    walk = _Walk(marks=marks)
    yield from walk.element(root.K, root)
    headings = walk.headings
    skips = any(lower - upper > 1 for upper, lower in itertools.pairwise(headings))
    if headings[:1] != [1] or headings.count(1) != 1 or skips:
        yield f"HEADINGS {headings}"
    nums = list(root.ParentTree.Nums)
    by_page = dict(zip(map(int, nums[::2]), nums[1::2], strict=True))
    for number, page in enumerate(pdf.pages):
        of_page, parents = marks[page.obj.objgen], by_page.get(number, [])
        if len(parents) != len(of_page):
            yield f"PARENT_TREE page {number + 1}"
            continue
        for mcid in of_page:
            element = walk.seen.get((page.obj.objgen, mcid))
            if element is None:
                yield f"MCID_ORPHAN page {number + 1} {mcid}"
            elif element.objgen != parents[mcid].objgen:
                yield f"PARENT_TREE page {number + 1} {mcid}"


@dataclass(slots=True, kw_only=True)
class _Walk:
    """A walk over the structure: ``marks`` are those of the pages, ``seen`` the elements that claim them."""

    marks: Marks
    seen: dict[tuple[tuple[int, int], int], Object] = field(default_factory=dict)
    headings: list[int] = field(default_factory=list)

    def element(self, element: Object, parent: Object) -> Iterator[str]:
        role, place = str(element.get("/S")), f"element {element.objgen[0]}"
        if role not in ROLES:
            yield f"ROLE {place} {role}"
        if element.get("/P") is None or element.P.objgen != parent.objgen:
            yield f"PARENT {place}"
        if role in HEADINGS:
            self.headings.append(HEADINGS[role])
        if isinstance(element.get("/K"), int):
            yield from self._leaf(element, role, place)
            return
        children = _kids(element)
        if role == "/Table":
            yield from _table(children, place)
        for child in children:
            if child.get("/Type") != Name.OBJR:
                yield from self.element(child, element)

    def _leaf(self, element: Object, role: str, place: str) -> Iterator[str]:
        leaf = (element.Pg.objgen, int(element.K))
        name, kind = self.marks.get(leaf[0], {}).get(leaf[1], ("", ""))
        if leaf in self.seen:
            yield f"MCID_TWICE {place}"
        self.seen[leaf] = element
        if name and name != role:
            yield f"MARK_ROLE {place} {name} {role}"
        if role == "/Figure":
            alt = str(element.get("/Alt", ""))
            if len(alt) < ALT_LENGTH_LEAST or not alt.startswith(ALTS[kind or "chart"]):
                yield f"ALT {place}"


def _kids(element: Object) -> list[Object]:
    kids = element.get("/K")
    if kids is None:
        return []
    return list(kids) if isinstance(kids, pikepdf.Array) else [kids]


def _table(rows: list[Object], place: str) -> Iterator[str]:
    if any(row.get("/S") != Name.TR for row in rows):
        yield f"TABLE_ROW {place}"
        return
    widths = set()
    for row in rows:
        cells = _kids(row)
        if any(cell.S not in {Name.TH, Name.TD} for cell in cells):
            yield f"TABLE_CELL {place}"
        widths.add(sum(int(cell.get("/A", Dictionary()).get("/ColSpan", 1)) for cell in cells))
        if any(cell.S == Name.TH and "/Scope" not in cell.get("/A", Dictionary()) for cell in cells):
            yield f"TH_SCOPE {place}"
    if len(widths) != 1:
        yield f"TABLE_RAGGED {place}"
    heads = _kids(rows[0])
    if any(cell.S != Name.TH for cell in heads):
        yield f"TABLE_HEAD {place}"
