"""Commands for what comes in: registry, readings, consents."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline import collect
from pipeline import convert as conversion
from pipeline import derive as derivation
from pipeline import import_consents as consents
from pipeline import import_registry as registry
from pipeline.cli.answer import Answer, counts_answer, shown
from pipeline.errors import OperatorError
from pipeline.settings import Settings
from pipeline.work import Work

_AFTER = "nothing is written: mend them, use `obieg change`, or load the others with --set-aside"


def import_registry(work: Work, options: Namespace) -> Answer:
    """``obieg registry import FOLDER``: what differs from the registry is shown before anything is written."""
    folder = _folder(options.folder)
    if options.preview:
        found = registry.preview(work, folder=folder)
        return Answer(text="\n".join(_previewed(folder, found)), data=found)
    done = registry.run(work, folder=folder, set_aside=options.set_aside)
    if done.get("differences"):
        for line in _told(done["differences"]):
            sys.stderr.write(f"{shown(line)}\n")
        raise OperatorError(
            "REGISTRY_DIFFERS", f"{len(done['differences'])} row(s) contradict the registry or each other; {_AFTER}"
        )
    return _taken(f"registry of {folder}", done)


def _previewed(folder: Path, found: dict[str, Any]) -> list[str]:
    counts = {name: value for name, value in found.items() if name != "differences"}
    return [counts_answer(f"registry of {folder}, nothing written", counts).text, *_told(found["differences"])]


def _told(differences: list[dict[str, Any]]) -> list[str]:
    return [f"{one['file']} line {one['line_no']}: {one['difference']}" for one in differences]


def derive(_settings: Settings, options: Namespace) -> Answer:
    """``obieg registry derive FILE OUT``."""
    file = _file(options.file)
    counts = derivation.run(
        file=file,
        folder=options.out,
        removal=options.removal,
        tariff_class=options.tariff_class,
        route=options.route,
    )
    return counts_answer(f"starter registry in {options.out}", counts)


def import_readings(work: Work, options: Namespace) -> Answer:
    """``obieg readings import FILE``."""
    file = _file(options.file)
    return _taken(f"readings of {file}", collect.run(work, file=file, profile=options.profile))


def import_consents(work: Work, options: Namespace) -> Answer:
    """``obieg consent import FILE``."""
    file = _file(options.file)
    return _taken(f"consents of {file}", consents.run(work, file=file))


def convert(work: Work, _options: Namespace) -> Answer:
    """``obieg consent convert``."""
    return counts_answer("consents converted", conversion.run(work))


def _taken(title: str, counts: dict[str, Any]) -> Answer:
    """A file that is refused as a whole is a value for the import, and a refusal for who asked for it."""
    if counts.get("refused"):
        code, _, text = str(counts["refusal"]).partition(": ")
        raise OperatorError(code, text)
    return counts_answer(title, counts)


def _file(path: Path) -> Path:
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{path}: {error.strerror}") from None
    if not is_file:
        raise OperatorError("FILE_MISSING", f"{path} is a folder" if is_folder else f"there is no file {path}")
    return path


def _folder(path: Path) -> Path:
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise OperatorError("FOLDER_MISSING", f"{path}: {error.strerror}") from None
    if not is_folder:
        raise OperatorError("FOLDER_MISSING", f"there is no folder {path}")
    return path
