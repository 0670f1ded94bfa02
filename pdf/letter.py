"""Letters that travel with a paper invoice: the form by which a customer agrees to electronic invoices.

What the customer signs, and what is said about it, comes as text; here it is laid out on one page with the fields to
be filled in by hand.
"""

from collections.abc import Sequence
from datetime import date

from billing.accounts import Party
from billing.invoices import Seller
from pdf.colour import ACCENT, INK, MUTED, TINT
from pdf.flow import BOTTOM, MARGIN, RIGHT, WIDTH, Flow
from pdf.invoice_head import draw_seller, one_line
from pdf.look import PLAIN, Look
from pdf.metadata import Metadata
from pdf.sheet import Document, Page, Style, to_pdf
from pdf.tags import H1, H2, P
from pdf.typeface import wrap

FORM_TITLE = "Oświadczenie o akceptacji faktur elektronicznych"

_TITLE = Style(size=16, bold=True, colour=ACCENT)
_SAVING = Style(size=10.5, bold=True, colour=ACCENT)
_LABEL = Style(size=8, colour=MUTED)
_VALUE = Style(size=10, bold=True)
_TEXT = Style(size=9.8)
_FIELD = Style(size=9, bold=True)
_HINT = Style(size=7.4, colour=MUTED)
_HEADING = Style(size=8.4, bold=True)
_NOTICE = Style(size=8.4)

_INDENT = 16.0
_EMAIL_BOXES = 29
_EMAIL_ROWS = 2
_BOX_SIDE = WIDTH / _EMAIL_BOXES
_BOX_STEP = 23.0
_SIGNING_HEIGHT = 62.0
_OFFICE_HEIGHT = 40.0


def render_statement_form(
    *,
    seller: Seller,
    customer: Party,
    account_no: str,
    prepared_on: date,
    statement: Sequence[str],
    notices: Sequence[tuple[str, str]],
    saving: str = "",
    look: Look = PLAIN,
) -> Document:
    """The form, prefilled for ``customer`` (the nabywca of account ``account_no``), to be completed by hand.

    ``statement`` is what is signed, paragraph by paragraph; ``notices`` (heading and text) say how to return it;
    ``saving`` is a sentence on the price, or empty. ``prepared_on`` is the date in the file's metadata. One page,
    unless names are so long that something has to go on to a second one.

    Raises:
        Unprintable: NO_GLYPH, a text holds a character that the fonts cannot print; TEXT_TOO_LONG, a paragraph does
            not fit on a page.
    """
    flow = Flow(begin=lambda page: page.text(MARGIN, 44, f"{FORM_TITLE} – ciąg dalszy", _FIELD), look=look)
    flow.y = draw_seller(flow.page, seller) + 24
    _draw_title(flow)
    if saving:
        _draw_saving(flow, saving)
    _draw_customer(flow, customer, account_no=account_no)
    _draw_statement(flow, statement)
    _draw_email(flow)
    _draw_signing(flow)
    _draw_notices(flow, notices)
    _draw_office(flow)
    return to_pdf(
        flow.pages,
        metadata=Metadata(
            title=FORM_TITLE, author=seller.name, subject=f"Kod klienta {account_no}", issued=prepared_on
        ),
    )


def _draw_title(flow: Flow) -> None:
    with flow.page.tagged(H1):
        flow.y = flow.page.paragraph(MARGIN, flow.y, FORM_TITLE, _TITLE, width=WIDTH) - 6


def _draw_saving(flow: Flow, saving: str) -> None:
    lines = wrap(saving, font=_SAVING.font, size=_SAVING.size, width=WIDTH - 28)
    height = len(lines) * _SAVING.leading + 12
    flow.page.box(MARGIN, flow.y, WIDTH, height, TINT)
    flow.page.box(MARGIN, flow.y, 3, height, ACCENT)
    with flow.page.tagged(P):
        flow.page.paragraph(MARGIN + 14, flow.y + 17, saving, _SAVING, width=WIDTH - 28)
    flow.y += height + 8


