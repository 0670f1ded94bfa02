"""Commands for reading routes: what a reader takes along, what came back, what is to be visited again."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from billing.rounds import StopState
from pipeline import close_round, open_round, round_stops
from pipeline.cli.answer import Answer, counts_answer, shown
from pipeline.cli.commands import command_of, day, topic_of
from pipeline.round_files import save, stops_file
from pipeline.work import Work
from sql import routes

STOPS_SHOWN = 20
"""Stops that are still somebody's work and are named without ``--all``."""
_ENDED = {StopState.READ.value, StopState.GONE.value}


def add(topics: Any) -> None:
    """``obieg route``."""
    topic = topic_of(topics, "route", "reading routes and their rounds")
    command_of(topic, "list", "routes, their stops and last rounds", list_routes)
    begin = command_of(topic, "open", "make a round and the reader's file", open_command)
    begin.add_argument("route", metavar="ROUTE")
    begin.add_argument("--until", required=True, type=day, metavar="DATE", help="the first day that no longer counts")
    begin.add_argument("--from", dest="start", type=day, metavar="DATE", help="first day that counts (default: today)")
    begin.add_argument(
        "--out", type=Path, metavar="FILE", help="where the reader's file goes (default: exports/routes)"
    )
    show = command_of(topic, "show", "what became of the stops of a round", show_command)
    show.add_argument("round", metavar="ROUND")
    show.add_argument("--csv", type=Path, metavar="FILE", help="also write the stops to a file")
    close = command_of(topic, "close", "end a round; list what is to be visited again", close_command)
    close.add_argument("round", metavar="ROUND")
    for parser in (show, close):
        parser.add_argument("--all", action="store_true", help="every stop, also those that were read")


def list_routes(work: Work, _options: Namespace) -> Answer:
    """``obieg route list``."""
    with work.engine.connect() as connection:
        rows = [dict(row._mapping) for row in routes.routes(connection)]  # noqa: SLF001 - SQLAlchemy's documented way
    lines = [
        f"{row['route']:<20}  {row['stops']:>6} stops  {row['without_stop']:>6} points without one"
        f"  last round {shown(row['last_round'])} {row['last_state'] or ''}".rstrip()
        for row in rows
    ]
    return Answer(text="\n".join(lines) or "there is no route yet", data=rows)


def open_command(work: Work, options: Namespace) -> Answer:
    """``obieg route open ROUTE``."""
    made = open_round.run(work, route=options.route, until=options.until, start=options.start, out=options.out)
    counts = {name: value for name, value in made.items() if name not in ("without_stop", "without_meter")}
    lines = [counts_answer(f"round {made['round']}", counts).text, *_loose(made)]
    return Answer(text="\n".join(lines), data=made)


def _loose(made: dict[str, Any]) -> list[str]:
    """What the walk of the registry does not hold, in words."""
    loose, meterless = made["without_stop"], made["without_meter"]
    told = []
    if loose and len(loose) == made["stops"]:
        told.append("  no walk of this route is in the registry (route_stops.csv): all stops stand by address")
    elif loose:
        told.append(f"  {len(loose)} stops no walk holds stand at the end, by address: {shown(loose)}")
    if meterless:
        told.append(f"  {len(meterless)} points have no meter and are not in the file: {shown(meterless)}")
    return told


def show_command(work: Work, options: Namespace) -> Answer:
    """``obieg route show ROUND``."""
    found = round_stops.run(work, round_key=options.round)
    if options.csv is not None:
        save(options.csv, stops_file(found["each"], round_key=found["round"], route=found["route"]))
    return _round_answer(found, every=options.all)


def close_command(work: Work, options: Namespace) -> Answer:
    """``obieg route close ROUND``."""
    closed = close_round.run(work, round_key=options.round)
    answer = _round_answer(closed, every=options.all)
    return Answer(text=f"{answer.text}\nto visit again: {closed['file']}", data=closed)


def _round_answer(found: dict[str, Any], *, every: bool) -> Answer:
    """The totals, and each stop that is still somebody's work: what was read, or is gone, only with ``every``."""
    head = f"round {found['round']} is {found['state']}: readings from {found['first_day']} to before {found['until']}"
    totals = ", ".join(f"{count} {state}" for state, count in found["totals"].items() if count)
    stops = found["each"] if every else [stop for stop in found["each"] if stop["state"] not in _ENDED]
    named = stops if every else stops[:STOPS_SHOWN]
    lines = [head, f"  {found['stops']} stops = {totals}", *(_stop_text(stop) for stop in named)]
    hidden = len(found["each"]) - len(named)
    lines += [f"  … {hidden} more: --all"] if hidden else []
    return Answer(text="\n".join(lines), data=found)


def _stop_text(stop: dict[str, Any]) -> str:
    end = [stop["state"], stop["reason"], stop["read_on"], stop["index"]]
    end += [f"followed by {stop['successor']}" if stop["successor"] else None]
    told = " ".join(str(word) for word in end if word is not None)
    return f"  {stop['seq']:>5}  {stop['point_no']}  {stop['meter_no']}/{stop['register']}  {stop['street']}  {told}"
