"""One file = one cennik: read, checked, and refused until its worked examples recompute.

Shape: ``title``, ``basis``, ``[[item]]`` (code, service, name, unit, net_zl, vat, valid_from, basis, for stormwater by
m³ also m3_per_m2_year) and ``[[example]]`` (item, on, quantity, net_zl, gross_zl, source). Every price needs one.
"""

import hashlib

from billing.accounts import Service
from billing.errors import DataRefused
from billing.law import VatClass, vat_class_rate
from billing.money import multiply_zl, round_zl
from billing.price_lists import AreaUnit, PriceBook, PriceExample, PriceItem, PriceList
from billing.toml_fields import Fault, Fields, read_fields

_PRICED = (Service.STORMWATER, Service.EXTRA)


def load_price_list(content: bytes, *, name: str, faults: list[Fault] | None = None) -> PriceList:
    """The cennik that a file holds; ``name`` is the file's name as it stands in messages.

    With ``faults`` every refusal of a field is kept there instead of the first one being raised: for looking at a file.

    Raises:
        DataRefused: ``PRICE_LIST_UNREADABLE``, ``PRICE_LIST_FIELD_MISSING``, ``PRICE_LIST_FIELD_WRONG``,
            ``PRICE_LIST_OVERLAP``, ``PRICE_LIST_NO_EXAMPLE`` or ``PRICE_LIST_EXAMPLE_WRONG``; see
            ``docs/law/codes.md``.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise DataRefused("PRICE_LIST_UNREADABLE", f"{name}: the file is not UTF-8") from None
    top = read_fields(text, name=name, kind="PRICE_LIST", faults=faults)
    top.known("title", "basis", "item", "example")
    made = PriceList(
        name=name,
        title=top.text("title"),
        basis=top.text("basis"),
        sha256=hashlib.sha256(content).hexdigest(),
        items=tuple(_item(fields) for fields in top.each("item")),
        examples=tuple(_example(fields) for fields in top.each("example")),
    )
    if top.is_sound():
        _refuse_wrong_examples(made, top)
    return made


def _item(fields: Fields) -> PriceItem:
    fields.known("code", "service", "name", "unit", "net_zl", "vat", "valid_from", "basis", "m3_per_m2_year")
    service, unit = fields.choice("service", Service), fields.text("unit")
    by_volume = "m3_per_m2_year" in fields.table
    with fields.keeping("service"):
        if service not in _PRICED:
            raise fields.refuse("FIELD_WRONG", f"service must be one of {', '.join(_PRICED)}; the taryfa prices others")
    with fields.keeping("unit"):
        if service is Service.STORMWATER and unit not in list(AreaUnit):
            raise fields.refuse("FIELD_WRONG", f"unit of stormwater must be one of {', '.join(AreaUnit)}")
    with fields.keeping("m3_per_m2_year"):
        if by_volume != (service is Service.STORMWATER and unit == AreaUnit.M3):
            raise fields.refuse("FIELD_WRONG", "m3_per_m2_year belongs to stormwater priced by m3, and only there")
    net_zl = fields.decimal("net_zl", places=4)
    with fields.keeping("net_zl"):
        if net_zl <= 0:
            raise fields.refuse("FIELD_WRONG", "net_zl must be above zero")
    return PriceItem(
        code=fields.text("code"),
        service=service,
        name=fields.text("name"),
        unit=unit,
        net_zl=net_zl,
        vat=fields.choice("vat", VatClass),
        valid_from=fields.day("valid_from"),
        basis=fields.text("basis"),
        m3_per_m2_year=fields.decimal("m3_per_m2_year", places=3) if by_volume else None,
    )


def _example(fields: Fields) -> PriceExample:
    fields.known("item", "on", "quantity", "net_zl", "gross_zl", "source")
    return PriceExample(
        item=fields.text("item"),
        on=fields.day("on"),
        quantity=fields.decimal("quantity", places=3),
        net_zl=fields.decimal("net_zl", places=2),
        gross_zl=fields.decimal("gross_zl", places=2),
        source=fields.text("source"),
    )


def _refuse_wrong_examples(made: PriceList, top: Fields) -> None:
    book = PriceBook(lists=(made,))
    touched = set()
    for example in made.examples:
        price = book.price_on(code=example.item, day=example.on)
        with top.keeping("example"):
            if price is None:
                place = f"{example.item} on {example.on}"
                raise top.refuse("EXAMPLE_WRONG", f"{place}: the file does not price it that day")
            touched.add((price.item.code, price.item.valid_from))
            net_zl = multiply_zl(quantity=example.quantity, price_zl=price.item.net_zl)
            gross_zl = net_zl + round_zl(net_zl * vat_class_rate(vat_class=price.item.vat, on=example.on))
            if (net_zl, gross_zl) != (example.net_zl, example.gross_zl):
                expected = f"expected {example.net_zl} zł net and {example.gross_zl} zł gross"
                raise top.refuse(
                    "EXAMPLE_WRONG",
                    f"{example.quantity} × {example.item} on {example.on}: {expected}, got {net_zl} and {gross_zl}",
                )
    for item in made.items:
        if (item.code, item.valid_from) not in touched:
            with top.keeping("example"):
                raise top.refuse("NO_EXAMPLE", f"no example touches {item.code} from {item.valid_from}")
