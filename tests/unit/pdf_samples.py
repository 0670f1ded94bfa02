"""Invoices for the tests of the PDF, built from a few figures so that their sums are always right."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from billing.accounts import Address, Channel, Party, PartyKind, Role, Service
from billing.charges import ChargeLine, VatSum
from billing.invoices import Invoice, InvoiceNumber, PointOfSupply, Seller
from billing.money import multiply_zl, round_zl
from billing.periods import Period

OCTOBER = Period(start=date(2026, 10, 1), until=date(2026, 11, 1))
BETWEEN_READINGS = Period(start=date(2026, 9, 30), until=date(2026, 10, 31))
VAT = Decimal("0.08")
ACCOUNT = "37102000030000000000010023"

SELLER = Seller(
    name="Wodociągi Zdrojowe sp. z o.o.",
    address=Address(street="ul. Źródlana 1", postcode="99-999", city="Zdroje"),
    nip="9990000008",
    regon="999000006",
    phone="32 000 00 00",
    email="bok@wodociagi-zdroje.example",
    website="www.wodociagi-zdroje.example",
)
CUSTOMER = Party(
    party_no="P-10023",
    kind=PartyKind.NATURAL_PERSON,
    name="Grażyna Brzęczyszczykiewicz-Łącka",
    nip=None,
    address=Address(street="ul. Świętej Jadwigi Śląskiej 12a/7", postcode="99-999", city="Zdroje"),
)


def water_line(
    *,
    meter_no: str = "18-442107",
    point_no: str = "PP-10023-1",
    previous_m3: str = "412",
    current_m3: str = "424",
    price_zl: str = "6.80",
    service: Service = Service.WATER,
    description: str = "Woda",
    vat_rate: Decimal = VAT,
) -> ChargeLine:
    previous, current, price = Decimal(previous_m3), Decimal(current_m3), Decimal(price_zl)
    return ChargeLine(
        point_no=point_no,
        service=service,
        description=description,
        period=BETWEEN_READINGS,
        meter_no=meter_no,
        previous_reading_id=1,
        current_reading_id=2,
        previous_index_m3=previous,
        current_index_m3=current,
        quantity=current - previous,
        unit="m3",
        price_zl=price,
        net_zl=multiply_zl(quantity=current - previous, price_zl=price),
        vat_rate=vat_rate,
        tariff_group="GE-1",
        tariff_sha256="0" * 64,
        basis="uzzwś art. 27 ust. 1",
    )


def standing_line(*, price_zl: str = "10.25", months: int = 1) -> ChargeLine:
    return ChargeLine(
        point_no=None,
        service=Service.STANDING,
        description="Opłata abonamentowa",
        period=OCTOBER,
        meter_no=None,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=Decimal(months),
        unit="month",
        price_zl=Decimal(price_zl),
        net_zl=multiply_zl(quantity=Decimal(months), price_zl=Decimal(price_zl)),
        vat_rate=VAT,
        tariff_group="GE-1",
        tariff_sha256="0" * 64,
        basis="Rozp. 2018 § 16 ust. 2",
    )


def typical_lines() -> tuple[ChargeLine, ...]:
    sewage = water_line(price_zl="8.73", service=Service.SEWAGE, description="Odprowadzanie ścieków")
    return (water_line(), sewage, standing_line())


def many_lines(count: int) -> tuple[ChargeLine, ...]:
    """``count`` lines, each with its own meter, indices, price and quantity."""
    return tuple(
        water_line(
            meter_no=f"{7_000_000 + number}",
            point_no=f"PP-{number // 3:03}",
            previous_m3=str(1000 + 37 * number),
            current_m3=str(1000 + 37 * number + 5 + number),
            price_zl=f"{Decimal('6.00') + Decimal(number) / 100}",
        )
        for number in range(count)
    )


def sample_invoice(
    *,
    lines: tuple[ChargeLine, ...] | None = None,
    parties: Mapping[Role, Party] | None = None,
    seller: Seller = SELLER,
    kind: str = "invoice",
    payment_title: str = "FV/2026/11/000123 klient 10023",
    points: tuple[PointOfSupply, ...] | None = None,
) -> Invoice:
    lines = typical_lines() if lines is None else lines
    sums = tuple(_vat_sum(rate, lines) for rate in sorted({line.vat_rate for line in lines}))
    if points is None:
        numbers = dict.fromkeys(line.point_no for line in lines if line.point_no)
        points = tuple(PointOfSupply(point_no=number, address=CUSTOMER.address) for number in numbers)
    return Invoice(
        number=InvoiceNumber(series="FV/2026/11", sequence=123, text="FV/2026/11/000123"),
        kind=kind,
        cycle_key="2026-10.all.1",
        account_no="10023",
        issue_date=date(2026, 11, 3),
        due_date=date(2026, 11, 18),
        due_date_basis="sending 2026-11-04 + 14 days",
        period=OCTOBER,
        seller=seller,
        parties=parties or {Role.BUYER: CUSTOMER, Role.PAYER: CUSTOMER},
        bank_account=ACCOUNT,
        payment_title=payment_title,
        channel=Channel.EMAIL,
        carrier=Channel.EMAIL,
        points=points,
        lines=lines,
        vat_sums=sums,
        net_zl=sum((part.net_zl for part in sums), Decimal("0.00")),
        vat_zl=sum((part.vat_zl for part in sums), Decimal("0.00")),
        gross_zl=sum((part.gross_zl for part in sums), Decimal("0.00")),
    )


def _vat_sum(rate: Decimal, lines: tuple[ChargeLine, ...]) -> VatSum:
    net = sum((line.net_zl for line in lines if line.vat_rate == rate), Decimal("0.00"))
    vat = round_zl(net * rate)
    return VatSum(vat_rate=rate, net_zl=net, vat_zl=vat, gross_zl=net + vat)
