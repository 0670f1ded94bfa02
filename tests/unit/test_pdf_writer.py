"""The bytes of a document beyond its page: letters outside the cut, data, colour and logo, and nothing of another's."""

import hashlib
import json
import os
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from fontTools.ttLib import TTFont
from pdf_kinds import CUSTOMER, KINDS, LETTERS, YEAR, document_of, own_look
from pdf_linter import findings
from pdf_reading import codes, whole_text
from pdf_samples import sample_invoice, water_line
from PIL import Image

from billing.accounts import Role
from billing.canonical import content_sha256
from billing.errors import DataRefused
from billing.invoices import Invoice
from pdf.colour import ACCENT, INK, MUTED, TINT, WHITE, contrast, srgb_profile
from pdf.cut import CODES, CUT_SHA256
from pdf.cut_fonts import cut_of
from pdf.invoice import TEMPLATE_VERSION, render_invoice
from pdf.look import PLAIN, Look, colour_of
from pdf.typeface import REGULAR, Unprintable, advance
from pipeline.documents import rendering_of
from pipeline.look import look_of, version_of
from pipeline.settings import PROJECT, read_settings
from pipeline.utility_files import load_folder

MANY_LETTERS = "".join(chr(code) for code in (*range(0x391, 0x3A2), *range(0x3A3, 0x3CA), *range(0x410, 0x450)))
LEAK_DOCUMENTS = int(os.environ.get("OBIEG_LEAK_DOCUMENTS", "300"))


def named(name: str) -> Invoice:
    return sample_invoice(parties=dict.fromkeys((Role.BUYER, Role.PAYER), replace(CUSTOMER, name=name)))


def test_the_tool_cuts_the_fonts_as_they_lie_there() -> None:
    for face, sha256 in CUT_SHA256.items():
        assert hashlib.sha256(cut_of(face)).hexdigest() == sha256


def test_the_cut_is_as_wide_as_the_font_letter_by_letter() -> None:
    font = TTFont(PROJECT / "pdf" / "fonts" / f"{REGULAR}.cut.ttf")
    glyphs, metrics = font["cmap"].tables[0].cmap, font["hmtx"].metrics
    assert {letter: metrics[glyphs[code]][0] for letter, code in CODES.items()} == {
        letter: advance(REGULAR, letter) for letter in CODES
    }


@pytest.mark.parametrize(
    "name", ["Zoë Ŵinter", "Олена Ковальчук", "Ω(ψ)\\Ж)", f"{MANY_LETTERS[:60]} {MANY_LETTERS[60:]}"]
)
def test_letters_outside_the_cut_are_printed_read_and_well_formed(name: str) -> None:
    document = render_invoice(named(name))

    assert name.replace(" ", "") in whole_text(document.content).replace(" ", "")
    assert findings(document.content) == []
    assert render_invoice(named(name)) == document


@pytest.mark.parametrize("name", ["東京", "Jan\nKowalski\0", "Jan\x07", "🚰"])
def test_what_no_font_has_is_refused_and_not_left_out(name: str) -> None:
    with pytest.raises(Unprintable, match="NO_GLYPH"):
        render_invoice(replace(sample_invoice(), account_no=name))


def test_the_attached_data_are_the_text_whose_hash_was_stored() -> None:
    invoice = replace(sample_invoice(), used_before=YEAR)
    with pikepdf.open(BytesIO(render_invoice(invoice).content)) as pdf:
        (name,) = pdf.attachments
        attached = pdf.attachments[name].get_file().read_bytes()

    assert name == "faktura.json"
    assert hashlib.sha256(attached).hexdigest() == content_sha256(invoice)
    assert json.loads(attached)["gross_zl"] == "212.34"


@pytest.mark.parametrize("kind", sorted(set(KINDS) - LETTERS))
def test_every_invoice_carries_its_data_and_every_letter_none(kind: str) -> None:
    with pikepdf.open(BytesIO(document_of(kind).content)) as pdf:
        assert list(pdf.attachments) == ["faktura.json"]
    with pikepdf.open(BytesIO(document_of("letter").content)) as pdf:
        assert not pdf.attachments
        assert "/AF" not in pdf.Root


def test_texts_are_told_apart_from_their_ground() -> None:
    assert min(contrast(text, ground) for text in (INK, MUTED, ACCENT) for ground in (WHITE, TINT)) > 4.5
    assert contrast(colour_of("#ffffff"), colour_of("#000000")) == pytest.approx(21)
    for light in ("#ff8800", "#767676"):  # the second can be read on white, and not on its own tint
        with pytest.raises(ValueError, match="contrast"):
            Look(accent=colour_of(light))


