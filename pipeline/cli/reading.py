"""Readings that wait for a person: ``obieg reading list|show|confirm|edit|void|estimate|bulk|visits``."""

from argparse import ArgumentTypeError, Namespace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from billing.estimation_rules import EstimateWhy
from billing.periods import months_period
from billing.reading_life import Decision
from pipeline.cli.answer import Answer, shown
from pipeline.cli.commands import command_of, day, person_decides, topic_of
from pipeline.cli.csv_file import list_answer, table, takes_csv
from pipeline.errors import OperatorError
from pipeline.queue import bulk, decide, entries, estimate_meter, show, visits
from pipeline.queue.chosen_file import read_chosen
from pipeline.queue.missing import choose_missing
from pipeline.queue.planning import Chosen
from pipeline.work import Work

BULK_COLUMNS = (
    *("reading_id", "meter_no", "read_on", "state", "was_m3", "decision", "index_m3", "method", "refusal"),
    *("account_no", "bill_m3", "bill_zl", "hold"),
)
BACK_AGAIN = "To bring such a reading in again, import its row with the source `staff`"
_DECISIONS = {"confirm": Decision.CONFIRMED, "void": Decision.VOID, "estimate": Decision.ESTIMATED}


def add(topics: Any) -> None:
    """Register the commands."""
    topic = topic_of(topics, "reading", "readings that wait for a person, and estimates")
    listing = command_of(topic, "list", "readings that wait for a person, oldest first", list_waiting)
    _filters(listing)
    takes_csv(listing)
    show_one = command_of(topic, "show", "one reading, its history, and what each decision would bill", show_reading)
    show_one.add_argument("reading", type=int, metavar="READING", help="its number in the list")
    show_one.add_argument("--index", type=index, metavar="M3", help="show what an edit to this index would bill, too")
    for name, text, decision in (
        ("confirm", "it counts as it came", Decision.CONFIRMED),
        ("edit", "another index counts in its place; of an estimate: two people, one after the other", Decision.EDITED),
        ("void", "it never counts again: this is final", Decision.VOID),
    ):
        parser = command_of(topic, name, text, decide_one)
        parser.set_defaults(decision=decision, why=None, index=None)
        parser.add_argument("reading", type=int, metavar="READING")
        if decision is Decision.EDITED:
            parser.add_argument("--index", type=index, required=True, metavar="M3")
        if decision is Decision.VOID:
            parser.add_argument("--yes", action="store_true", help="it is final: say so, after seeing what it means")
        _reason(parser)
    _estimate(topic)
    _bulk(topic)
    orders = command_of(topic, "visits", "meters to go to: no further estimate is allowed", list_visits)
    orders.add_argument("--route", metavar="ROUTE", help="of accounts on this billing route")
    takes_csv(orders)


def _estimate(topic: Any) -> None:
    text = "estimate: in place of a reading, of a meter on a day, or of all that a cycle would miss"
    parser = command_of(topic, "estimate", text, estimate)
    parser.add_argument("reading", type=int, nargs="?", metavar="READING", help="the reading that it stands for")
    parser.add_argument("--meter", metavar="METER", help="a meter that has no reading at all")
    parser.add_argument("--register", type=int, default=0, metavar="NO")
    parser.add_argument("--on", type=day, metavar="YYYY-MM-DD", help="the day (default: the last one of the period)")
    parser.add_argument("--why", choices=list(EstimateWhy), default=EstimateWhy.NO_ACCESS.value)
    parser.add_argument("--missing", action="store_true", help="all registers without a reading for a cycle")
    parser.add_argument("--cycle-period", metavar="PERIOD", help="2026-09, or 2026-07..2026-09; with --missing")
    parser.add_argument("--route-set", default="ALL", help="ALL, or R1+R2; with --missing")
    _seen_first(parser)


def _bulk(topic: Any) -> None:
    text = "one decision about many readings: first --preview, then --selection with the hash that it told"
    parser = command_of(topic, "bulk", text, decide_many)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--file", type=Path, metavar="FILE", help="CSV: reading_id;decision;index_m3;why")
    source.add_argument("--decision", choices=list(_DECISIONS), help="about every reading that the filters let through")
    parser.add_argument("--why", choices=list(EstimateWhy), default=EstimateWhy.NO_ACCESS.value)
    _filters(parser)
    _seen_first(parser)


