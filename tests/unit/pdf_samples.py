"""Invoices for the tests of the PDF, built from a few figures so that their sums are always right."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from billing.accounts import Address, Channel, Party, PartyKind, Role, Service
from billing.charges import ChargeLine, LineArea, LineBlock, LineExcess, LinePart, LineShare, Origin, VatSum
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


def lines_of_every_kind() -> tuple[ChargeLine, ...]:
    """Shares by days, a garden meter, an estimate, blocks, an excess, what was not measured, a settled forecast."""
    change = date(2026, 10, 8)
    share = LineShare(days=8, of_days=31, of_m3=Decimal(12), after_days=0)
    early = replace(_of("3", price_zl="6.80"), period=Period(start=BETWEEN_READINGS.start, until=change), share=share)
    late = replace(
        _of("9", price_zl="6.90"),
        period=Period(start=change, until=BETWEEN_READINGS.until),
        share=replace(share, days=23, after_days=8),
    )
    parts = (_part("main", "412", "424", "100"), _part("garden", "30", "33.5", "-100"))
    blocks = (LineBlock(from_m3=Decimal(0), until_m3=Decimal(20)), LineBlock(from_m3=Decimal(20), until_m3=None))
    third = {"meter_no": "21-1", "point_no": "P-3", "previous_m3": "100", "current_m3": "125"}
    excess = LineExcess(indicator="BZT5", measured=Decimal("450.0000"), permitted=Decimal("300.0000"))
    seal = replace(
        _unmeasured("1", "120.00", Origin.ORDER, point_no="PP-10023-1", service=Service.EXTRA), vat_rate=Decimal("0.23")
    )
    return (
        early,
        late,
        replace(_unmeasured("8.5", "8.73", None, point_no="PP-10023-1", service=Service.SEWAGE), parts=parts),
        replace(
            _unmeasured("8.5", "8.73", None, point_no="PP-10023-1", service=Service.EXCESS),
            excess=excess,
            net_zl=Decimal("37.10"),
        ),
        replace(
            _unmeasured("28.5", "3.67", Origin.AREA, point_no="PP-10023-1", service=Service.STORMWATER),
            area=LineArea(surface="D-1", area_m2=Decimal("600.00"), m3_per_m2_year=Decimal("0.570")),
        ),
        replace(seal, unit="szt.", description="Plombowanie wodomierza ogrodowego"),
        water_line(meter_no="20-1", point_no="P-2", description="Dostarczanie wody (odczyt szacowany)"),
        replace(_of("20", price_zl="6.80", **third), block=blocks[0]),
        replace(_of("5", price_zl="8.10", **third), block=blocks[1], row_no=2),
        _unmeasured("9.6", "6.80", Origin.NORM, point_no="P-4", service=Service.WATER),
        _unmeasured("15", "8.73", Origin.CONTRACT, point_no="P-4", service=Service.SEWAGE),
        _unmeasured("300", "6.80", Origin.FORECAST, point_no="P-5", service=Service.WATER),
        _unmeasured("-280", "6.80", Origin.SETTLED_FORECAST, point_no="P-5", service=Service.WATER),
        standing_line(),
    )


def many_points(count: int) -> tuple[ChargeLine, ...]:
    """Water and sewage of ``count`` points, and one abonament."""
    lines = []
    for number in range(count):
        where = {"meter_no": f"{7_000_000 + number}", "point_no": f"PP-{number:03}", "current_m3": str(424 + number)}
        lines += [
            water_line(**where),
            water_line(**where, price_zl="8.73", service=Service.SEWAGE, description="Odprowadzanie ścieków"),
        ]
    return (*lines, standing_line())


def _of(quantity: str, *, price_zl: str, **where: str) -> ChargeLine:
    """A line that has only a part of the m³ between its readings."""
    part, price = Decimal(quantity), Decimal(price_zl)
    net_zl = multiply_zl(quantity=part, price_zl=price)
    return replace(water_line(price_zl=price_zl, **where), quantity=part, net_zl=net_zl)


def _unmeasured(quantity: str, price_zl: str, origin: Origin | None, *, point_no: str, service: Service) -> ChargeLine:
    line = _of(quantity, price_zl=price_zl, point_no=point_no)
    nothing = dict.fromkeys(
        ("meter_no", "previous_reading_id", "current_reading_id", "previous_index_m3", "current_index_m3")
    )
    return replace(line, **nothing, service=service, description=service.value, origin=origin)


def _part(purpose: str, previous_m3: str, current_m3: str, percent: str) -> LinePart:
    previous, current = Decimal(previous_m3), Decimal(current_m3)
    return LinePart(
        meter_no="18-442107" if purpose == "main" else "OG-2211",
        purpose=purpose,
        previous_reading_id=1,
        current_reading_id=2,
        previous_index_m3=previous,
        current_index_m3=current,
        volume_m3=current - previous,
        percent=Decimal(percent),
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
