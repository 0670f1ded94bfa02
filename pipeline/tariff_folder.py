"""Tariffs that are not in force yet: ``<utility>/tariffs/planned/NAME.toml``, which no cycle reads."""

from dataclasses import dataclass, replace
from pathlib import Path

from billing.tariff_files import load_tariff
from billing.tariffs import Tariff, TariffBook
from pipeline.errors import OperatorError
from pipeline.settings import Settings
from pipeline.utility_files import LoadedUtility, load_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tariff that is sound by itself, the book in force without it, and the book with it."""

    tariff: Tariff
    content: bytes
    loaded: LoadedUtility
    present: TariffBook
    planned: TariffBook

    @property
    def book_sha256s(self) -> tuple[str, ...]:
        """The tariffs that it is compared with, by their first days."""
        return tuple(tariff.sha256 for tariff in self.present.tariffs)


def tariffs_folder(settings: Settings) -> Path:
    """Where the tariffs in force lie."""
    return settings.utility / "tariffs"


def planned_folder(settings: Settings) -> Path:
    """Where the planned ones lie."""
    return tariffs_folder(settings) / "planned"


def find_file(settings: Settings, file: Path) -> Path:
    """The file that a person names: as a path, or as a name in the planned folder.

    Raises:
        OperatorError: ``FILE_MISSING``.
    """
    found = next((path for path in (file, planned_folder(settings) / file.name) if path.is_file()), None)
    if found is None:
        raise OperatorError("FILE_MISSING", f"there is no file {file}, and no {planned_folder(settings) / file.name}")
    return found


def read_candidate(settings: Settings, file: Path) -> Candidate:
    """The tariff of a file beside those in force.

    Raises:
        OperatorError: ``FILE_MISSING``, it is not there or may not be read.
        DataRefused: ``TARIFF_…``, the file is unsound, or starts on the day of another tariff; ``UTILITY_…``.
    """
    path = find_file(settings, file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OperatorError("FILE_MISSING", f"{path}: {error.strerror}") from None
    return candidate_of(settings, content=content, name=path.name)


def candidate_of(settings: Settings, *, content: bytes, name: str) -> Candidate:
    """The tariff that ``content`` holds, beside those in force; raises ``DataRefused`` as ``read_candidate``."""
    loaded = load_folder(settings.utility, seller_needed=False)
    tariff = load_tariff(content, name=name, models=loaded.utility.models)
    others = tuple(other for other in loaded.tariffs.tariffs if other.sha256 != tariff.sha256)
    return Candidate(
        tariff=tariff,
        content=content,
        loaded=loaded,
        present=replace(loaded.tariffs, tariffs=others),
        planned=replace(loaded.tariffs, tariffs=(*others, tariff)),
    )
