"""Commands for tariffs on their way into force."""

from argparse import Namespace
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.canonical import to_data
from billing.impact import Impact, NoImpactReason
from billing.impact_summary import GroupImpact, account_percent
from billing.polish import format_change_zl, format_m3, format_zl
from pipeline import switch_on_tariff, tariff_check, tariff_impact, tariff_list
from pipeline.cli.answer import Answer, shown
from pipeline.cli.commands import command_of, person_decides, topic_of
from pipeline.tariff_impact import TariffImpact, group_data
from pipeline.tariff_list import ListedTariff
from pipeline.work import Work

UNPRICED_SHOWN = 10
_MOVERS = {
    "up_zl": "pay most more, in zł",
    "down_zl": "pay most less, in zł",
    "up_percent": "pay most more, in percent",
    "down_percent": "pay most less, in percent",
}


def add(topics: Any) -> None:
    """Add ``tariff`` to the parser."""
    topic = topic_of(topics, "tariff", "tariffs: rated over all accounts before they are switched on")
    command_of(topic, "list", "the tariffs in force and the planned ones", list_all)
    for name, text, command in (
        ("check", "everything that a planned tariff lacks", check),
        ("impact", "rate a planned tariff over all accounts, for a year of their own use", impact),
    ):
        parser = command_of(topic, name, text, command)
        parser.add_argument("file", type=Path, metavar="FILE", help="a path, or a name in tariffs/planned/")
        if name == "impact":
            parser.add_argument("--csv", type=Path, metavar="FOLDER", help="for the list (default: exports/tariffs)")
    switch = command_of(topic, "switch-on", "put a planned tariff in force, as an approver", switch_on)
    switch.add_argument("file", type=Path, metavar="FILE", help="a name in tariffs/planned/")
    switch.add_argument("--note", required=True, metavar="TEXT", help="why; kept with the decision")
    person_decides(switch)


def list_all(work: Work, _options: Namespace) -> Answer:
    """``obieg tariff list``."""
    found = tariff_list.run(work)
    text = "\n".join(line for listed in found for line in _listed_lines(listed))
    return Answer(text=text or "no tariffs", data=[to_data(listed) for listed in found])


def check(work: Work, options: Namespace) -> Answer:
    """``obieg tariff check FILE``."""
    problems = tariff_check.run(work, file=options.file)
    lines = [f"{problem.code}: {problem.text}" for problem in problems]
    text = "\n".join(lines) or f"{options.file.name}: sound, decided, published, and no gaps"
    return Answer(text=text, data={"ready": not problems, "problems": [to_data(problem) for problem in problems]})


def impact(work: Work, options: Namespace) -> Answer:
    """``obieg tariff impact FILE``."""
    made, path = tariff_impact.run(work, file=options.file, folder=options.csv)
    return Answer(text=_impact_text(made, path), data=_impact_data(made, path))


def switch_on(work: Work, options: Namespace) -> Answer:
    """``obieg tariff switch-on FILE``."""
    done = switch_on_tariff.run(work, file=options.file, note=options.note)
    how = "is switched on" if done["done"] == "switched_on" else "was switched on before"
    text = f"{options.file.name} {how} by {done['switched_by']}: in force from {done['valid_from']}, {done['file']}"
    return Answer(text=text, data=done)


def _listed_lines(listed: ListedTariff) -> Iterable[str]:
    yield f"{listed.place:<8}  {listed.name}  {listed.how}"
    if listed.title is not None:
        days = f"decided {shown(listed.decided_on)}, published {shown(listed.published_on)}, from {listed.valid_from}"
        yield f"          {listed.title}; decision: {listed.decision}; {days}"
    yield f"          {listed.sha256}"


def _impact_text(made: TariffImpact, path: Path) -> str:
    counts, sums = made.counts, made.sums
    unpriced = made.without[NoImpactReason.NO_PRICE]
    without = (f"{reason.lower().replace('_', ' ')} {len(made.without[reason])}" for reason in NoImpactReason)
    lines = [
        f"{made.tariff.title}, from {made.tariff.valid_from}",
        f"  a year of {counts['rated']} of {counts['accounts']} accounts; {', '.join(without)}",
        f"  net   {format_zl(sums['net_before_zl'])} → {format_zl(sums['net_after_zl'])}",
        f"  gross {format_zl(sums['gross_before_zl'])} → {format_zl(sums['gross_after_zl'])}",
        *_group_lines(made.groups),
    ]
    for name, title in _MOVERS.items():
        lines += _mover_lines(title, getattr(made.movers, name))
    if unpriced:
        lines.append("without price, the tariff cannot be switched on:")
        lines += [f"  {found.account_no}  {found.lacking}" for found in unpriced[:UNPRICED_SHOWN]]
        lines += [f"  … {len(unpriced) - UNPRICED_SHOWN} more, see the list"] * (len(unpriced) > UNPRICED_SHOWN)
    return "\n".join([*lines, f"result {made.sha256}", f"every account: {path}"])


def _group_lines(groups: Iterable[GroupImpact]) -> Iterable[str]:
    for group in groups:
        yield f"group {group.group_before} → {group.group_after}: {group.accounts} accounts"
        yield f"  water {format_m3(group.water_m3)}, sewage {format_m3(group.sewage_m3)}"
        yield f"  net {format_zl(group.net_before_zl)} → {format_zl(group.net_after_zl)}"
        difference = f"{format_change_zl(group.difference_zl)}, {_percent(group.percent)}"
        yield f"  gross {format_zl(group.gross_before_zl)} → {format_zl(group.gross_after_zl)} ({difference})"
        yield f"  pay more {_share(group.percent_more)}, pay less {_share(group.percent_less)}"


def _mover_lines(title: str, found: Sequence[Impact]) -> list[str]:
    rows = [
        f"  {one.account_no}  {format_zl(one.before.gross_zl)} → {format_zl(one.after.gross_zl)}"
        f" ({format_change_zl(one.difference_zl)}, {_percent(account_percent(one))})"
        for one in found
    ]
    return [f"{title}:", *rows] if rows else []


def _percent(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:+} %".replace(".", ",")


def _share(value: Decimal | None) -> str:
    return f"{shown(value)} %".replace(".", ",")


def _impact_data(made: TariffImpact, path: Path) -> dict[str, Any]:
    unpriced = made.without[NoImpactReason.NO_PRICE]
    return {
        "title": made.tariff.title,
        "tariff_sha256": made.tariff.sha256,
        "valid_from": made.tariff.valid_from,
        "sha256": made.sha256,
        **made.counts,
        **made.sums,
        "groups": [group_data(group) for group in made.groups],
        "movers": {name: [_mover_data(one) for one in getattr(made.movers, name)] for name in _MOVERS},
        "accounts_without_price": [to_data(found) for found in unpriced],
        "csv": path,
    }


def _mover_data(found: Impact) -> dict[str, Any]:
    return dict(to_data(found)) | {"difference_zl": found.difference_zl, "percent": account_percent(found)}
