"""The invoice as its reader gets it: everything is there, nothing is lost, the same bytes every time."""

import hashlib
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pdf_reading import codes, page_texts, text_boxes, whole_text
from pdf_samples import (
    CUSTOMER,
    SELLER,
    lines_of_every_kind,
    many_lines,
    many_points,
    sample_invoice,
    standing_line,
    typical_lines,
    water_line,
)

from billing.accounts import Address, Party, PartyKind, Role
from billing.charges import ChargeLine
from billing.invoices import Invoice
from billing.polish import NBSP, format_amount, format_price, format_quantity
from billing.subsidies import LineSubsidy, SubsidyMode
from pdf.invoice import render_invoice
from pdf.typeface import Unprintable

MANAGER = Party(
    party_no="P-7",
    kind=PartyKind.ORGANISATION,
    name="Zarządca Nieruchomości „Kasztan” s.c.",
    nip="9990000008",
    address=Address(street="ul. Kasztanowa 3", postcode="99-998", city="Dolne Zdroje"),
)
LONG_NAME = "Wspólnota Mieszkaniowa Nieruchomości przy ulicy Generała Kazimierza Sosnkowskiego 12, 14, 16 i 18 " * 2


def text_of(invoice: Invoice) -> str:
    return whole_text(render_invoice(invoice).content)


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def test_a_final_invoice_says_so_and_ends_with_the_last_day_that_it_bills() -> None:
    ordinary = sample_invoice()
    early = tuple(
        replace(line, period=replace(line.period, until=date(2026, 10, 10)))
        if line.period.start < date(2026, 10, 10) < line.period.until
        else line
        for line in ordinary.lines
    )

    text = plain(text_of(replace(ordinary, kind="final", lines=early)))

    assert "Rodzaj faktury Rozliczenie końcowe" in text
    assert "Data wykonania usługi 09.10.2026" in text
    assert "Okres rozliczeniowy 01.10.2026–09.10.2026" in text
    assert "końcowe" not in text_of(ordinary)


@pytest.mark.parametrize(
    "item",
    [
        "Faktura FV/2026/11/000123",  # art. 106e ust. 1 pkt 2
        "Data wystawienia 03.11.2026",  # pkt 1
        "Data wykonania usługi 31.10.2026",  # pkt 6
        "Okres rozliczeniowy 01.10.2026–31.10.2026",
        "Wodociągi Zdrojowe sp. z o.o.",  # pkt 3
        "ul. Źródlana 1, 99-999 Zdroje",
        "NIP 9990000008",  # pkt 4
        "REGON 999000006",
        "tel. 32 000 00 00",
        "bok@wodociagi-zdroje.example",
        "www.wodociagi-zdroje.example",
        "Nabywca Grażyna Brzęczyszczykiewicz-Łącka",  # pkt 3
        "ul. Świętej Jadwigi Śląskiej 12a/7, 99-999 Zdroje",
        "Kod klienta 10023",
        "Forma faktury elektroniczna (e-faktura)",
        "Do zapłaty 212,34 zł",  # pkt 15
        "słownie: dwieście dwanaście złotych 34/100",
        "Termin płatności 18.11.2026",
        "37 1020 0003 0000 0000 0001 0023",
        "Tytuł przelewu FV/2026/11/000123 klient 10023",
        "Punkt poboru PP-10023-1",
        "18-442107 30.09.2026 412 31.10.2026 424 12",
        "1 Woda 30.09.2026–30.10.2026 12 m³ 6,80 8% 81,60",  # pkt 7, 8, 9, 11, 12
        "2 Odprowadzanie ścieków 30.09.2026–30.10.2026 12 m³ 8,73 8% 104,76",
        "3 Opłata abonamentowa 01.10.2026–31.10.2026 1 mies. 10,25 8% 10,25",
        "8% 196,61 15,73 212,34",  # pkt 13, 14
        "Razem 196,61 15,73 212,34",
        "Taryfa: grupa GE-1.",
        "Podstawa naliczenia: uzzwś art. 27 ust. 1; Rozp. 2018 § 16 ust. 2.",
        "nie krótszy niż 14 dni",
        "nie wstrzymuje obowiązku jej zapłaty",
        "strona 1 z 1",
    ],
)
def test_the_invoice_says(item: str) -> None:
    assert item in text_of(sample_invoice())


