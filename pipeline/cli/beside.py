"""``obieg stormwater``, ``obieg excess`` and ``obieg forecast``: what is charged beside metered water, or before it."""

import argparse
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from billing.beside_meters import ForecastBasis
from pipeline import agreements, stormwater_file
from pipeline.agreements import ForecastRow, SurfaceRow
from pipeline.cli.answer import Answer
from pipeline.cli.commands import command_of, day, number, topic_of
from pipeline.cli.csv_file import list_answer, table, takes_csv
from pipeline.work import Work
from sql.agreements import Fact

SURFACES = ("point_no", "surface", "area_m2", "item_code", "valid_from", "valid_until", "reason", "recorded_by")
EXCESSES = (
    "point_no",
    "indicator",
    "measured",
    "permitted",
    "sampled_on",
    "cleared_on",
    "report_no",
    "ended_report_no",
)
FORECASTS = (
    *("contract_no", "account_no", "entitled", "basis", "water_m3_month", "sewage_m3_month"),
    *("settle_every_months", "payment_day", "valid_from", "valid_until", "unsettled_lines"),
)


def add(topics: Any) -> None:
    """The three topics and their commands."""
    _stormwater(topic_of(topics, "stormwater", "surfaces that rain runs off, charged by a price list"))
    _excess(topic_of(topics, "excess", "industrial sewage above its permitted indicators"))
    _forecast(topic_of(topics, "forecast", "prognozy of multi-unit buildings and of their flats"))


def _stormwater(topic: Any) -> None:
    new = command_of(topic, "set", "a surface is charged from a day on; it replaces what held of it", set_surface)
    new.add_argument("point", metavar="POINT")
    new.add_argument("--surface", required=True, metavar="TEXT", help="as it is printed: dach, parking")
    new.add_argument("--area", required=True, type=number, metavar="M2")
    new.add_argument("--item", required=True, metavar="CODE", help="of the price list")
    load = command_of(topic, "load", "surfaces of a CSV file, all or none", load_surfaces)
    load.add_argument("file", type=Path, metavar="FILE", help=";".join(stormwater_file.COLUMNS))
    stop = command_of(topic, "end", "a surface is not charged from a day on", end_surface)
    stop.add_argument("point", metavar="POINT")
    stop.add_argument("--surface", required=True, metavar="TEXT")
    for parser in (new, stop):
        _dated(parser, "--from", "day")
    _listing(topic, "surface", SURFACES)


def _excess(topic: Any) -> None:
    new = command_of(topic, "set", "an indicator was found above what is permitted", set_excess)
    new.add_argument("--measured", required=True, type=number, metavar="N")
    new.add_argument("--permitted", required=True, type=number, metavar="N")
    done = command_of(topic, "clear", "a re-test has proved the fault gone", clear_excess)
    for parser, option in ((new, "--sampled-on"), (done, "--on")):
        parser.add_argument("point", metavar="POINT")
        parser.add_argument("--indicator", required=True, metavar="NAME", help="as it is printed: ChZT")
        parser.add_argument(option, dest="day", required=True, type=day, metavar="YYYY-MM-DD")
        parser.add_argument("--report", required=True, metavar="NO", help="number of the laboratory's report")
    _listing(topic, "excess", EXCESSES)


def _forecast(topic: Any) -> None:
    new = command_of(topic, "set", "a contract is charged by prognozy; it replaces what held", set_forecast)
    new.add_argument("contract", metavar="CONTRACT")
    new.add_argument("--entitled", required=True, choices=("flat", "manager"), help="Rozp. 2018 § 16 ust. 4")
    new.add_argument("--basis", required=True, type=ForecastBasis, choices=list(ForecastBasis))
    new.add_argument("--water", type=number, metavar="M3", help="a month; with --basis mean until there is a mean")
    new.add_argument("--sewage", type=number, metavar="M3", help="a month")
    new.add_argument("--settle-every", required=True, type=int, metavar="MONTHS", help="2 to 12")
    new.add_argument("--payment-day", type=int, choices=range(1, 29), metavar="DAY", help="of the month, 1 to 28")
    stop = command_of(topic, "end", "from a month on readings decide; the next bill settles", end_forecast)
    stop.add_argument("contract", metavar="CONTRACT")
    for parser in (new, stop):
        _dated(parser, "--from", "day")
    _listing(topic, "forecast", FORECASTS)