def test_a_look_changes_colour_and_version_and_no_letter() -> None:
    plain = render_invoice(replace(sample_invoice(), used_before=YEAR))
    own = render_invoice(replace(sample_invoice(), used_before=YEAR), look=own_look())

    assert whole_text(own.content) == whole_text(plain.content)
    assert own.sha256 != plain.sha256
    assert PLAIN.version == ""
    assert re.fullmatch(r"\+[0-9a-f]{8}", own_look().version)
    assert version_of(PLAIN) == TEMPLATE_VERSION


def folder_with(tmp_path: Path, look: str) -> Path:
    text = (PROJECT / "utilities" / "demo" / "utility.toml").read_text(encoding="utf-8")
    (tmp_path / "utility.toml").write_text(f"{text}\n[look]\n{look}\n", encoding="utf-8")
    return tmp_path


def test_colour_and_logo_come_from_the_folder_of_the_utility(tmp_path: Path) -> None:
    Image.new("RGBA", (1200, 400), (10, 79, 110, 128)).save(tmp_path / "logo.png")
    folder = folder_with(tmp_path, 'colour = "#0a4f6e"\nlogo = "logo.png"')
    look = look_of(folder, load_folder(folder).utility)

    assert look.accent == colour_of("#0a4f6e")
    assert look.logo is not None
    assert (look.logo.width, look.logo.height) == (408, 136)
    assert look.logo.alt == "Logo Wodociągi Zdroje sp. z o.o. (przykład)"
    assert findings(render_invoice(sample_invoice(), look=look).content) == []


@pytest.mark.parametrize(
    ("look", "told"),
    [
        ('colour = "#ffdd00"', "contrast"),
        ('colour = "blue"', "not written like"),
        ('logo = "logo.png"', "logo.png"),
        ('logo = "utility.toml"', "cannot be read"),
        ('logo = "../demo/logo.png"', "not the name of a file"),
    ],
)
def test_a_look_that_cannot_be_drawn_is_refused_in_one_line(tmp_path: Path, look: str, told: str) -> None:
    folder = folder_with(tmp_path, look)

    with pytest.raises(DataRefused, match=told) as refused:
        look_of(folder, load_folder(folder).utility)

    assert "\n" not in str(refused.value)


def test_the_profile_of_the_colours_is_a_whole_one() -> None:
    profile = srgb_profile()

    assert int.from_bytes(profile[:4]) == len(profile)
    assert profile[8] == 2  # the version that every reader knows


def customer(number: int) -> Invoice:
    """An invoice in which everything that is a customer's own bears the same mark; each tenth is of other letters."""
    mark = f"Q{number:06}Z"
    where = replace(CUSTOMER.address, street=f"ul. {mark} 7")
    party = replace(CUSTOMER, party_no=mark, name=f"{'Жанна' if number % 10 == 0 else 'Jan'} {mark}", address=where)
    invoice = sample_invoice(
        lines=(water_line(meter_no=mark, point_no=mark, current_m3=f"{413 + number % 50}"),),
        parties=dict.fromkeys((Role.BUYER, Role.PAYER, Role.CORRESPONDENCE), party),
        payment_title=mark,
    )
    points = tuple(replace(point, address=where) for point in invoice.points)
    return replace(
        invoice,
        number=replace(invoice.number, sequence=number, text=mark),
        account_no=mark,
        points=points,
        used_before=YEAR[number % 12 :],
    )


def test_a_document_holds_the_data_of_its_own_customer_only() -> None:
    for number in range(LEAK_DOCUMENTS):
        content = render_invoice(customer(number), look=own_look() if number % 7 == 0 else PLAIN).content
        with pikepdf.open(BytesIO(content)) as pdf:
            streams = [one.read_bytes() for one in pdf.objects if isinstance(one, pikepdf.Stream)]
            title = str(pdf.trailer.Info.Title)
        everything = f"{whole_text(content)} {title} {b' '.join(streams).decode('latin-1')}"
        assert set(re.findall(r"Q\d{6}Z", everything)) == {f"Q{number:06}Z"}
        if number % 20 == 0:
            assert all(f"Q{number:06}Z" in code for code in codes(content, dpi=96))


def test_what_renders_here_is_told_with_its_look(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 'colour = "#0a4f6e"')

    plain = rendering_of(read_settings({}))
    own = rendering_of(read_settings({"OBIEG_UTILITY": str(folder)}))

    assert plain.by.template_version == TEMPLATE_VERSION
    assert own.by.template_version == f"{TEMPLATE_VERSION}{own.look.version}"
    assert own.by.template_version != plain.by.template_version
    assert own.by.fonts_sha256 == plain.by.fonts_sha256
