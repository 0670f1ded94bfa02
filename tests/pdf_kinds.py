"""One document of every kind, of customers that do not exist: for linter, golden files and sample pictures."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parent / "unit"))

from pdf_samples import (
    CUSTOMER,
    SELLER,
    VAT,
    lines_of_every_kind,
    many_lines,
    many_points,
    sample_invoice,
    standing_line,
    typical_lines,
    water_line,
)

from billing.accounts import Channel, Party, PartyKind, Role, Service
from billing.charges import Bill, ChargeLine, Origin, VatSum
from billing.invoices import CorrectedInvoice, Invoice, KsefMark, UsedBefore
from billing.periods import Period
from pdf.invoice import render_invoice
from pdf.letter import render_statement_form
from pdf.look import Look, colour_of, read_logo
from pdf.sheet import Document

LINK = "https://qr-test.ksef.mf.gov.pl/invoice/9990000008/03-11-2026/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
KSEF_NO = "9990000008-20261103-0100001AF629-AF"


def history(*volumes_m3: str) -> tuple[UsedBefore, ...]:
    """Use of the months that end with September 2026."""
    months = [Period(start=_month(back), until=_month(back - 1)) for back in range(len(volumes_m3), 0, -1)]
    return tuple(
        UsedBefore(period=period, volume_m3=Decimal(volume_m3))
        for period, volume_m3 in zip(months, volumes_m3, strict=True)
    )


def _month(back: int) -> date:
    number = 2026 * 12 + 9 - back
    return date(number // 12, number % 12 + 1, 1)


YEAR = history("14", "11", "10", "12", "11", "10.500", "12", "13", "15", "19", "17", "12")


def _changed(lines: tuple[ChargeLine, ...], origin: Origin) -> tuple[ChargeLine, ...]:
    nothing = dict.fromkeys(
        ("meter_no", "previous_reading_id", "current_reading_id", "previous_index_m3", "current_index_m3")
    )
    return tuple(
        replace(line, **nothing, origin=origin) if line.service is not Service.STANDING else line for line in lines
    )


def _settled(quantity: str) -> tuple[ChargeLine, ...]:
    """A use of 12 m³ from which a prognoza of ``quantity`` comes off."""
    taken = _changed((water_line(),), Origin.SETTLED_FORECAST)[0]
    off = -Decimal(quantity)
    return (water_line(), replace(taken, quantity=off, net_zl=off * taken.price_zl, row_no=2), standing_line())


def sewage_line(*, current_m3: str) -> ChargeLine:
    return water_line(
        current_m3=current_m3, price_zl="8.73", service=Service.SEWAGE, description="Odprowadzanie ścieków"
    )


def correction(after: tuple[ChargeLine, ...]) -> Invoice:
    """Of the typical invoice, which owes ``after`` instead."""
    before, instead = sample_invoice(), sample_invoice(lines=after) if after else None
    of_before = Bill(
        account_no=before.account_no,
        channel=Channel.EMAIL,
        lines=before.lines,
        vat_sums=before.vat_sums,
        net_zl=before.net_zl,
        vat_zl=before.vat_zl,
        gross_zl=before.gross_zl,
    )
    (was,), now = (
        before.vat_sums,
        instead.vat_sums[0]
        if instead
        else VatSum(vat_rate=VAT, net_zl=Decimal("0.00"), vat_zl=Decimal("0.00"), gross_zl=Decimal("0.00")),
    )
    change = VatSum(
        vat_rate=VAT,
        net_zl=now.net_zl - was.net_zl,
        vat_zl=now.vat_zl - was.vat_zl,
        gross_zl=now.gross_zl - was.gross_zl,
    )
    return replace(
        before,
        kind="correction",
        number=replace(before.number, series="FK/2026/11", text="FK/2026/11/000007"),
        lines=after,
        vat_sums=(change,),
        net_zl=change.net_zl,
        vat_zl=change.vat_zl,
        gross_zl=change.gross_zl,
        corrects=CorrectedInvoice(
            invoice_no="FV/2026/11/000123",
            issue_date=date(2026, 11, 3),
            correction_no=1,
            previous_no=None,
            reason="Odczyt z 31.10.2026 został zapisany z błędem: wodomierz wskazywał 422 m³, nie 424 m³.",
            before=of_before,
            after_sums=(now,),
        ),
    )


def _named(lines: tuple[ChargeLine, ...]) -> tuple[ChargeLine, ...]:
    """With the names of services that a customer reads."""
    return tuple(replace(line, description=_NAMES.get(line.description, line.description)) for line in lines)


_NAMES = {
    "water": "Woda",
    "sewage": "Odprowadzanie ścieków",
    "excess": "Przekroczenie warunków: BZT5",
    "stormwater": "Wody opadowe i roztopowe",
}
LONG = Party(
    party_no="P-99",
    kind=PartyKind.ORGANISATION,
    name="Wspólnota Mieszkaniowa Nieruchomości przy ulicy Generała Kazimierza Sosnkowskiego 12, 14, 16 i 18 w Zdrojach",
    nip="9990000008",
    address=replace(CUSTOMER.address, street="ul. Generała Kazimierza Sosnkowskiego 12, 14, 16 i 18, lokal 207"),
)


@cache
def own_look() -> Look:
    """A made-up utility's logo and colour."""
    picture = Image.new("RGBA", (420, 120), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    for left in (0, 70, 140):
        draw.ellipse((left, 30, left + 60, 90), fill="#7a1f5c")
    draw.rounded_rectangle((220, 40, 410, 80), 20, fill="#7a1f5c")
    target = BytesIO()
    picture.save(target, "PNG")
    return Look(accent=colour_of("#7a1f5c"), logo=read_logo(target.getvalue(), alt=f"Logo {SELLER.name}"))


def _form() -> Document:
    return render_statement_form(
        seller=SELLER,
        customer=CUSTOMER,
        account_no="10023",
        prepared_on=date(2026, 11, 3),
        statement=(
            "Akceptuję otrzymywanie faktur w formie elektronicznej, na podany niżej adres e-mail.",
            "Wiem, że zgodę mogę w każdej chwili wycofać; następna faktura będzie wtedy papierowa.",
        ),
        notices=(("Jak zwrócić formularz", "Pocztą na adres podany u góry albo skan na adres bok@wodociagi.example."),),
        saving="Przejście na e-fakturę obniża opłatę abonamentową o 48,00 zł brutto rocznie.",
    )


_MAKERS: dict[str, Callable[[], Document]] = {
    "invoice": lambda: render_invoice(sample_invoice()),
    "history": lambda: render_invoice(replace(sample_invoice(), used_before=YEAR)),
    "short-history": lambda: render_invoice(replace(sample_invoice(), used_before=history("0", "7.25"))),
    "own-look": lambda: render_invoice(replace(sample_invoice(), used_before=YEAR), look=own_look()),
    "final": lambda: render_invoice(replace(sample_invoice(), kind="final", used_before=YEAR[6:])),
    "forecast": lambda: render_invoice(
        sample_invoice(kind="forecast", lines=_changed(typical_lines(), Origin.FORECAST))
    ),
    "settlement": lambda: render_invoice(
        replace(sample_invoice(kind="settlement", lines=_settled("10")), used_before=YEAR)
    ),
    "overpaid": lambda: render_invoice(sample_invoice(kind="settlement", lines=_settled("90"))),
    "nothing-due": lambda: render_invoice(sample_invoice(lines=(water_line(current_m3="412"),))),
    "correction": lambda: render_invoice(
        correction((water_line(current_m3="422"), sewage_line(current_m3="422"), standing_line()))
    ),
    "reversal": lambda: render_invoice(correction(())),
    "duplicate": lambda: render_invoice(sample_invoice(), duplicate_on=date(2026, 12, 1)),
    "ksef": lambda: render_invoice(replace(sample_invoice(), ksef=KsefMark(link=LINK, ksef_no=KSEF_NO))),
    "ksef-offline": lambda: render_invoice(
        replace(sample_invoice(), ksef=KsefMark(link=LINK, ksef_no=None), used_before=YEAR)
    ),
    "every-line": lambda: render_invoice(sample_invoice(lines=_named(lines_of_every_kind()))),
    "sixty-lines": lambda: render_invoice(sample_invoice(lines=many_lines(60))),
    "twenty-meters": lambda: render_invoice(
        replace(sample_invoice(lines=many_points(20)), used_before=history("402", "388.5", "395", "471", "1204.125"))
    ),
    "long-names": lambda: render_invoice(
        replace(
            sample_invoice(parties={Role.BUYER: LONG, Role.PAYER: replace(LONG, party_no="P-98")}), used_before=YEAR
        )
    ),
    "other-letters": lambda: render_invoice(
        sample_invoice(
            parties=dict.fromkeys(
                (Role.BUYER, Role.PAYER),
                replace(CUSTOMER, name="Олена Ќосе Ŵẅ Ω-Ђ", address=replace(CUSTOMER.address, street="вул. Σχ (1\\2)")),
            )
        )
    ),
    "letter": _form,
}

KINDS = tuple(_MAKERS)
LETTERS = frozenset({"letter"})


@cache
def document_of(kind: str) -> Document:
    """The document of a kind."""
    return _MAKERS[kind]()
