"""One file = one approved taryfa: read, checked, and refused until its worked examples recompute.

Shape: ``title``, ``decision``, ``basis``, ``valid_from``, where known ``decided_on`` (by the regulator) and
``published_on`` (in BIP), the ``standing_*`` models, ``[[group]]`` (code, class, channel, name), ``[[price]]`` (groups,
item, unit, net_zl, valid_from, basis), ``[[subsidy]]`` (see ``billing.subsidy_files``) and ``[[example]]`` (groups, on,
the quantities by item, gross_zl, source; for a subsidy the gmina and, in gross mode, payable_zl). Examples are
published amounts or sums done by hand, and every price and subsidy of every group needs one. What is not known is
written ``unknown``.
"""

import hashlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import product

from billing.accounts import Channel, Service
from billing.errors import DataRefused
from billing.law import vat_rate
from billing.money import multiply_zl
from billing.subsidies import LineSubsidy, SubsidyMode, price_left_zl, subsidy_of, total_zl
from billing.subsidy_files import read_subsidies, refuse_wrong_subsidies
from billing.tariffs import (
    StandingMonths,
    StandingPer,
    StandingPrice,
    Tariff,
    TariffExample,
    TariffGroup,
    TariffPrice,
    Unit,
)
from billing.toml_fields import Fault, Fields, read_fields
from billing.vat import VatModel, vat_sums

_UNITS = {Service.WATER: Unit.CUBIC_METRE, Service.SEWAGE: Unit.CUBIC_METRE, Service.STANDING: Unit.MONTH}
_GROUP_KEY = 2


