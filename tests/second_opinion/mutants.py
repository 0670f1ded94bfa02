"""The core with one fault in it: a copy of ``billing`` with a text replaced, imported in place of the sound one."""

import importlib
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pipeline.settings import PROJECT

BILLING = PROJECT / "billing"
NEEDED = (
    *("accounts", "canonical", "cases", "price_list_files", "price_lists"),
    *("rating", "tariff_files", "tariffs", "utility"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``wrong`` instead of ``right`` in a file of the core; ``caught_by`` names who finds it, none if nobody does."""

    name: str
    file: str
    right: str
    wrong: str
    caught_by: tuple[str, ...]
    why_not: str = ""


def faults() -> list[Fault]:
    rows = tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))["fault"]
    return [Fault(**{**row, "caught_by": tuple(row["caught_by"])}) for row in rows]


@contextmanager
def billing_with(fault: Fault | None, folder: Path) -> Iterator[dict[str, ModuleType]]:
    """The modules of the faulty core by name; outside of the block everybody has the sound ones."""
    shutil.copytree(BILLING, folder / "billing", ignore=shutil.ignore_patterns("__pycache__"))
    if fault is not None:
        file = folder / fault.file
        text = file.read_text(encoding="utf-8")
        assert text.count(fault.right) == 1, fault
        file.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    sound = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "billing"}
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        modules = {name: importlib.import_module(f"billing.{name}") for name in NEEDED}
        assert Path(str(modules["rating"].__file__)).is_relative_to(folder)
        yield modules
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "billing"]:
            del sys.modules[name]
        sys.modules.update(sound)
