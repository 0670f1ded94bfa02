"""What a customer reads of a line of every kind; the figures are worked out by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from pdf_samples import BETWEEN_READINGS, standing_line, water_line

from billing.accounts import Reading, Service
from billing.charges import (
    ChargeLine,
    LineArea,
    LineBlock,
    LineDifference,
    LineExcess,
    LinePart,
    LineSettled,
    LineShare,
    LineTerms,
    Origin,
)
from billing.explanations import explain, formula
from billing.periods import Period
from billing.polish import NBSP
from billing.polish_explanations import why_line
from billing.subsidies import LineSubsidy, SubsidyMode
from billing.tariffs import TariffBook

NO_TARIFFS = TariffBook(tariffs=())
LATE = Period(start=date(2026, 10, 8), until=date(2026, 10, 31))
EARLY = Period(start=date(2026, 9, 30), until=date(2026, 10, 8))


def said(line: ChargeLine, *readings: Reading, lines: tuple[ChargeLine, ...] = ()) -> str:
    found = why_line(line, tariffs=NO_TARIFFS, readings={one.reading_id: one for one in readings}, lines=lines)
    return "\n".join(found).replace(NBSP, " ")


def for_auditors(line: ChargeLine) -> str:
    return "\n".join(explain(line, tariffs=NO_TARIFFS))


def of(line: ChargeLine, quantity: str, net_zl: str, **changes: object) -> ChargeLine:
    return replace(line, quantity=Decimal(quantity), net_zl=Decimal(net_zl), **changes)


def part(purpose: str, previous: str, current: str, percent: str) -> LinePart:
    return LinePart(
        meter_no=f"W-{purpose}",
        purpose=purpose,
        previous_reading_id=1,
        current_reading_id=2,
        previous_index_m3=Decimal(previous),
        current_index_m3=Decimal(current),
        volume_m3=Decimal(current) - Decimal(previous),
        percent=Decimal(percent),
    )


def no_meter(line: ChargeLine, **changes: object) -> ChargeLine:
    nothing = dict.fromkeys(
        ("meter_no", "previous_reading_id", "current_reading_id", "previous_index_m3", "current_index_m3")
    )
    return replace(line, **{**nothing, **changes})


def test_an_estimated_reading_and_a_cut_one_say_so() -> None:
    readings = (
        Reading(
            reading_id=1, read_on=date(2026, 9, 30), index_m3=Decimal("412.9"), source="radio_fixed", quality="actual"
        ),
        Reading(
            reading_id=2, read_on=date(2026, 10, 31), index_m3=Decimal(424), source="estimate", quality="estimated"
        ),
    )

    text = said(water_line(), *readings)

    assert "odczyt poprzedni 30.09.2026 412 m³ (odczyt radiowy; wskazanie 412,900 m³, dalszych cyfr" in text
    assert "obecny 31.10.2026 424 m³ (stan oszacowany)" in text
    assert "zużycie: 424 − 412 = 12 m³ w ciągu 31 dni" in text


def test_a_reading_that_was_put_right_is_not_called_a_cut_one() -> None:
    came = {"1": "415", "2": "405", "3": "412.999", "4": "411.998"}
    said_of = {
        key: said(
            water_line(),
            Reading(
                reading_id=1, read_on=date(2026, 9, 30), index_m3=Decimal(index), source="handheld", quality="actual"
            ),
        )
        for key, index in came.items()
    }

    assert "412 m³ (odczyt na miejscu; wskazanie 415 m³ zostało sprostowane)" in said_of["1"]
    assert "412 m³ (odczyt na miejscu; wskazanie 405 m³ zostało sprostowane)" in said_of["2"]
    assert "wskazanie 412,999 m³, dalszych cyfr się nie rozlicza" in said_of["3"]
    assert "wskazanie 411,998 m³, ale rozliczono już 412 m³" in said_of["4"]


def test_a_share_by_days_is_worked_out_on_both_lines() -> None:
    # 12 m³ in 31 days, 8 of them before the change: 12 × 8 / 31 = 3.0967…, rounded 3; 12 − 3 = 9
    share = LineShare(days=8, of_days=31, of_m3=Decimal(12), after_days=0)
    early = of(water_line(), "3", "20.40", period=EARLY, share=share)
    late = of(water_line(), "9", "61.20", period=LATE, share=replace(share, days=23, after_days=8))

    assert "30.09.2026–07.10.2026 to 8 z 31 dni między odczytami; do końca tych dni 12 × 8 / 31 = 3,096774… m³, " in (
        said(early)
    )
    assert "czyli 3 m³ (po zaokrągleniu do pełnych m³)" in said(early)
    assert "do końca tych dni całe 12 m³, przed nimi 12 × 8 / 31 = 3,096774… m³, czyli 3 m³" in said(late)
    assert "na te dni: 12 − 3 = 9 m³" in said(late)
    assert formula(late).replace(NBSP, " ") == "9 m³ × 6,80 zł = 61,20 zł", "not of the indexes, which tell 12"
    assert "odczyt poprzedni 30.09.2026 412 m³" in said(late), "the readings bound the whole, not the share"
    assert "by day 31 of 31 12 m3 of 12, before it (day 8) 3.000 m3, each half up to 0 places: 9.000 m3" in (
        for_auditors(late)
    )


def test_a_share_that_is_billed_to_three_places_is_told_to_three_places() -> None:
    share = LineShare(days=8, of_days=31, of_m3=Decimal(12), after_days=0)
    early = of(water_line(), "3.097", "21.06", period=EARLY, share=share)

    assert "czyli 3,097 m³ (po zaokrągleniu do 3 miejsc)" in said(early)
    assert "kwota: 3,097 m³ × 6,80 zł = 21,0596 zł, po zaokrągleniu do grosza (pół grosza w górę) 21,06 zł" in said(
        early
    )


def test_blocks_of_a_share_are_told_by_their_sum() -> None:
    share = LineShare(days=8, of_days=31, of_m3=Decimal(12), after_days=0)
    first = of(
        water_line(), "2", "13.60", period=EARLY, share=share, block=LineBlock(from_m3=Decimal(0), until_m3=Decimal(2))
    )
    second = of(first, "1", "6.80", row_no=2, block=LineBlock(from_m3=Decimal(2), until_m3=None))

    assert "czyli 3 m³ (po zaokrągleniu do pełnych m³)" in said(first, lines=(first, second))
    assert "próg ceny: zużycie od pierwszego m³ do 2 m³; przypada na niego 2 m³" in said(first)
    assert "próg ceny: zużycie powyżej 2 m³; przypada na niego 1 m³" in said(second)
    assert "block: what is above 2 m3: 1 m3" in for_auditors(second)


def test_a_block_of_what_readings_bound_tells_all_that_was_counted() -> None:
    first = of(water_line(), "10", "68.00", block=LineBlock(from_m3=Decimal(0), until_m3=Decimal(10)))
    second = of(water_line(), "2", "13.60", row_no=2, block=LineBlock(from_m3=Decimal(10), until_m3=None))

    assert "zużycie: 424 − 412 = 12 m³ w ciągu 31 dni" in said(second, lines=(first, second))
    assert "zużycie: 424 − 412 = 12 m³ w ciągu 31 dni" in said(second)


def test_a_garden_meter_comes_off() -> None:
    parts = (part("main", "412", "424", "100"), part("garden", "30", "33.5", "-100"))
    line = of(no_meter(water_line(service=Service.SEWAGE)), "8.5", "57.80", parts=parts)

    text = said(line)

    assert "wodomierz główny nr W-main: odczyt poprzedni 30.09.2026 412 m³, obecny 31.10.2026 424 m³" in text
    assert "wodomierz ogrodowy (woda bezpowrotnie zużyta) nr W-garden" in text
    assert "zużycie 33,500 − 30 = 3,500 m³, odejmujemy 3,5 m³" in text
    assert "ilość: 12 − 3,5 = 8,500 m³" in text
    assert "W-garden (garden), readings 1 and 2: 33.5 - 30 = 3.5 m3 x -100 % = -3.5 m3" in for_auditors(line)


def test_a_part_by_percent_is_told_with_its_percent() -> None:
    line = of(no_meter(water_line()), "3", "20.40", parts=(part("main", "412", "424", "25"),))

    assert "zużycie 424 − 412 = 12 m³, z tego 25%: 3 m³" in said(line)
    assert "ilość" not in said(line)


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (Origin.NORM, "ilość według przeciętnych norm zużycia wody, bez wodomierza: 12 m³"),
        (Origin.CONTRACT, "ilość określona w umowie: 12 m³"),
        (Origin.AREA, "ilość wynika z powierzchni, z której spływają wody opadowe: 12 m³"),
        (Origin.FORECAST, "prognoza; rozliczy ją odczyt: 12 m³"),
    ],
)
def test_a_quantity_that_no_register_measured_says_what_named_it(origin: Origin, words: str) -> None:
    line = no_meter(water_line(), origin=origin)

    assert words in said(line)
    assert "no reading: " in for_auditors(line) or origin is Origin.FORECAST


@pytest.mark.parametrize("origin", Origin)
def test_whatever_named_a_quantity_can_be_told(origin: Origin) -> None:
    line = no_meter(water_line(), origin=origin)

    assert "12 m³" in said(line)
    assert for_auditors(line)


def test_a_share_in_what_the_building_used_beyond_its_flats_is_worked_out() -> None:
    # 5 × 30 / 115 = 1.3043…
    share = LineDifference(
        share_id=1,
        front_point_no="PP-1",
        of_m3=Decimal(5),
        before_m3=Decimal(0),
        own_m3=Decimal(30),
        all_m3=Decimal(115),
    )
    line = of(no_meter(water_line(), origin=Origin.DIFFERENCE, difference=share), "1.304", "8.87")

    assert "wodomierz główny budynku (punkt PP-1) policzył o 5 m³ więcej niż wodomierze lokali" in said(line)
    assert "udział: 5 × 30 / 115 = 1,304347… m³, po zaokrągleniu narastająco 1,304 m³" in said(line)
    assert "share by use: 5 x (0 + 30) / 115 less 5 x 0 / 115, each half up: 1.304 m3" in for_auditors(line)


def test_a_norm_tells_persons_and_month_and_a_contract_its_month() -> None:
    norm = LineTerms(norm="2002-4-sewer", persons=3, m3_month=Decimal("9.000"))
    line = of(no_meter(water_line(), origin=Origin.NORM, terms=norm), "4.5", "30.60")
    contract = replace(line, origin=Origin.CONTRACT, terms=replace(norm, norm=None, persons=None))

    assert "bez wodomierza: 3 os. × 3 m³ = 9 m³ miesięcznie, za te dni 4,500 m³" in said(line)
    assert "ilość określona w umowie: 9 m³ miesięcznie, za te dni 4,500 m³" in said(contract)
    assert "terms: 3 persons, 9.000 m3 a month, norm 2002-4-sewer" in for_auditors(line)


def test_a_register_that_passed_through_zero_shows_how_it_is_reckoned() -> None:
    line = of(water_line(previous_m3="99990", current_m3="7"), "17", "115.60")

    assert "zużycie: (100 000 − 99 990) + 7 = 17 m³ w ciągu 31 dni" in said(line)
    assert "(passed through zero at 100000)" in for_auditors(line)
    assert formula(line).replace(NBSP, " ") == "17 m³ × 6,80 zł = 115,60 zł"


def test_a_garden_meter_whose_legalisation_lapsed_takes_nothing_off() -> None:
    garden = replace(part("garden", "30", "33.5", "0"), lapsed_on=date(2026, 10, 15))
    parts = (part("main", "412", "424", "100"), garden)
    line = of(no_meter(water_line(service=Service.SEWAGE)), "12", "81.60", parts=parts)

    assert "zużycie 33,500 − 30 = 3,500 m³, nieodliczane: legalizacja wodomierza do 15.10.2026" in said(line)
    assert "legalised until 2026-10-15: nothing comes off" in for_auditors(line)


def test_a_part_of_which_contracts_share_the_days_tells_its_own() -> None:
    days = Period(start=date(2026, 10, 11), until=date(2026, 10, 31))
    shared = replace(part("behind", "10", "40", "-100"), volume_m3=Decimal(20), billed=days)
    parts = (part("main", "412", "524", "100"), shared)
    line = of(no_meter(water_line()), "92", "625.60", parts=parts)

    assert "zużycie 40 − 10 = 30 m³, na dni 11.10.2026–30.10.2026 przypada 20 m³, odejmujemy 20 m³" in said(line)


def test_sewage_of_a_device_of_its_own_is_not_called_the_water_taken() -> None:
    water = water_line()
    sewage = water_line(meter_no="U-1", service=Service.SEWAGE)

    assert "ścieki to pobrana woda" not in said(sewage, lines=(water, sewage))
    assert "ścieki to pobrana woda" in said(replace(sewage, meter_no=water.meter_no), lines=(water, sewage))


def test_what_a_forecast_charged_comes_off() -> None:
    line = of(no_meter(water_line()), "-12", "-81.60", origin=Origin.SETTLED_FORECAST)

    assert "odejmujemy to, co już naliczyła prognoza: -12 m³" in said(line)
    assert "kwota: -12 m³ × 6,80 zł = -81,60 zł" in said(line)


def test_an_excess_is_the_product_with_its_share_above_what_is_permitted() -> None:
    # (450 − 300) / 300 = 0.5; 12 × 6.80 × 0.5 = 40.80
    excess = LineExcess(indicator="BZT5", measured=Decimal("450.0000"), permitted=Decimal("300.0000"))
    line = of(no_meter(water_line(service=Service.EXCESS)), "12", "40.80", excess=excess)

    assert "wskaźnik BZT5: w ściekach 450, dopuszczalnie 300" in said(line)
    assert "kwota: 12 m³ × 6,80 zł × (450 − 300) / 300 = 40,80 zł" in said(line)
    assert "x (450.0000 - 300.0000) / 300.0000 (BZT5) = 40.80" in for_auditors(line)


def test_stormwater_tells_its_surface_and_an_ordered_service_its_day() -> None:
    area = LineArea(surface="D-1", area_m2=Decimal("600.00"), m3_per_m2_year=Decimal("0.570"))
    rain = no_meter(water_line(service=Service.STORMWATER), origin=Origin.AREA, area=area)
    order = no_meter(water_line(service=Service.EXTRA), origin=Origin.ORDER, unit="szt.")

    assert "powierzchnia D-1: 600 m² × 0,57 m³ z 1 m² rocznie, razem 12 m³; miesiąc to dwunasta część" in said(rain)
    assert "usługa zamówiona, wykonana 30.09.2026: 12 szt." in said(order)
    assert "pozycja cennika" in said(order)


def test_a_settled_forecast_names_the_document_that_charged_it() -> None:
    settles = LineSettled(forecast_line_id=1, document="FV/2026/07/000001")
    line = of(no_meter(water_line()), "-12", "-81.60", origin=Origin.SETTLED_FORECAST, settles=settles)

    assert "odejmujemy to, co naliczyła prognoza FV/2026/07/000001: -12 m³" in said(line)


def test_a_subsidy_off_the_price_shows_the_tariffs_price_and_what_is_left() -> None:
    paid = LineSubsidy(
        gmina="Rzeczna", mode=SubsidyMode.NET, zl_m3=Decimal("1.20"), subsidy_zl=Decimal("14.40"), basis="unknown"
    )
    text = said(replace(water_line(), subsidy=paid))

    assert "cena: 8,00 zł netto za 1 m³" in text
    assert "dopłata Gminy Rzeczna do ceny: 8,00 − 1,20 = 6,80 zł; dopłata razem 14,40 zł netto" in text


def test_the_abonament_is_owed_without_use() -> None:
    assert "abonament za 2 mies.; należy się bez względu na to, czy pobierano wodę" in said(standing_line(months=2))
    assert BETWEEN_READINGS.days == 31
