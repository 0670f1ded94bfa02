"""Prices and named models of a cycle, written down once more at the freeze: the checks reckon with these alone."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from billing.law import norms_on, vat_rate
from billing.models import Models
from billing.prices import TariffPrice
from billing.tariff_groups import TariffGroup
from billing.tariffs import TariffBook
from sql.copying import copy_rows
from sql.cycles import Cycle


def store_prices(connection: Connection, cycle: Cycle, *, tariffs: TariffBook, issue_date: date) -> None:
    """Write down the groups and prices of every tariff, with the VAT rates of the issue date, for the checks."""
    copy_rows(
        connection,
        table="cycle_group",
        columns=(
            *("cycle_id", "tariff_sha256", "tariff_group", "tariff_class", "channels", "tariff_from", "standing_per"),
            *("diameters", "payer", "metering", "block_per"),
        ),
        rows=(
            (
                *(cycle.cycle_id, tariff.sha256, group.code, group.tariff_class),
                *(tuple(sorted(group.channels)), tariff.valid_from, tariff.standing_per.value),
                *(_diameters(group), _value(group.payer), _value(group.metering), tariff.block_per.value),
            )
            for tariff in tariffs.tariffs
            for group in tariff.groups
        ),
    )
    copy_rows(
        connection,
        table="cycle_price",
        columns=(
            *("cycle_id", "tariff_sha256", "tariff_group", "service", "valid_from"),
            *("season", "per_months", "vat_rate", "block_from_m3", "net_zl"),
        ),
        rows=(
            (
                *(cycle.cycle_id, tariff.sha256, price.group, price.service.value, price.valid_from),
                *(price.season.word() if price.season else "", price.per_months),
                *(vat_rate(service=price.service, on=issue_date), from_m3, net_zl),
            )
            for tariff in tariffs.tariffs
            for price in tariff.prices
            for from_m3, net_zl in _blocks(price)
        ),
    )


def store_models(connection: Connection, cycle: Cycle, *, models: Models) -> None:
    """Write down the named models of the utility, and the norms of the issue date, for the checks."""
    copy_rows(
        connection,
        table="cycle_model",
        columns=("cycle_id", "name", "value"),
        rows=((cycle.cycle_id, one.name, str(getattr(models, one.name))) for one in fields(models)),
    )
    copy_rows(
        connection,
        table="cycle_norm",
        columns=("cycle_id", "norm", "m3_person_month"),
        rows=((cycle.cycle_id, code, figure) for code, figure in norms_on(on=cycle.issue_date).items()),
    )


def _diameters(group: TariffGroup) -> str | None:
    if not group.diameters:
        return None
    return "{" + ",".join(f"[{one.from_mm},{one.until_mm or ''})" for one in group.diameters) + "}"


def _value(word: Any) -> str | None:
    return None if word is None else word.value


def _blocks(price: TariffPrice) -> Iterator[tuple[Decimal, Decimal]]:
    if not price.blocks:
        yield Decimal(0), price.net_zl
    for block in price.blocks:
        yield block.from_m3, block.net_zl
