"""``obieg list``: one command for each list of ``pipeline.lists``."""

import argparse
from argparse import Namespace
from typing import Any

from pipeline.cli.answer import Answer
from pipeline.cli.commands import command_of, day, topic_of
from pipeline.cli.csv_file import list_answer, table, takes_csv
from pipeline.lists import LISTS, ListKind, Question, run
from pipeline.work import Work

MONTHS_MAX = 600


def add(topics: Any) -> None:
    """The topic with a command a list."""
    topic = topic_of(topics, "list", "lists for the office")
    for kind in LISTS:
        parser = command_of(topic, kind.name, kind.text, _list)
        parser.set_defaults(list_kind=kind)
        for question in kind.questions:
            _ask(parser, question)
        takes_csv(parser)


def _ask(parser: argparse.ArgumentParser, question: Question) -> None:
    option = f"--{question.name}"
    match question.kind:
        case "flag":
            parser.add_argument(option, action="store_true", help=question.text)
        case "day":
            parser.add_argument(option, required=True, type=day, metavar="YYYY-MM-DD", help=question.text)
        case "months":
            parser.add_argument(option, required=True, type=_months, metavar="N", help=question.text)


def _months(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MONTHS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of months from 1 to {MONTHS_MAX}")
    return int(text)


def _list(work: Work, options: Namespace) -> Answer:
    kind: ListKind = options.list_kind
    answers = {question.name: getattr(options, question.name.replace("-", "_")) for question in kind.questions}
    rows = run(work, kind=kind, answers=answers)
    text = table(kind.columns, rows) if rows else f"{kind.name}: none"
    return list_answer(work, options, name=kind.name, columns=kind.columns, rows=rows, text=text)
