"""Which cause wins when an old invoice differs in several ways, and what holds of ours mean."""

from datetime import date
from decimal import Decimal

import pytest

from billing.accounts import Channel, Service
from billing.charges import Bill, ChargeLine, Hold, VatSum
from billing.holds import HoldCode
from billing.old_invoices import MEANINGS, Cause, Difference, Equal, OldInvoice, OldLine
from billing.parallel import compare
from billing.periods import Period
from pipeline.settings import PROJECT

JULY = Period(start=date(2026, 6, 30), until=date(2026, 7, 31))
SHORT = Period(start=date(2026, 6, 30), until=date(2026, 7, 30))
MONTH = Period(start=date(2026, 7, 1), until=date(2026, 8, 1))


def old_line(service=Service.WATER, period=JULY, quantity="10", price="5.40", net="54.00", *, group="G-P", point="P1"):
    metered = service is not Service.STANDING
    return OldLine(
        point_no=point,
        service=service,
        meter_no="M1" if metered else None,
        period=period,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=Decimal(quantity),
        unit="m3" if metered else "month",
        price_zl=Decimal(price),
        net_zl=Decimal(net),
        tariff_group=group,
    )


STANDING = old_line(Service.STANDING, MONTH, "1", "12", "12.00", point=None)


def old_invoice(*lines, channel=Channel.PAPER, vat_off="0.00"):
    net_zl = sum((line.net_zl for line in lines), Decimal("0.00"))
    vat_zl = (net_zl * Decimal("0.08")).quantize(Decimal("0.01")) + Decimal(vat_off)
    return OldInvoice(
        account_no="A1",
        invoice_nos=("F/1",),
        period=MONTH,
        issue_date=date(2026, 8, 3),
        channel=channel,
        net_zl=net_zl,
        vat_zl=vat_zl,
        gross_zl=net_zl + vat_zl,
        lines=tuple(lines),
    )


def our_line(line: OldLine) -> ChargeLine:
    return ChargeLine(
        point_no=line.point_no,
        service=line.service,
        description="",
        period=line.period,
        meter_no=line.meter_no,
        previous_reading_id=None,
        current_reading_id=None,
        previous_index_m3=None,
        current_index_m3=None,
        quantity=line.quantity,
        unit=line.unit,
        price_zl=line.price_zl,
        net_zl=line.net_zl,
        vat_rate=Decimal("0.08"),
        tariff_group=line.tariff_group or "",
        tariff_sha256="",
        basis="",
    )


net, vat = Decimal("66.00"), Decimal("5.28")
OURS = Bill(
    account_no="A1",
    channel=Channel.PAPER,
    lines=(our_line(old_line()), our_line(STANDING)),
    vat_sums=(VatSum(vat_rate=Decimal("0.08"), net_zl=net, vat_zl=vat, gross_zl=net + vat),),
    net_zl=net,
    vat_zl=vat,
    gross_zl=net + vat,
)
SPLIT = (
    old_line(period=SHORT, quantity="4", price="5.25", net="21.00"),
    old_line(period=Period(start=SHORT.until, until=JULY.until), quantity="7", net="37.80"),
)
SEVERAL = {
    "another channel explains another group": (Cause.GROUP, [old_line(group="G-E", price="5", net="50.00")], "email"),
    "a group explains a price": (Cause.GROUP, [old_line(group="F", price="5.90", net="59.00"), STANDING], ""),
    "a split explains other days and m³": (Cause.SPLIT, [*SPLIT, STANDING], ""),
    "a meter of theirs explains the rest": (
        Cause.SERVICE,
        [old_line(Service.SEWAGE, quantity="9", net="70.20"), old_line(quantity="9", net="48.60"), STANDING],
        "",
    ),
    "no abonament stands before the days": (Cause.STANDING, [old_line(period=SHORT, quantity="9", net="48.60")], ""),
    "an abonament for each point stands before its months": (
        Cause.STANDING,
        [old_line(), STANDING, old_line(Service.STANDING, MONTH, "1", "12", "12.00", point="P2")],
        "",
    ),
    "other days explain other m³": (Cause.PERIOD, [old_line(period=SHORT, quantity="9", net="48.60"), STANDING], ""),
    "other m³ stand before a price": (Cause.QUANTITY, [old_line(quantity="9", price="5", net="45"), STANDING], ""),
    "another price of an unnamed group": (Cause.PRICE, [old_line(price="5", net="50.00", group=None), STANDING], ""),
    "grosze of a line": (Cause.ROUNDING, [old_line(net="54.01"), STANDING], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_what_explains_the_others_is_the_cause(name) -> None:
    cause, lines, channel = SEVERAL[name]

    found = compare(old_invoice(*lines, channel=Channel(channel or "paper")), OURS)

    assert isinstance(found, Difference)
    assert found.cause is cause


def test_only_the_vat_differs() -> None:
    for off, cause in (("0.02", Cause.ROUNDING), ("0.03", Cause.VAT)):
        found = compare(old_invoice(old_line(), STANDING, vat_off=off), OURS)
        assert isinstance(found, Difference)
        assert found.cause is cause


def test_a_draft_for_ksef_is_compared_as_the_invoice_that_it_would_be() -> None:
    hold = Hold(account_no="A1", code=HoldCode.KSEF_ROUTE, facts={"reason": "nip"}, draft=OURS)

    assert compare(old_invoice(old_line(), STANDING), hold) == Equal()


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (HoldCode.READING_MISSING, Cause.MISSING_READING),
        (HoldCode.EXCHANGE_INCOMPLETE, Cause.MISSING_READING),
        (HoldCode.PRICE_CHANGE, Cause.SPLIT),
        (HoldCode.CONTRACT_INACTIVE, Cause.MISSING_HERE),
        (HoldCode.PARTY_CHANGED, Cause.HOLD),
    ],
)
def test_a_hold_of_ours_has_a_cause_and_names_its_code(code, cause) -> None:
    hold = Hold(account_no="A1", code=code, facts={"point_no": "P1"})

    found = compare(old_invoice(old_line(), STANDING), hold)

    assert isinstance(found, Difference)
    assert found.cause is cause
    assert found.difference_zl == -OURS.gross_zl
    assert found.facts["our_point_no"] == "P1"
    assert compare(None, hold) is None


def test_every_cause_is_documented_with_its_meaning() -> None:
    documented = (PROJECT / "docs" / "cut-over.md").read_text(encoding="utf-8")

    assert [cause for cause in Cause if f"| `{cause}` | {MEANINGS[cause]} |" not in documented] == []
