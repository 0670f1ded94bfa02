"""The acceptance form: prefilled, lawful in its words, honest about the price, one page."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pdf_reading import page_texts, text_boxes, whole_text
from pdf_samples import CUSTOMER, SELLER, sample_invoice

from billing.accounts import Role
from billing.consents import ConsentMethod, ConsentRule, EffectiveRule
from pdf.letter import render_statement_form
from pdf.typeface import Unprintable
from pipeline.acceptance_form import form_for, form_offered
from pipeline.settings import PROJECT
from pipeline.utility_files import LoadedUtility, load_folder

DEMO = PROJECT / "utilities" / "demo"


@pytest.fixture(scope="module")
def loaded() -> LoadedUtility:
    return load_folder(DEMO)


def changed(loaded: LoadedUtility, **consents: object) -> LoadedUtility:
    return replace(loaded, utility=replace(loaded.utility, consents=replace(loaded.utility.consents, **consents)))


def form_text(loaded: LoadedUtility, *, tariff_class: str = "household") -> str:
    return whole_text(form_for(sample_invoice(), tariff_class=tariff_class, loaded=loaded))


@pytest.mark.parametrize(
    "item",
    [
        "Oświadczenie o akceptacji faktur elektronicznych",
        "Wodociągi Zdrojowe sp. z o.o. ul. Źródlana 1, 99-999 Zdroje NIP 9990000008",
        "Nabywca Grażyna Brzęczyszczykiewicz-Łącka",
        "Adres ul. Świętej Jadwigi Śląskiej 12a/7, 99-999 Zdroje",
        "Kod klienta 10023",
        "Przejście na e-fakturę obniża opłatę abonamentową o 48,00 zł brutto rocznie.",
        "art. 106gc ust. 1 ustawy o podatku od towarów i usług",
        "regulamin e-faktury w wersji 1.0, obowiązującej od 01.02.2026",
        "Pierwszą e-fakturą będzie faktura wystawiona po dniu, w którym to oświadczenie wpłynie do przedsiębiorstwa",
        "nie będę otrzymywać faktur na papierze",
        "Oświadczenie składam dobrowolnie. Mogę je w każdej chwili wycofać",
        "Adres e-mail do przesyłania faktur",
        "data (dzień, miesiąc, rok)",
        "czytelny podpis nabywcy lub osoby upoważnionej",
        "na adres bok@wodociagi-zdroje.example",
        "Pytania: tel. 32 000 00 00.",
        "Administrator danych: Wodociągi Zdrojowe sp. z o.o.",
        "RODO",
        "data wpływu",
    ],
)
def test_the_form_says(item: str, loaded: LoadedUtility) -> None:
    assert item in form_text(loaded)


def test_the_repealed_article_is_not_cited(loaded: LoadedUtility) -> None:
    assert "106n" not in form_text(loaded)


@pytest.mark.parametrize("tariff_class", ["business", "no such class"])
def test_nothing_is_promised_where_nothing_is_saved(tariff_class: str, loaded: LoadedUtility) -> None:
    assert "obniża" not in form_text(loaded, tariff_class=tariff_class)


def test_the_start_and_the_end_follow_the_rules_of_the_utility(loaded: LoadedUtility) -> None:
    slower = changed(loaded, rule=ConsentRule(paper_form_start=EffectiveRule.DAYS_7, withdraw=EffectiveRule.DAYS_14))

    text = form_text(slower)

    assert "wystawiona po upływie 7 dni od dnia, w którym to oświadczenie wpłynie" in text
    assert "po upływie 14 dni od dnia, w którym rezygnacja wpłynie" in text


def test_every_rule_has_its_words(loaded: LoadedUtility) -> None:
    for rule in EffectiveRule:
        assert "w którym to oświadczenie wpłynie" in form_text(
            changed(loaded, rule=ConsentRule(paper_form_start=rule, withdraw=rule))
        )


def test_a_form_is_offered_only_with_terms_in_force_and_where_forms_are_taken(loaded: LoadedUtility) -> None:
    invoice = sample_invoice()

    assert form_offered(invoice, loaded=loaded)
    assert not form_offered(replace(invoice, issue_date=date(2026, 1, 31)), loaded=loaded)
    assert not form_offered(invoice, loaded=changed(loaded, methods=frozenset({ConsentMethod.PORTAL_CLICK})))


def test_a_form_without_terms_is_refused(loaded: LoadedUtility) -> None:
    early = replace(sample_invoice(), issue_date=date(2026, 1, 31))

    with pytest.raises(ValueError, match="no regulamin in force"):
        form_for(early, tariff_class="household", loaded=loaded)


def test_the_buyer_signs_even_where_somebody_else_pays(loaded: LoadedUtility) -> None:
    payer = replace(CUSTOMER, party_no="P-2", name="Syn Grażyny")
    invoice = sample_invoice(parties={Role.BUYER: CUSTOMER, Role.PAYER: payer})

    text = whole_text(form_for(invoice, tariff_class="household", loaded=loaded))

    assert "Nabywca Grażyna" in text
    assert "Syn" not in text


@pytest.mark.parametrize("name", [CUSTOMER.name, "Maria Magdalena z Domu pod Kasztanami " * 5])
def test_the_form_is_one_page_on_which_no_text_lies_on_another(name: str, loaded: LoadedUtility) -> None:
    buyer = replace(CUSTOMER, name=name)
    invoice = sample_invoice(
        parties={Role.BUYER: buyer, Role.PAYER: buyer},
        seller=replace(SELLER, name="Przedsiębiorstwo Wodociągów i Kanalizacji Ziemi Zdrojowej i Okolic sp. z o.o."),
    )

    content = form_for(invoice, tariff_class="household", loaded=loaded)

    assert len(page_texts(content)) == 1
    boxes = text_boxes(content)
    assert [pair for pair in itertools.combinations(boxes, 2) if pair[0].overlaps(pair[1])] == []
    assert all(box.left > 40 and box.right < 555 and box.bottom > 15 for box in boxes)


def test_a_name_that_cannot_be_printed_is_refused() -> None:
    with pytest.raises(Unprintable):
        render_statement_form(
            seller=SELLER,
            customer=replace(CUSTOMER, name="李小龍"),
            account_no="1",
            prepared_on=date(2026, 11, 3),
            statement=["Uzgadniam."],
            notices=[],
        )


def test_any_process_gives_the_same_bytes(loaded: LoadedUtility) -> None:
    script = (
        "import hashlib; from pathlib import Path; from pdf_samples import sample_invoice;"
        "from pipeline.acceptance_form import form_for; from pipeline.utility_files import load_folder;"
        f"loaded = load_folder(Path({str(DEMO)!r}));"
        "form = form_for(sample_invoice(), tariff_class='household', loaded=loaded);"
        "print(hashlib.sha256(form).hexdigest())"
    )
    here = Path(__file__).parent
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{PROJECT}{os.pathsep}{here}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4711")
    }

    assert len(answers) == 1
