"""The acceptance form that travels with a paper invoice: what it says, and for whom it is made."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from billing.accounts import Role
from billing.consents import ConsentMethod, EffectiveRule, price_effect_zl_year
from billing.errors import DataRefused
from billing.invoices import Invoice
from billing.polish import NBSP, format_date, format_zl
from pdf.letter import render_statement_form
from pdf.look import PLAIN, Look
from pipeline.utility_files import LoadedUtility

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "letter"

_NOTICE = {
    EffectiveRule.NEXT_DAY: "po dniu, w którym",
    EffectiveRule.NEXT_ISSUE: "po dniu, w którym",
    EffectiveRule.DAYS_7: "po upływie 7 dni od dnia, w którym",
    EffectiveRule.DAYS_14: "po upływie 14 dni od dnia, w którym",
    EffectiveRule.DAYS_30: "po upływie 30 dni od dnia, w którym",
}


def form_offered(invoice: Invoice, *, loaded: LoadedUtility) -> bool:
    """Whether the utility takes such forms, and has a regulamin of e-invoices in force on the issue date."""
    utility = loaded.utility
    return ConsentMethod.PAPER_FORM in utility.consents.methods and utility.terms_on(invoice.issue_date) is not None


def form_for(invoice: Invoice, *, tariff_class: str, loaded: LoadedUtility, look: Look = PLAIN) -> bytes:
    """The form for the buyer of ``invoice``, as PDF; ``tariff_class`` decides what the e-faktura saves.

    Nothing but the invoice, the class and the utility's folder decides the bytes.

    Raises:
        ValueError: no regulamin is in force on the issue date (see ``form_offered``).
        Unprintable: a text cannot be printed faithfully, or is longer than a page.
    """
    utility = loaded.utility
    terms = utility.terms_on(invoice.issue_date)
    if terms is None:
        raise ValueError(f"{utility.name} has no regulamin in force on {invoice.issue_date}")
    rule, address = utility.consents.rule, invoice.seller.address
    words = {
        "seller": invoice.seller,
        "phone": invoice.seller.phone.replace(" ", NBSP),
        "address": f"{address.street.replace(' ', NBSP)}, {address.postcode}{NBSP}{address.city}",
        "terms": terms,
        "terms_from": format_date(terms.effective_from),
        "accepted_after": _NOTICE[rule.paper_form_start],
        "withdrawn_after": _NOTICE[rule.withdraw],
    }
    return render_statement_form(
        seller=invoice.seller,
        customer=invoice.parties[Role.BUYER],
        account_no=invoice.account_no,
        prepared_on=invoice.issue_date,
        statement=_paragraphs("oswiadczenie.txt.j2", words),
        notices=[_headed(paragraph) for paragraph in _paragraphs("zwrot.txt.j2", words)],
        saving=_saving(invoice, tariff_class=tariff_class, loaded=loaded),
        look=look,
    ).content


def _saving(invoice: Invoice, *, tariff_class: str, loaded: LoadedUtility) -> str:
    """A sentence only where there is something to save; a tariff without both prices promises nothing."""
    try:
        saved_zl = price_effect_zl_year(
            tariffs=loaded.tariffs,
            tariff_class=tariff_class,
            on=invoice.issue_date,
            services={line.service for line in invoice.lines},
            payer=invoice.parties[Role.BUYER].kind,
        )
    except DataRefused:
        return ""
    if saved_zl <= 0:
        return ""
    return f"Przejście na e-fakturę obniża opłatę abonamentową o {format_zl(saved_zl)} brutto rocznie."


def _paragraphs(template: str, words: dict[str, object]) -> list[str]:
    text = _environment().get_template(template).render(words)
    return [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]


def _headed(paragraph: str) -> tuple[str, str]:
    heading, _, text = paragraph.partition("\n")
    return heading, text


@cache
def _environment() -> Environment:
    # only templates named .html are escaped; these are plain text for the canvas
    return Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=select_autoescape())