def load_tariff(
    content: bytes, *, name: str, vat_model: VatModel = VatModel.ON_RATE_SUM, faults: list[Fault] | None = None
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
        _refuse_early_prices(tariff, top)
        _refuse_untouched_prices(tariff, top)
        refuse_wrong_subsidies(tariff, top)
        for example in tariff.examples:
            with top.keeping("example"):
                _recompute(tariff, example, top, vat_model)
    return tariff


def _tariff(top: Fields, *, name: str, sha256: str) -> Tariff:
    top.known(
        *("title", "decision", "basis", "decided_on", "published_on", "valid_from"),
        *("standing_months", "standing_price", "standing_per", "group", "price", "subsidy", "example"),
    )
    groups = tuple(_group(fields) for fields in top.each("group"))
    codes = {group.code for group in groups}
    for table in ("group", "price"):
        if not top.table.get(table):
            with top.keeping(table):
                raise top.refuse("FIELD_MISSING", f"there is no [[{table}]]")
    return Tariff(
        name=name,
        title=top.text("title"),
        decision=top.text("decision"),
        basis=top.text("basis"),
        decided_on=top.day("decided_on") if "decided_on" in top.table else None,
        published_on=top.day("published_on") if "published_on" in top.table else None,
        valid_from=top.day("valid_from"),
        sha256=sha256,
        standing_months=top.choice("standing_months", StandingMonths),
        standing_price=top.choice("standing_price", StandingPrice),
        standing_per=top.choice("standing_per", StandingPer),
        groups=groups,
        prices=tuple(price for fields in top.each("price") for price in _prices(fields, codes)),
        examples=tuple(example for fields in top.each("example") for example in _examples(fields, codes)),
        subsidies=tuple(
            subsidy
            for fields in top.each("subsidy")
            for subsidy in read_subsidies(fields, groups=_known_groups(fields, codes))
        ),
    )


def _group(fields: Fields) -> TariffGroup:
    fields.known("code", "class", "channel", "name")
    word = fields.text("channel")
    if word and word not in {"any", *Channel}:
        with fields.keeping("channel"):
            raise fields.refuse("FIELD_WRONG", f"channel = {word!r}, it must be any, {', '.join(Channel)}")
    return TariffGroup(
        code=fields.text("code"),
        tariff_class=fields.text("class"),
        channels=frozenset(channel for channel in Channel if word in {"any", channel}),
        name=fields.text("name"),
    )


def _prices(fields: Fields, codes: Iterable[str]) -> Iterator[TariffPrice]:
    fields.known("groups", "item", "unit", "net_zl", "valid_from", "basis")
    service, unit = fields.choice("item", Service), fields.choice("unit", Unit)
    if unit is not _UNITS[service] and fields.is_sound("item", "unit"):
        with fields.keeping("unit"):
            raise fields.refuse("FIELD_WRONG", f"{service} is priced per {_UNITS[service]}")
    for group in _known_groups(fields, codes):
        yield TariffPrice(
            group=group,
            service=service,
            unit=_UNITS[service],
            net_zl=fields.decimal("net_zl", places=4),
            valid_from=fields.day("valid_from"),
            basis=fields.text("basis"),
        )


def _examples(fields: Fields, codes: Iterable[str]) -> Iterator[TariffExample]:
    fields.known("groups", "on", "gmina", "net_zl", "gross_zl", "payable_zl", "source", *Service)
    quantities = {
        service: fields.decimal(service, places=0 if service is Service.STANDING else 3)
        for service in Service
        if service in fields.table
    }
    for group in _known_groups(fields, codes):
        yield TariffExample(
            group=group,
            on=fields.day("on"),
            quantities=quantities,
            net_zl=fields.decimal("net_zl", places=2) if "net_zl" in fields.table else None,
            gross_zl=fields.decimal("gross_zl", places=2),
            source=fields.text("source"),
            gmina=fields.text("gmina") if "gmina" in fields.table else None,
            payable_zl=fields.decimal("payable_zl", places=2) if "payable_zl" in fields.table else None,
        )


def _known_groups(fields: Fields, codes: Iterable[str]) -> tuple[str, ...]:
    groups = fields.texts("groups")
    for group in groups:
        if group not in codes:
            with fields.keeping("groups"):
                raise fields.refuse("FIELD_WRONG", f"group {group!r} is not defined in this file")
    return groups


def _refuse_overlaps(tariff: Tariff, top: Fields) -> None:
    seen: set[tuple[str, ...]] = set()
    keys: list[tuple[str, ...]] = [("group", group.code) for group in tariff.groups]
    keys += [(group.tariff_class, channel) for group in tariff.groups for channel in sorted(group.channels)]
    keys += [(price.group, price.service, price.valid_from.isoformat()) for price in tariff.prices]
    for key in keys:
        if key in seen:
            with top.keeping("group" if len(key) == _GROUP_KEY else "price"):
                raise top.refuse("OVERLAP", f"{' '.join(key)} is defined twice")
        seen.add(key)


def _refuse_early_prices(tariff: Tariff, top: Fields) -> None:
    for price in tariff.prices:
        if price.valid_from < tariff.valid_from:
            with top.keeping("price"):
                raise top.refuse(
                    "FIELD_WRONG",
                    f"the price of {price.service} for {price.group} starts on {price.valid_from}, before the tariff",
                )


def _refuse_untouched_prices(tariff: Tariff, top: Fields) -> None:
    touched = {
        (example.group, service, price.valid_from)
        for example, service in product(tariff.examples, Service)
        if service in example.quantities
        and example.gmina is None
        and (price := tariff.price_on(group=example.group, service=service, day=example.on))
    }
    for price in tariff.prices:
        if (price.group, price.service, price.valid_from) not in touched:
            with top.keeping("example"):
                raise top.refuse(
                    "NO_EXAMPLE", f"no example touches {price.service} for {price.group} from {price.valid_from}"
                )


def _recompute(tariff: Tariff, example: TariffExample, top: Fields, vat_model: VatModel) -> None:
    what = ", ".join(f"{quantity} × {service}" for service, quantity in example.quantities.items())
    where = f" in {example.gmina}" if example.gmina else ""
    place = f"example {example.group}{where} on {example.on} ({what})"
    unpriced = top.refuse("EXAMPLE_WRONG", f"{place}: the file does not price all of that on that day")
    lines = [
        _line(tariff, example, service, quantity=quantity, refusal=unpriced)
        for service, quantity in example.quantities.items()
    ]
    sums = vat_sums(lines=((rate, net_zl) for rate, net_zl, _ in lines), model=vat_model)
    got = {"net": sum(part.net_zl for part in sums), "gross": sum(part.gross_zl for part in sums)}
    got["payable"] = got["gross"] - total_zl((subsidy for _, _, subsidy in lines), mode=SubsidyMode.GROSS)
    wanted = {"net": example.net_zl, "gross": example.gross_zl, "payable": example.payable_zl}
    for kind, amount_zl in wanted.items():
        if amount_zl is not None and amount_zl != got[kind]:
            raise top.refuse("EXAMPLE_WRONG", f"{place}: expected {kind} {amount_zl} zł, got {got[kind]} zł")


def _line(
    tariff: Tariff, example: TariffExample, service: Service, *, quantity: Decimal, refusal: DataRefused
) -> tuple[Decimal, Decimal, LineSubsidy | None]:
    price = tariff.price_on(group=example.group, service=service, day=example.on)
    if price is None:
        raise refusal
    agreed = tariff.subsidy_on(gmina=example.gmina, group=example.group, service=service, day=example.on)
    subsidy = subsidy_of(agreed=agreed, volume_m3=quantity, tariff_zl=price.net_zl)
    net_zl = multiply_zl(quantity=quantity, price_zl=price_left_zl(price.net_zl, subsidy=subsidy))
    return vat_rate(service=service, on=example.on), net_zl, subsidy
