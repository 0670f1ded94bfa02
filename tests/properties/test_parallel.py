"""Comparing two invoices: always an answer, the same whatever the order, and equal only to the grosz."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.accounts import Channel, Service
from billing.charges import Bill, ChargeLine, VatSum
from billing.old_invoices import Cause, Difference, Equal, OldInvoice, OldLine
from billing.parallel import compare
from billing.periods import Period

VAT = Decimal("0.08")
PERIODS = [Period(start=date(2026, 6, 30), until=date(2026, 7, day)) for day in (30, 31)]


@st.composite
def lines(draw):
    """A line as (point, service, meter, period, quantity, price, net, group)."""
    service = draw(st.sampled_from(list(Service)))
    place = ("", "") if service is Service.STANDING else draw(st.sampled_from([("P1", "M1"), ("P1", "M2")]))
    quantity, price = Decimal(draw(st.integers(0, 3))), draw(st.sampled_from([Decimal("5.2500"), Decimal("5.4000")]))
    net = (quantity * price).quantize(Decimal("0.01")) + draw(st.sampled_from([Decimal(0), Decimal("0.01")]))
    return (
        place[0],
        service,
        place[1],
        draw(st.sampled_from(PERIODS)),
        quantity,
        price,
        net,
        draw(st.sampled_from("GF")),
    )


@st.composite
def invoices(draw):
    """Lines, channel and totals; the VAT may be off by a grosz."""
    own = draw(st.lists(lines(), max_size=4))
    net = sum((line[6] for line in own), Decimal("0.00"))
    vat = (net * VAT).quantize(Decimal("0.01")) + draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("0.01")]))
    return own, draw(st.sampled_from(list(Channel))), net, vat


def old_of(made) -> OldInvoice:
    own, channel, net, vat = made
    return OldInvoice(
        account_no="A1",
        invoice_nos=("F/1",),
        period=Period(start=date(2026, 7, 1), until=date(2026, 8, 1)),
        issue_date=date(2026, 8, 3),
        channel=channel,
        net_zl=net,
        vat_zl=vat,
        gross_zl=net + vat,
        lines=tuple(
            OldLine(
                point_no=point or None,
                service=service,
                meter_no=meter or None,
                period=period,
                previous_index_m3=None,
                current_index_m3=None,
                quantity=quantity,
                unit="m3",
                price_zl=price,
                net_zl=net_zl,
                tariff_group=group,
            )
            for point, service, meter, period, quantity, price, net_zl, group in own
        ),
    )


def ours_of(made) -> Bill:
    own, channel, net, vat = made
    return Bill(
        account_no="A1",
        channel=channel,
        lines=tuple(
            ChargeLine(
                point_no=point or None,
                service=service,
                description="",
                period=period,
                meter_no=meter or None,
                previous_reading_id=None,
                current_reading_id=None,
                previous_index_m3=None,
                current_index_m3=None,
                quantity=quantity,
                unit="m3",
                price_zl=price,
                net_zl=net_zl,
                vat_rate=VAT,
                tariff_group=group,
                tariff_sha256="",
                basis="",
            )
            for point, service, meter, period, quantity, price, net_zl, group in own
        ),
        vat_sums=(VatSum(vat_rate=VAT, net_zl=net, vat_zl=vat, gross_zl=net + vat),),
        net_zl=net,
        vat_zl=vat,
        gross_zl=net + vat,
    )


def by_service(own) -> dict[Service, Decimal]:
    sums = {service: sum((line[6] for line in own if line[1] is service), Decimal(0)) for service in Service}
    return {service: net for service, net in sums.items() if net}


@given(invoices(), invoices(), st.sampled_from([Decimal(0), Decimal(3)]))
def test_two_invoices_are_equal_or_differ_for_one_cause(theirs, mine, off) -> None:
    theirs = (*theirs[:2], theirs[2] + off, theirs[3])  # their totals need not follow from their lines
    found = compare(old_of(theirs), ours_of(mine))

    same = theirs[1:] == mine[1:] and by_service(theirs[0]) == by_service(mine[0])
    assert isinstance(found, Equal) is same
    if isinstance(found, Difference):
        assert found.cause in Cause
        assert {"old", "ours"} <= found.facts.keys()
        assert found.difference_zl == (mine[2] + mine[3]) - (theirs[2] + theirs[3])


@given(invoices(), st.randoms())
def test_an_invoice_equals_itself_in_any_order_of_its_lines(made, random) -> None:
    shuffled = list(made[0])
    random.shuffle(shuffled)

    assert compare(old_of(made), ours_of((shuffled, *made[1:]))) == Equal()


@given(invoices(), invoices(), st.randoms())
def test_the_cause_does_not_depend_on_the_order_of_the_lines(theirs, mine, random) -> None:
    shuffled = list(theirs[0])
    random.shuffle(shuffled)

    assert compare(old_of((shuffled, *theirs[1:])), ours_of(mine)) == compare(old_of(theirs), ours_of(mine))


@given(invoices())
def test_one_side_alone_is_missing_on_the_other(made) -> None:
    there, here = compare(None, ours_of(made)), compare(old_of(made), None)

    assert isinstance(there, Difference)
    assert isinstance(here, Difference)
    assert (there.cause, here.cause) == (Cause.MISSING_THERE, Cause.MISSING_HERE)
    assert there.difference_zl == -here.difference_zl
    assert compare(None, None) is None