def test_other_roles_are_named_only_where_they_are_other_people() -> None:
    shared = sample_invoice(
        parties={Role.BUYER: CUSTOMER, Role.PAYER: MANAGER, Role.RECIPIENT: replace(CUSTOMER, party_no="P-9")}
    )

    text = text_of(shared)

    assert "Płatnik Zarządca Nieruchomości „Kasztan” s.c. ul. Kasztanowa 3, 99-998 Dolne Zdroje NIP 9990000008" in text
    assert "Odbiorca Grażyna" in text
    assert "Płatnik" not in text_of(sample_invoice())
    assert "Odbiorca" not in text_of(sample_invoice())


def test_the_correspondence_address_stands_in_the_window_of_the_envelope() -> None:
    letter = sample_invoice(parties={Role.BUYER: CUSTOMER, Role.PAYER: CUSTOMER, Role.CORRESPONDENCE: MANAGER})

    assert f"{MANAGER.name} ul. Kasztanowa 3 99-998 Dolne Zdroje" in text_of(letter)


@pytest.mark.parametrize("count", [*range(1, 21), 24, 33, 40, 47, 53, 60, 66, 71, 79, 80])
def test_no_row_is_lost_and_every_page_is_numbered(count: int) -> None:
    lines = many_lines(count)
    document = render_invoice(sample_invoice(lines=lines))
    pages = page_texts(document.content)
    text = " ".join(pages)

    assert document.pages == len(pages)
    for number, page in enumerate(pages, start=1):
        assert page.endswith(f"strona {number} z {len(pages)}")
    for number, line in enumerate(lines, start=1):
        quantity, price, net = format_quantity(line.quantity), format_price(line.price_zl), format_amount(line.net_zl)
        figures = plain(f"30.09.2026–30.10.2026 {quantity} m³ {price} 8% {net}")
        assert re.search(rf"{number} Woda (wodomierz {line.meter_no} )?{re.escape(figures)}", text)
        previous, current = format_quantity(line.previous_index_m3), format_quantity(line.current_index_m3)
        assert plain(f"{line.meter_no} 30.09.2026 {previous} 31.10.2026 {current} {quantity}") in text
    assert "nie wstrzymuje obowiązku jej zapłaty" in text


def test_the_head_of_a_table_is_repeated_on_every_page_it_reaches() -> None:
    pages = page_texts(render_invoice(sample_invoice(lines=many_lines(80))).content)
    heads = [page.count("Zużycie [m³]") + page.count("Usługa") for page in pages[:-1]]

    assert len(pages) > 3
    assert min(heads) >= 1
    assert all(page.startswith("Faktura FV/2026/11/000123 – ciąg dalszy") for page in pages[1:])


