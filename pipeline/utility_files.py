"""The utility's folder: read whole, checked whole, or refused with one clear line."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from billing.errors import DataRefused
from billing.price_list_files import load_price_list
from billing.price_lists import PriceBook
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook
from billing.utility import Utility, load_utility

InputFile = tuple[str, str, str, bytes]
"""sha256, kind (``utility``, ``tariff`` or ``price_list``), name, content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedUtility:
    """A utility and its tariffs, with the files that they were read from."""

    utility: Utility
    tariffs: TariffBook
    files: tuple[InputFile, ...]

    @property
    def tariff_sha256s(self) -> tuple[str, ...]:
        """Hashes of the tariff files, in order."""
        return tuple(sha256 for sha256, kind, _, _ in self.files if kind == "tariff")


def load_folder(folder: Path, *, seller_needed: bool = True) -> LoadedUtility:
    """The utility in ``folder``: ``utility.toml``, ``tariffs/*.toml`` and, if there are any, ``price-lists/*.toml``.

    Raises:
        DataRefused: ``UTILITY_MISSING``, or whatever is wrong with one of the files.
    """
    paths = [
        ("utility", folder / "utility.toml"),
        *(("tariff", path) for path in sorted(folder.glob("tariffs/*.toml"))),
        *(("price_list", path) for path in sorted(folder.glob("price-lists/*.toml"))),
    ]
    try:
        files = [_file(kind, path, path.read_bytes()) for kind, path in paths]
    except OSError as error:
        raise DataRefused("UTILITY_MISSING", f"{error.filename}: {error.strerror}") from error
    return load_files(files, name=folder.name, seller_needed=seller_needed)


def load_files(files: Sequence[InputFile], *, name: str, seller_needed: bool = True) -> LoadedUtility:
    """The utility that ``files`` describe: those of a folder, or those that a cycle has frozen.

    Raises:
        DataRefused: see ``load_folder``.
    """
    try:
        text = next(content for _, kind, _, content in files if kind == "utility").decode()
    except UnicodeDecodeError as error:
        raise DataRefused("UTILITY_UNREADABLE", f"{name}/utility.toml is not UTF-8: {error.reason}") from error
    utility = load_utility(text, name=name, seller_needed=seller_needed)
    tariffs = tuple(
        load_tariff(content, name=path, models=utility.models) for _, kind, path, content in files if kind == "tariff"
    )
    lists = tuple(load_price_list(content, name=path) for _, kind, path, content in files if kind == "price_list")
    book = TariffBook(tariffs=tariffs, models=utility.models, price_book=PriceBook(lists=lists))
    return LoadedUtility(utility=utility, tariffs=book, files=tuple(files))


def _file(kind: str, path: Path, content: bytes) -> InputFile:
    return hashlib.sha256(content).hexdigest(), kind, path.name, content
