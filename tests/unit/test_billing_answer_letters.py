"""What a prepared answer tells of an invoice: every line once, readings as they came in, estimates by their kind."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from billing.answer_letters import ReceivedReading, ShownInvoice, tell_invoice
from billing.canonical import from_data
from billing.charges import ChargeLine, LinePart
from billing.invoices import Invoice
from pipeline.utility_files import load_folder

PROJECT = Path(__file__).parents[2]
TARIFFS = load_folder(PROJECT / "utilities" / "demo").tariffs
EXCHANGE = "wymiana-wodomierza-w-okresie"
CASES = sorted(path.parent.name for path in (PROJECT / "tests" / "cases").glob("*/invoice.json"))


def invoice_of(case: str) -> Invoice | None:
    found = json.loads((PROJECT / "tests" / "cases" / case / "invoice.json").read_text(encoding="utf-8"))
    return from_data(Invoice, found["invoice"]) if "invoice" in found else None


def counted_of(invoice: Invoice) -> list[ChargeLine | LinePart]:
    """Whatever has two readings: lines of one register, and the parts of lines of several."""
    return [one for line in invoice.lines for one in (line.parts or (line,))]


def received(invoice: Invoice, **changed: ReceivedReading) -> dict[int, ReceivedReading]:
    """The readings of an invoice as they were billed, except those named ``r<id>``."""
    found = {}
    for counted in counted_of(invoice):
        for key, index_m3 in (
            (counted.previous_reading_id, counted.previous_index_m3),
            (counted.current_reading_id, counted.current_index_m3),
        ):
            if key is not None and index_m3 is not None:
                found[key] = changed.get(f"r{key}") or reading(index_m3)
    return found


def reading(index_m3: Decimal, **changes: str) -> ReceivedReading:
    plain = ReceivedReading(
        index_received=str(index_m3), unit_received="m3", index_m3=index_m3, source="handheld", quality="actual"
    )
    return replace(plain, **changes)


def told(invoice: Invoice, readings: Mapping[int, ReceivedReading] | None = None) -> ShownInvoice:
    return tell_invoice(invoice, tariffs=TARIFFS, readings=readings or received(invoice))


@pytest.mark.parametrize("case", CASES)
def test_every_line_of_every_case_is_told_once_with_the_figures_of_the_invoice(case: str) -> None:
    invoice = invoice_of(case)
    if invoice is None:
        return
    shown = told(invoice)

    assert [charge.basis for charge in shown.charges] == [line.basis for line in invoice.lines]
    for line, charge in zip(invoice.lines, shown.charges, strict=True):
        assert f"{line.net_zl}".replace(".", ",") in charge.formula.replace("\N{NO-BREAK SPACE}", "")
    pairs = dict.fromkeys(
        (line.point_no, one.meter_no, one.previous_index_m3)
        for line in invoice.lines
        for one in (line.parts or (line,))
        if one.meter_no
    )
    assert [(point.point_no, meter.meter_no) for point in shown.points for meter in point.meters] == [
        (point_no, meter_no) for point_no, meter_no, _ in pairs
    ]


def test_an_exchange_is_one_point_with_two_meters() -> None:
    invoice = invoice_of(EXCHANGE)
    assert invoice is not None

    (point,) = told(invoice).points

    assert point.was_exchanged
    assert [(meter.previous.index, meter.current.index) for meter in point.meters] == [
        ("980\N{NO-BREAK SPACE}m³", "985\N{NO-BREAK SPACE}m³"),
        ("0\N{NO-BREAK SPACE}m³", "6\N{NO-BREAK SPACE}m³"),
    ]


def test_what_was_read_is_said_when_it_is_not_what_was_billed() -> None:
    invoice = invoice_of("woda-i-scieki-jeden-wodomierz-faktura-papierowa")
    assert invoice is not None
    line = invoice.lines[0]
    assert line.current_index_m3 is not None
    litres = ReceivedReading(
        index_received="125400.5",
        unit_received="l",
        index_m3=line.current_index_m3 + Decimal("0.4"),
        source="handheld",
        quality="actual",
    )

    (point,) = told(invoice, received(invoice, **{f"r{line.current_reading_id}": litres})).points

    assert point.meters[0].current.received == "125400,5\N{NO-BREAK SPACE}l"
    assert point.meters[0].previous.received == ""


@pytest.mark.parametrize(
    ("end", "source", "expected"),
    [
        ("current", "estimate", (True, False, False)),
        ("current", "exchange_removal", (False, False, True)),
        ("previous", "estimate", (False, True, False)),
        (None, "handheld", (False, False, False)),
    ],
)
def test_an_estimate_is_open_settled_or_lost(end: str | None, source: str, expected: tuple[bool, ...]) -> None:
    invoice = invoice_of("woda-i-scieki-jeden-wodomierz-faktura-papierowa")
    assert invoice is not None
    line = invoice.lines[0]
    readings = received(invoice)
    if end is not None:
        key = getattr(line, f"{end}_reading_id")
        readings[key] = replace(readings[key], source=source, quality="estimated")

    shown = told(invoice, readings)

    assert (shown.has_open_estimate, shown.has_settled_estimate, shown.has_lost_estimate) == expected


def test_a_tariff_that_is_not_at_hand_leaves_its_step_out() -> None:
    invoice = invoice_of(EXCHANGE)
    assert invoice is not None
    lines = tuple(replace(line, tariff_sha256="0" * 64) for line in invoice.lines)

    shown = told(replace(invoice, lines=lines))

    assert {(charge.price_from, charge.decision) for charge in shown.charges} == {("", "")}