@pytest.mark.parametrize(
    "item",
    [
        "18-442107 30.09.2026 412 31.10.2026 424 12 OG-2211",  # both prices rest on one pair of readings
        "OG-2211 wodomierz ogrodowy 30.09.2026 30 31.10.2026 33,500 3,500",
        "bez wodomierza woda według norm zużycia 9,600",
        "bez wodomierza ścieki według umowy 15",
        "bez wodomierza woda według prognozy 300",
        # 3 + 9, 12, 20 + 5, 9.6, 300 − 280
        "Razem woda 78,600",
        "1 Woda 8 z 31 dni, z 12 m³ 30.09.2026–07.10.2026 3 m³ 6,80 8% 20,40",
        "2 Woda 23 z 31 dni, z 12 m³ 08.10.2026–30.10.2026 9 m³ 6,90 8% 62,10",
        "12 – 3,5 (ogród) m³ 30.09.2026–30.10.2026 8,500 m³ 8,73 8% 74,21",
        # 8.5 × 8.73 × 0.5 = 37.1025
        "× (450 – 300) / 300 30.09.2026–30.10.2026 8,500 m³ 8,73 8% 37,10",
        "600 m² × 0,57 m³/m² rocznie 30.09.2026–30.10.2026 28,500 m³ 3,67 8% 104,60",
        "Plombowanie wodomierza ogrodowego 30.09.2026–30.10.2026 1 szt. 120,00 23% 120,00",
        "Dostarczanie wody (odczyt szacowany)",
        "30.09.2026–30.10.2026 20 m³ 6,80 8% 136,00",
        "30.09.2026–30.10.2026 5 m³ 8,10 8% 40,50",
        "naliczone już w prognozie 30.09.2026–30.10.2026 -280 m³ 6,80 8% -1 904,00",
        "Wszystkie punkty 14 Opłata abonamentowa",
    ],
)
def test_a_line_of_every_kind_says_how_it_came_about(item: str) -> None:
    assert item in plain(text_of(sample_invoice(lines=lines_of_every_kind())))


def test_each_of_several_points_opens_a_group_of_lines_that_is_named_again_on_the_next_page() -> None:
    text = plain(text_of(sample_invoice(lines=many_points(20))))

    for number in range(20):
        assert text.count(f"Punkt poboru PP-{number:03}: ul.") >= 2  # consumption, charges
    assert "Wszystkie punkty 41 Opłata abonamentowa" in text
    assert "wodomierz 70" not in text, "a point with one meter need not name it on every line"
    assert "Punkt poboru" not in plain(text_of(sample_invoice())).split("Rozliczenie")[1]

    long = (*(water_line(point_no="P-1") for _ in range(60)), water_line(point_no="P-2"))
    pages = [plain(page) for page in page_texts(render_invoice(sample_invoice(lines=long)).content)]
    assert len(pages) == 3
    assert all(
        "Punkt poboru P-1: ul. Świętej Jadwigi Śląskiej 12a/7, 99-999 Zdroje – cd." in page for page in pages[1:]
    )