def _filters(parser: Any) -> None:
    parser.add_argument("--code", metavar="CODE", help="with this finding")
    parser.add_argument("--route", metavar="ROUTE", help="of accounts on this billing route")
    parser.add_argument("--owner", metavar="WHO", help="findings that are theirs to look at")
    parser.add_argument("--older-than", type=int, default=0, metavar="DAYS", help="taken at least so many days ago")


def _reason(parser: Any, *, required: bool = True) -> None:
    parser.add_argument("--reason", required=required, default="", metavar="TEXT", help="why; kept with the decision")
    person_decides(parser)


def _seen_first(parser: Any) -> None:
    parser.add_argument("--preview", action="store_true", help="show what would change, write nothing")
    parser.add_argument("--selection", metavar="HASH", help="do what the preview with this hash has shown")
    takes_csv(parser)
    _reason(parser, required=False)


def index(text: str) -> Decimal:
    """An index as it is typed, in m³."""
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is no index in m³") from None


def list_waiting(work: Work, options: Namespace) -> Answer:
    """``obieg reading list``."""
    rows = entries.run(work, asked=_filter(options))
    text = table(entries.COLUMNS, rows) if rows else "no reading waits"
    return list_answer(work, options, name="readings", columns=entries.COLUMNS, rows=rows, text=text)


def list_visits(work: Work, options: Namespace) -> Answer:
    """``obieg reading visits``."""
    rows = visits.run(work, route=options.route)
    text = table(visits.COLUMNS, rows) if rows else "no meter has to be visited"
    return list_answer(work, options, name="visits", columns=visits.COLUMNS, rows=rows, text=text)


def show_reading(work: Work, options: Namespace) -> Answer:
    """``obieg reading show READING``."""
    made = show.run(work, reading_id=options.reading, index_m3=options.index)
    named = made.reading
    billed = f", billed by {named['billed_by']}" if named["billed_by"] else ""
    lines = [
        f"reading {named['reading_id']}: meter {named['meter_no']} at {named['point_no']}, account {made.account_no}",
        f"  stands    {named['read_on']}, {shown(named['index_m3'])} m³, {named['state']}{billed}",
        f"  came      {shown({key: value for key, value in made.came.items() if value})}",
        f"  expected  {shown(made.expected)}",
        *(f"  finding   {one['code']} ({one['severity']}) {shown(one['facts'])}" for one in made.findings),
        *(
            f"  decided   {one['decision']} {shown(one['index_m3'])} by {one['decided_by']}: {one['reason']}"
            for one in made.decisions
        ),
        *(
            f"  before    {one['from']} to {one['until']}: {one['volume_m3']} m³, {one['m3_day']} a day"
            for one in made.history
        ),
        *(f"  {name:<9} {shown(money)}" for name, money in made.would_bill.items()),
    ]
    return Answer(text="\n".join(lines), data=_data(made))


def decide_one(work: Work, options: Namespace) -> Answer:
    """``obieg reading confirm|edit|void READING``."""
    if options.decision is Decision.VOID and not options.yes:
        raise _unconfirmed(work, options.reading)
    done = decide.run(
        work,
        reading_id=options.reading,
        decision=options.decision,
        reason=options.reason,
        index_m3=options.index,
        why=options.why,
    )
    if done["state"] == "asked":
        text = f"another person must decide: obieg reading edit {options.reading} --index {options.index}"
        return Answer(text=f"reading {options.reading}: asked; {text}", data=done)
    told = ", ".join(f"{name} {shown(done[name])}" for name in ("index_m3", "method", "estimate_id") if done.get(name))
    text = f"reading {options.reading} is {done['state']} by {work.actor.name} {told}".rstrip()
    back = f"\n{BACK_AGAIN}." if options.decision is Decision.VOID else ""
    return Answer(text=text + back, data=done)


