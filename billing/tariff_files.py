"""One file = one approved taryfa: read, checked, and refused until its worked examples recompute.

Shape: ``title``, ``decision``, ``basis``, ``valid_from``, where known ``valid_until`` (the first day after the printed
end), ``decided_on`` (by the regulator) and ``published_on`` (in BIP), the ``standing_*`` models, ``block_per``,
``[[group]]`` (code, class, channel, name; where it matters ``diameters_mm`` or ``diameter_from_mm`` and
``diameter_until_mm``, ``payer``, ``metering``), ``[[price]]`` (see ``billing.price_files``), ``[[subsidy]]`` (see
``billing.subsidy_files``) and ``[[example]]`` (see ``billing.tariff_examples``). Examples are published amounts or sums
done by hand, and every price and subsidy of every group needs one. What is not known is written ``unknown``.
"""

import hashlib
from collections.abc import Iterable
from datetime import date
from itertools import combinations

from billing.accounts import Channel, PartyKind
from billing.errors import DataRefused
from billing.models import Models
from billing.price_files import read_prices, refuse_wrong_prices
from billing.prices import BlockPer
from billing.subsidy_files import read_subsidies, refuse_wrong_subsidies
from billing.tariff_examples import read_examples, recompute, refuse_untouched_prices
from billing.tariff_groups import (
    Diameters,
    Metering,
    StandingMonths,
    StandingPart,
    StandingPer,
    StandingPrice,
    TariffGroup,
)
from billing.tariffs import Tariff
from billing.toml_fields import Fault, Fields, read_fields