def _dated(parser: argparse.ArgumentParser, option: str, name: str) -> None:
    parser.add_argument(option, dest=name, required=True, type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="by which document; kept with the entry")


def _listing(topic: Any, fact: Fact, columns: tuple[str, ...]) -> None:
    what = "contract" if fact == "forecast" else "point"
    parser = command_of(topic, "list", f"all entries, or those of one {what}", _lister(fact, columns))
    parser.add_argument(f"--{what}", dest="of", metavar=what.upper())
    takes_csv(parser)


def _lister(fact: Fact, columns: tuple[str, ...]) -> Callable[[Work, Namespace], Answer]:
    def command(work: Work, options: Namespace) -> Answer:
        rows = agreements.known(work, fact, of=options.of)
        text = table(columns, rows) if rows else "no entry"
        return list_answer(work, options, name=fact, columns=columns, rows=rows, text=text)

    return command


def set_surface(work: Work, options: Namespace) -> Answer:
    """``obieg stormwater set POINT``."""
    row = SurfaceRow(
        point_no=options.point,
        surface=options.surface,
        area_m2=options.area,
        item_code=options.item,
        day=options.day,
        reason=options.reason,
    )
    done = agreements.set_surfaces(work, [row])
    text = f"{options.surface}, {options.area} m², at {options.point} by {options.item} from {options.day} on"
    return Answer(text=text, data=done)


def load_surfaces(work: Work, options: Namespace) -> Answer:
    """``obieg stormwater load FILE``."""
    done = stormwater_file.run(work, file=options.file)
    return Answer(text=f"{done['surfaces']} surfaces of {options.file}", data=done)


def end_surface(work: Work, options: Namespace) -> Answer:
    """``obieg stormwater end POINT``."""
    agreements.end_surface(
        work, point_no=options.point, surface=options.surface, day=options.day, reason=options.reason
    )
    return Answer(text=f"{options.surface} at {options.point} ends on {options.day}", data={"ended": str(options.day)})


def set_excess(work: Work, options: Namespace) -> Answer:
    """``obieg excess set POINT``."""
    agreements.set_excess(
        work,
        point_no=options.point,
        indicator=options.indicator,
        measured=options.measured,
        permitted=options.permitted,
        sampled_on=options.day,
        report_no=options.report,
    )
    found = f"{options.measured} where {options.permitted} are permitted"
    text = f"{options.indicator} at {options.point}: {found}, charged from {options.day} on"
    return Answer(text=text, data={"sampled_on": str(options.day)})


def clear_excess(work: Work, options: Namespace) -> Answer:
    """``obieg excess clear POINT``."""
    agreements.clear_excess(
        work, point_no=options.point, indicator=options.indicator, day=options.day, report_no=options.report
    )
    text = f"{options.indicator} at {options.point} is charged up to the day before {options.day}"
    return Answer(text=text, data={"cleared_on": str(options.day)})


def set_forecast(work: Work, options: Namespace) -> Answer:
    """``obieg forecast set CONTRACT``."""
    row = ForecastRow(
        contract_no=options.contract,
        entitled=options.entitled,
        basis=options.basis,
        settle_every_months=options.settle_every,
        day=options.day,
        reason=options.reason,
        water_m3_month=options.water,
        sewage_m3_month=options.sewage,
        payment_day=options.payment_day,
    )
    agreements.set_forecast(work, row)
    text = f"{options.contract}: prognozy from {options.day} on, settled every {options.settle_every} months"
    return Answer(text=text, data={"from": str(options.day)})


def end_forecast(work: Work, options: Namespace) -> Answer:
    """``obieg forecast end CONTRACT``."""
    agreements.end_forecast(work, contract_no=options.contract, day=options.day, reason=options.reason)
    return Answer(text=f"{options.contract}: readings decide from {options.day} on", data={"ended": str(options.day)})