def _unconfirmed(work: Work, reading_id: int) -> OperatorError:
    """What a void means, before it is done; of one that cannot be, why."""
    seen = show.run(work, reading_id=reading_id)
    after = seen.would_bill[Decision.VOID.value]
    if "refused" in after:
        return OperatorError(after["refused"], after["words"])
    named = seen.reading
    held = f"is held ({after['hold']})" if after["hold"] else f"is billed {after['bill_m3']} m³ up to another reading"
    text = (
        f"reading {reading_id} of meter {named['meter_no']} on {named['read_on']}, {shown(named['index_m3'])} m³, "
        f"would never count again, and account {seen.account_no} {held}; nothing is written; do it with --yes"
    )
    return OperatorError("VOID_FINAL", f"{text}. {BACK_AGAIN}")


def estimate(work: Work, options: Namespace) -> Answer:
    """``obieg reading estimate``: one reading, one meter, or all that is missing."""
    ways = [options.reading is not None, options.meter is not None, options.missing]
    if sum(ways) != 1:
        raise OperatorError("ESTIMATE_WHAT", "name a reading, or --meter with --on, or --missing with --cycle-period")
    why = EstimateWhy(options.why)
    if options.missing:
        return _estimate_missing(work, options)
    if options.meter is not None:
        if options.on is None:
            raise OperatorError("ESTIMATE_WHAT", "say on which day: --on YYYY-MM-DD")
        done = estimate_meter.run(
            work, meter_no=options.meter, register=options.register, on=options.on, why=why, reason=options.reason
        )
        text = f"meter {options.meter}: reading {done['reading_id']}, {done['index_m3']} m³ by {done['method']}"
        return Answer(text=text, data=done)
    options.decision, options.why, options.index = Decision.ESTIMATED, why, None
    return decide_one(work, options)


def _estimate_missing(work: Work, options: Namespace) -> Answer:
    if options.cycle_period is None:
        raise OperatorError("ESTIMATE_WHAT", "say for which cycle: --cycle-period 2026-09")
    try:
        period = months_period(options.cycle_period)
    except ValueError as error:
        raise OperatorError("PERIOD_WRONG", str(error)) from None
    choose = choose_missing(period=period, route_set=options.route_set, on=options.on, by=work.actor.name)
    return _seen_or_done(work, options, choose, name="estimates")


def decide_many(work: Work, options: Namespace) -> Answer:
    """``obieg reading bulk``."""
    if options.file is not None:
        chosen = read_chosen(options.file)
    else:
        chosen = [
            Chosen(reading_id=row["reading_id"], decision=_DECISIONS[options.decision], why=EstimateWhy(options.why))
            for row in entries.run(work, asked=_filter(options))
        ]
    return _seen_or_done(work, options, bulk.choose_readings(chosen, by=work.actor.name), name="decisions")


def _seen_or_done(work: Work, options: Namespace, choose: bulk.Choose, *, name: str) -> Answer:
    if options.preview == (options.selection is not None):
        raise OperatorError("PREVIEW_FIRST", "give --preview, and then --selection with the hash that it tells")
    if options.selection is not None:
        done = bulk.run(work, choose=choose, sha256=options.selection, reason=options.reason)
        text = f"{done['decided']} decided, {done['estimated']} estimated, {done['refused']} refused as previewed"
        return Answer(text=text, data=done)
    seen = bulk.preview(work, choose=choose)
    rows = [{column: row.get(column) for column in BULK_COLUMNS} for row in seen.rows]
    listed = list_answer(
        work, options, name=name, columns=BULK_COLUMNS, rows=rows, text=table(BULK_COLUMNS, rows) if rows else "nothing"
    )
    refused = [f"  {row['refusal']}: {row['words']}" for row in seen.rows if row["refusal"]]
    told = [listed.text, *refused, f"{shown(seen.counts)}", f"nothing is written; do it with --selection {seen.sha256}"]
    data = {"selection": seen.sha256, "counts": seen.counts, "rows": seen.rows}
    return Answer(text="\n".join(told), data=data)


def _filter(options: Namespace) -> entries.Filter:
    return entries.Filter(code=options.code, route=options.route, owner=options.owner, older_than=options.older_than)


def _data(made: show.Shown) -> dict[str, Any]:
    return {name: getattr(made, name) for name in show.Shown.__dataclass_fields__}