def load_tariff(
    content: bytes, *, name: str, models: Models | None = None, faults: list[Fault] | None = None
) -> Tariff:
    """The tariff that a file holds; ``name`` is the file's name as it stands in messages.

    With ``faults`` every refusal of a field is kept there instead of the first one being raised: for looking at a
    file, never for billing by it. Prices and examples that cannot be read are then not compared with each other.

    Raises:
        DataRefused: ``TARIFF_UNREADABLE``, ``TARIFF_FIELD_MISSING``, ``TARIFF_FIELD_WRONG``, ``TARIFF_OVERLAP``,
            ``TARIFF_NO_EXAMPLE`` or ``TARIFF_EXAMPLE_WRONG``; see ``docs/law/codes.md``.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise DataRefused("TARIFF_UNREADABLE", f"{name}: the file is not UTF-8") from None
    top = read_fields(text, name=name, kind="TARIFF", faults=faults)
    tariff = _tariff(top, name=name, sha256=hashlib.sha256(content).hexdigest())
    if top.is_sound("group", "price", "example"):
        _refuse_overlaps(tariff, top)
        refuse_wrong_prices(tariff, top)
        refuse_untouched_prices(tariff, top)
        refuse_wrong_subsidies(tariff, top)
        for example in tariff.examples:
            with top.keeping("example"):
                recompute(tariff, example, top, models=models or Models())
    return tariff


def _tariff(top: Fields, *, name: str, sha256: str) -> Tariff:
    top.known(
        *("title", "decision", "basis", "decided_on", "published_on", "valid_from"),
        *("valid_until", "standing_months", "standing_price", "standing_per", "standing_part", "block_per"),
        *("group", "price", "subsidy", "example"),
    )
    groups = tuple(_group(fields) for fields in top.each("group"))
    codes = {group.code for group in groups}
    for table in ("group", "price"):
        if not top.table.get(table):
            with top.keeping(table):
                raise top.refuse("FIELD_MISSING", f"there is no [[{table}]]")
    valid_from = top.day("valid_from")
    return Tariff(
        name=name,
        title=top.text("title"),
        decision=top.text("decision"),
        basis=top.text("basis"),
        decided_on=top.day("decided_on") if "decided_on" in top.table else None,
        published_on=top.day("published_on") if "published_on" in top.table else None,
        valid_from=valid_from,
        valid_until=_valid_until(top, valid_from),
        sha256=sha256,
        standing_months=top.choice("standing_months", StandingMonths),
        standing_price=top.choice("standing_price", StandingPrice),
        standing_per=top.choice("standing_per", StandingPer),
        standing_part=top.choice("standing_part", StandingPart, default=StandingPart.BY_MONTHS.value),
        block_per=_block_per(top),
        groups=groups,
        prices=tuple(
            price
            for fields in top.each("price")
            for price in read_prices(fields, groups=_known_groups(fields, codes), tariff_from=valid_from)
        ),
        examples=tuple(
            example
            for fields in top.each("example")
            for example in read_examples(fields, groups=_known_groups(fields, codes))
        ),
        subsidies=tuple(
            subsidy
            for fields in top.each("subsidy")
            for subsidy in read_subsidies(fields, groups=_known_groups(fields, codes))
        ),
    )


def _valid_until(top: Fields, valid_from: date) -> date | None:
    if "valid_until" not in top.table:
        return None
    day = top.day("valid_until")
    if day <= valid_from and top.is_sound("valid_from", "valid_until"):
        with top.keeping("valid_until"):
            raise top.refuse("FIELD_WRONG", f"valid_until = {day} is not after valid_from = {valid_from}")
    return day


def _block_per(top: Fields) -> BlockPer:
    has_blocks = any("block" in fields.table for fields in top.each("price"))
    if has_blocks and "block_per" not in top.table:
        with top.keeping("block_per"):
            raise top.refuse("FIELD_MISSING", "prices in blocks need block_per: bill or month")
    return top.choice("block_per", BlockPer, default=BlockPer.BILL.value)


def _group(fields: Fields) -> TariffGroup:
    fields.known(
        *("code", "class", "channel", "name", "payer", "metering"),
        *("diameters_mm", "diameter_from_mm", "diameter_until_mm"),
    )
    word = fields.text("channel")
    if word and word not in {"any", *Channel}:
        with fields.keeping("channel"):
            raise fields.refuse("FIELD_WRONG", f"channel = {word!r}, it must be any, {', '.join(Channel)}")
    return TariffGroup(
        code=fields.text("code"),
        tariff_class=fields.text("class"),
        channels=frozenset(channel for channel in Channel if word in {"any", channel}),
        name=fields.text("name"),
        diameters=_diameters(fields),
        payer=fields.choice("payer", PartyKind) if "payer" in fields.table else None,
        metering=fields.choice("metering", Metering) if "metering" in fields.table else None,
    )


def _diameters(fields: Fields) -> tuple[Diameters, ...]:
    if "diameters_mm" in fields.table:
        if {"diameter_from_mm", "diameter_until_mm"} & set(fields.table):
            with fields.keeping("diameters_mm"):
                raise fields.refuse("FIELD_WRONG", "diameters_mm and diameter_from_mm both name diameters")
        named = fields.integers("diameters_mm")
        if any(mm < 1 for mm in named) or not named:
            with fields.keeping("diameters_mm"):
                raise fields.refuse("FIELD_WRONG", "diameters_mm must name diameters above zero")
        return tuple(Diameters(from_mm=mm, until_mm=mm + 1) for mm in sorted(set(named)))
    if "diameter_from_mm" not in fields.table and "diameter_until_mm" not in fields.table:
        return ()
    from_mm = fields.integer("diameter_from_mm", default=1)
    until_mm = fields.integer("diameter_until_mm") if "diameter_until_mm" in fields.table else None
    if until_mm is not None and until_mm <= from_mm:
        with fields.keeping("diameter_until_mm"):
            raise fields.refuse("FIELD_WRONG", f"no diameter lies from {from_mm} up to {until_mm} mm")
    return (Diameters(from_mm=from_mm, until_mm=until_mm),)


def _known_groups(fields: Fields, codes: Iterable[str]) -> tuple[str, ...]:
    groups = fields.texts("groups")
    for group in groups:
        if group not in codes:
            with fields.keeping("groups"):
                raise fields.refuse("FIELD_WRONG", f"group {group!r} is not defined in this file")
    return groups


def _refuse_overlaps(tariff: Tariff, top: Fields) -> None:
    seen: set[str] = set()
    for group in tariff.groups:
        if group.code in seen:
            with top.keeping("group"):
                raise top.refuse("OVERLAP", f"group {group.code} is defined twice")
        seen.add(group.code)
    for one, other in combinations(tariff.groups, 2):
        if one.meets(other):
            with top.keeping("group"):
                text = f"{one.code} and {other.code} are both for class {one.tariff_class} and the same channel"
                raise top.refuse("OVERLAP", f"{text}, meters and payers")