def _draw_customer(flow: Flow, customer: Party, *, account_no: str) -> None:
    flow.y += 14
    for label, value in (
        ("Nabywca", customer.name),
        ("Adres", one_line(customer.address)),
        ("Kod klienta", account_no),
    ):
        with flow.page.tagged(P):
            flow.page.text(MARGIN, flow.y, label, _LABEL)
            flow.y = flow.page.paragraph(MARGIN + 80, flow.y, value, _VALUE, width=WIDTH - 80) + 2


def _draw_statement(flow: Flow, statement: Sequence[str]) -> None:
    flow.y += 2
    for number, paragraph in enumerate(statement, start=1):
        lines = wrap(paragraph, font=_TEXT.font, size=_TEXT.size, width=WIDTH - _INDENT)
        flow.reserve(len(lines) * _TEXT.leading + 4)
        flow.y += _TEXT.leading
        with flow.page.tagged(P):
            flow.page.text(MARGIN, flow.y, f"{number}.", _TEXT)
            end = flow.page.paragraph(MARGIN + _INDENT, flow.y, paragraph, _TEXT, width=WIDTH - _INDENT)
        flow.y = end - _TEXT.leading + 4


def _draw_email(flow: Flow) -> None:
    flow.reserve(30 + _EMAIL_ROWS * _BOX_STEP)
    flow.y += 20
    with flow.page.tagged(P):
        flow.page.text(MARGIN, flow.y, "Adres e-mail do przesyłania faktur", _FIELD)
        flow.page.text_right(RIGHT, flow.y, "prosimy pisać drukowanymi literami, jeden znak w kratce", _HINT)
    flow.y += 6
    for _ in range(_EMAIL_ROWS):
        _draw_boxes(flow.page, top=flow.y)
        flow.y += _BOX_STEP


def _draw_boxes(page: Page, *, top: float) -> None:
    for y in (top, top + _BOX_SIDE):
        page.rule(MARGIN, y, WIDTH, MUTED, thickness=0.6)
    for number in range(_EMAIL_BOXES + 1):
        page.box(MARGIN + number * _BOX_SIDE - 0.3, top, 0.6, _BOX_SIDE + 0.6, MUTED)


def _draw_signing(flow: Flow) -> None:
    flow.reserve(_SIGNING_HEIGHT)
    line = flow.y + 42
    for left, right, label in (
        (MARGIN, MARGIN + 170, "data (dzień, miesiąc, rok)"),
        (MARGIN + 210, RIGHT, "czytelny podpis nabywcy lub osoby upoważnionej"),
    ):
        flow.page.rule(left, line, right - left, INK, thickness=0.7)
        flow.page.line(left, line + 10, label, _HINT)
    flow.y += _SIGNING_HEIGHT


def _draw_notices(flow: Flow, notices: Sequence[tuple[str, str]]) -> None:
    for heading, text in notices:
        lines = wrap(text, font=_NOTICE.font, size=_NOTICE.size, width=WIDTH)
        flow.reserve((len(lines) + 1) * _NOTICE.leading + 5)
        flow.page.line(MARGIN, flow.y + _NOTICE.leading, heading, _HEADING, role=H2)
        with flow.page.tagged(P):
            flow.y = flow.page.paragraph(MARGIN, flow.y + 2 * _NOTICE.leading, text, _NOTICE, width=WIDTH)
        flow.y += 5 - _NOTICE.leading


def _draw_office(flow: Flow) -> None:
    """The strip that the office fills in: an acceptance counts from its arrival, so the arrival must be provable."""
    flow.reserve(_OFFICE_HEIGHT)
    top = BOTTOM - _OFFICE_HEIGHT + 20
    flow.page.rule(MARGIN, top - 12, WIDTH)
    flow.page.line(MARGIN, top + 4, "Wypełnia przedsiębiorstwo", _HINT)
    for left, right, label in ((MARGIN + 130, MARGIN + 290, "data wpływu"), (MARGIN + 320, RIGHT, "podpis")):
        flow.page.line(left, top + 4, label, _HINT)
        flow.page.rule(left + 48, top + 5, right - left - 48, MUTED)
    flow.y = BOTTOM