@pytest.mark.parametrize(
    "invoice",
    [
        sample_invoice(),
        sample_invoice(lines=many_lines(9)),
        sample_invoice(lines=lines_of_every_kind()),
        sample_invoice(lines=many_points(20)),
        sample_invoice(lines=(standing_line(months=-1),)),
        sample_invoice(
            parties={Role.BUYER: replace(CUSTOMER, name=LONG_NAME), Role.PAYER: replace(MANAGER, name=LONG_NAME)},
            seller=replace(SELLER, name=LONG_NAME[:120]),
        ),
    ],
    ids=["typical", "nine meters", "every kind", "twenty points", "overpaid", "long names"],
)
def test_no_text_lies_on_another_or_leaves_the_paper(invoice: Invoice) -> None:
    document = render_invoice(invoice)
    for page in range(document.pages):
        boxes = text_boxes(document.content, page=page)
        assert len(boxes) > 3
        assert [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []
        assert all(box.left > 40 and box.right < 555 and box.bottom > 15 and box.top < 830 for box in boxes)


def test_long_names_are_printed_whole() -> None:
    invoice = sample_invoice(parties={Role.BUYER: replace(CUSTOMER, name=LONG_NAME), Role.PAYER: CUSTOMER})

    assert f"Nabywca {LONG_NAME.strip()} ul. Świętej" in text_of(invoice)


@pytest.mark.parametrize("times", [6, 12, 24])
def test_a_very_long_street_is_printed_whole_and_moves_what_is_below(times: int) -> None:
    street = " ".join(["ul. Błogosławionej Karoliny Kózkówny"] * times)
    away = replace(MANAGER, address=replace(MANAGER.address, street=street), name=LONG_NAME)

    content = render_invoice(
        sample_invoice(parties={Role.BUYER: CUSTOMER, Role.PAYER: CUSTOMER, Role.CORRESPONDENCE: away})
    ).content

    assert street in whole_text(content)
    assert [pair for pair in itertools.combinations(text_boxes(content), 2) if pair[0].overlaps(pair[1])] == []


def test_an_overpayment_asks_for_nothing_and_says_what_becomes_of_it() -> None:
    text = text_of(sample_invoice(lines=(standing_line(months=-2),)))

    assert "Nadpłata 22,14 zł" in text
    assert "-20,50" in text
    assert "Nie trzeba nic płacić." in text
    assert "w ciągu 14 dni od dnia złożenia wniosku" in text
    assert "Do zapłaty" not in text


def test_an_invoice_of_zero_asks_for_nothing() -> None:
    text = text_of(sample_invoice(lines=(water_line(previous_m3="424", current_m3="424"),)))

    assert "Do zapłaty 0,00 zł słownie: zero złotych 00/100" in text
    assert "Nie trzeba nic płacić." in text
    assert "Termin płatności 18" not in text


def subsidised(line: ChargeLine, mode: SubsidyMode, zl_m3: str, subsidy_zl: str) -> ChargeLine:
    subsidy = LineSubsidy(
        gmina="Bielsko-Biała Śródmieście",
        mode=mode,
        zl_m3=Decimal(zl_m3),
        subsidy_zl=Decimal(subsidy_zl),
        basis="uchwała XII/100/2024",
    )
    return replace(line, subsidy=subsidy, basis=f"{line.basis}; uzzwś art. 24 ust. 6; {subsidy.basis}")


def test_what_a_gmina_takes_off_the_gross_is_listed_and_only_the_rest_is_asked_for() -> None:
    water, sewage, standing = typical_lines()
    lines = (
        subsidised(water, SubsidyMode.GROSS, "0.8500", "10.20"),
        subsidised(sewage, SubsidyMode.GROSS, "2.5000", "30.00"),
        standing,
    )
    invoice = replace(sample_invoice(lines=lines), subsidy_gross_zl=Decimal("40.20"))
    content = render_invoice(invoice).content

    text = whole_text(content)
    # 81.60 + 104.76 + 10.25 = 196.61, VAT 15.73
    assert "Razem 196,61 15,73 212,34" in text
    assert "Dopłata Gminy Bielsko-Biała Śródmieście – woda 12 0,85 -10,20" in text
    assert "Dopłata Gminy Bielsko-Biała Śródmieście – ścieki 12 2,50 -30,00" in text
    assert "-30,00 Do zapłaty 172,14" in text
    assert "Do zapłaty 172,14 zł słownie: sto siedemdziesiąt dwa złote 14/100" in text
    assert "uzzwś art. 24 ust. 6; uchwała XII/100/2024" in text
    assert "|017214|" in codes(content)[0]
    assert [pair for pair in itertools.combinations(text_boxes(content), 2) if pair[0].overlaps(pair[1])] == []


def test_a_price_that_a_gmina_has_lowered_is_explained() -> None:
    line = subsidised(water_line(price_zl="5.60"), SubsidyMode.NET, "1.2000", "14.40")
    other = subsidised(water_line(price_zl="5.60", meter_no="W-2"), SubsidyMode.NET, "1.2000", "14.40")

    text = text_of(replace(sample_invoice(lines=(line, other)), subsidy_net_zl=Decimal("28.80")))

    note = (
        "Dopłata Gminy Bielsko-Biała Śródmieście (woda): cena taryfowa netto 6,80 zł/m³, dopłata 1,20 zł/m³, "
        "cena po dopłacie 5,60 zł/m³; dopłata razem 28,80 zł netto."
    )
    assert text.count(note) == 1
    assert "Do zapłaty 145,15 zł" in text  # 2 × 67.20 = 134.40, VAT 10.752


def test_an_invoice_that_the_gmina_pays_whole_asks_for_nothing() -> None:
    line = subsidised(water_line(), SubsidyMode.GROSS, "7.3440", "88.13")

    text = text_of(replace(sample_invoice(lines=(line,)), subsidy_gross_zl=Decimal("88.13")))

    assert "Do zapłaty 0,00 zł" in text
    assert "Nie trzeba nic płacić." in text


def test_each_vat_rate_has_its_own_sum() -> None:
    lines = (*typical_lines(), water_line(description="Usługa dodatkowa", price_zl="10.00", vat_rate=Decimal("0.23")))

    text = text_of(sample_invoice(lines=lines))

    assert "8% 196,61 15,73 212,34" in text
    assert "23% 120,00 27,60 147,60" in text
    assert "Razem 316,61 43,33 359,94" in text


@pytest.mark.parametrize("name", ["李小龍", "Ola 🚰", "हिन्दी", "\u202eodwrócone"])
def test_what_the_fonts_cannot_print_is_refused_and_not_dropped(name: str) -> None:
    with pytest.raises(Unprintable) as refusal:
        render_invoice(sample_invoice(parties={Role.BUYER: CUSTOMER, Role.PAYER: replace(CUSTOMER, name=name)}))

    assert refusal.value.code == "NO_GLYPH"
    assert name not in str(refusal.value)


@pytest.mark.parametrize("name", ["Žofia Őry-Ştefănescu", "Δημήτρης", "Олена Шевченко", "Zażo\u0301\u0142ć"])
def test_names_of_other_european_alphabets_are_printed(name: str) -> None:
    buyer = replace(CUSTOMER, name=name)

    text = text_of(sample_invoice(parties={Role.BUYER: buyer, Role.PAYER: buyer}))

    assert name.replace("o\u0301", "ó") in text


def test_a_text_longer_than_a_page_is_refused() -> None:
    endless = replace(CUSTOMER, name="Bardzo długa nazwa " * 200)

    with pytest.raises(Unprintable) as refusal:
        render_invoice(sample_invoice(parties={Role.BUYER: endless, Role.PAYER: CUSTOMER}))

    assert refusal.value.code == "TEXT_TOO_LONG"


def test_a_kind_without_a_title_is_refused() -> None:
    with pytest.raises(Unprintable) as refusal:
        render_invoice(sample_invoice(kind="pro_forma"))

    assert refusal.value.code == "NO_SUCH_KIND"


def test_the_hash_is_of_the_bytes() -> None:
    document = render_invoice(sample_invoice())

    assert document.content.startswith(b"%PDF-")
    assert document.sha256 == hashlib.sha256(document.content).hexdigest()


def test_any_process_gives_the_same_bytes_whatever_its_hash_seed_clock_and_zone() -> None:
    script = (
        "from pdf_samples import *; from pdf.invoice import render_invoice;"
        "print(render_invoice(sample_invoice()).sha256, render_invoice(sample_invoice(lines=many_lines(30))).sha256)"
    )
    here = Path(__file__).parent
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=here.parent.parent,
            env={**os.environ, **extra, "PYTHONPATH": f"{here.parent.parent}{os.pathsep}{here}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for extra in (
            {"PYTHONHASHSEED": "1"},
            {"PYTHONHASHSEED": "4711", "SOURCE_DATE_EPOCH": "86400", "TZ": "Pacific/Auckland", "LC_ALL": "C"},
        )
    }
    # what was rendered before in this process must not show either
    render_invoice(sample_invoice(lines=many_lines(12)))
    here_too = [render_invoice(sample_invoice(lines=lines)).sha256 for lines in (typical_lines(), many_lines(30))]

    assert answers == {f"{' '.join(here_too)}\n"}


def test_another_figure_gives_another_document() -> None:
    other = sample_invoice(lines=(water_line(current_m3="425"), *typical_lines()[1:]))

    assert render_invoice(other).sha256 != render_invoice(sample_invoice()).sha256
