"""Everything that is missing or wrong in a utility's folder, at once: nothing is stopped by the first fault.

A file that cannot be read gives one finding, and the others are checked all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from billing.errors import DataRefused
from billing.models import Models
from billing.price_list_files import load_price_list
from billing.price_lists import PriceBook
from billing.readiness import Finding, by_importance, fault_findings, finding, unless_refused
from billing.readiness_rounds import reading_findings, terms_findings
from billing.readiness_seller import seller_findings
from billing.readiness_tariffs import tariff_file, tariff_findings
from billing.sender import UNKNOWN, Mail, aligned
from billing.tariff_files import load_tariff
from billing.tariffs import Tariff
from billing.toml_fields import Fault
from billing.utility import Utility, load_utility
from delivery.addresses import smtp_address
from delivery.errors import NotSendable
from pipeline.errors import OperatorError
from pipeline.look import look_of
from readings.profile import read_profile

_EXAMPLE_CODES = {"TARIFF_NO_EXAMPLE", "TARIFF_EXAMPLE_WRONG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A file as far as it could be read."""

    tariff: Tariff | None
    refused: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        """Whether its prices can be judged together with those of other files."""
        return self.tariff is not None and all(one.code in _EXAMPLE_CODES for one in self.refused)


def run(*, folder: Path, on: date) -> tuple[Finding, ...]:
    """What is wrong with the utility in ``folder`` if it bills on that day; the most important first.

    Raises:
        OperatorError: ``FOLDER_MISSING``, there is no such folder.
    """
    if not folder.is_dir():
        raise OperatorError("FOLDER_MISSING", f"there is no folder {folder}")
    utility, found = _utility(folder)
    if utility is not None:
        judged = [
            *seller_findings(utility, on=on),
            *_mail_findings(utility.mail),
            *terms_findings(utility, texts=_texts(folder, utility), on=on),
            *reading_findings(utility),
            *_look_findings(folder, utility),
        ]
        found += unless_refused(judged, refused=found)
    models = utility.models if utility else Models()
    found = (*found, *_tariffs(folder, models, on=on), *_planned(folder, models), *_price_lists(folder))
    return by_importance([*found, *_profiles(folder)])


def _utility(folder: Path) -> tuple[Utility | None, tuple[Finding, ...]]:
    file, faults = "utility.toml", list[Fault]()
    try:
        text = (folder / file).read_bytes().decode()
        utility = load_utility(text, name=folder.name, faults=faults)
    except OSError as error:
        return None, (finding("UTILITY_MISSING", field="", message=f"{error.strerror}"),)
    except UnicodeDecodeError:
        return None, (finding("UTILITY_UNREADABLE", field="", message="the file is not UTF-8"),)
    except DataRefused as refused:
        return None, (_refused(refused, file=file), *fault_findings(faults, file=file))
    return utility, fault_findings(faults, file=file)


def _look_findings(folder: Path, utility: Utility) -> Iterator[Finding]:
    try:
        look_of(folder, utility)
    except DataRefused as refused:
        yield _refused(refused, file="utility.toml")


def _refused(refused: DataRefused, *, file: str) -> Finding:
    return finding(refused.code, file=file, field="", message=str(refused).removeprefix(f"{refused.code}: "))


def _tariffs(folder: Path, models: Models, *, on: date) -> Iterator[Finding]:
    files = [_tariff(path, models) for path in sorted(folder.glob("tariffs/*.toml"))]
    refused = [one for file in files for one in file.refused]
    tariffs = [file.tariff for file in files if file.tariff is not None]
    yield from refused
    complete = all(file.is_whole for file in files)
    yield from unless_refused(tariff_findings(tariffs, on=on, complete=complete), refused=refused)


def _tariff(path: Path, models: Models) -> _Read:
    file, faults = tariff_file(path.name), list[Fault]()
    try:
        tariff = load_tariff(path.read_bytes(), name=path.name, models=models, faults=faults)
    except OSError as error:
        message = f"{path.name}: {error.strerror}"
        return _Read(tariff=None, refused=(finding("TARIFF_UNREADABLE", file=file, field="", message=message),))
    except DataRefused as refused:
        return _Read(tariff=None, refused=(_refused(refused, file=file), *fault_findings(faults, file=file)))
    return _Read(tariff=tariff, refused=fault_findings(faults, file=file))


def _planned(folder: Path, models: Models) -> Iterator[Finding]:
    for path in sorted(folder.glob("tariffs/planned/*.toml")):
        refused = _tariff(path, models).refused
        if refused:
            message = f"{len(refused)} faults, the first: {refused[0].field}: {refused[0].message}"
            file = tariff_file(f"planned/{path.name}")
            yield finding("TARIFF_PLANNED_UNFINISHED", file=file, field="", message=message)


def _price_lists(folder: Path) -> Iterator[Finding]:
    lists = []
    for path in sorted(folder.glob("price-lists/*.toml")):
        file, faults = f"price-lists/{path.name}", list[Fault]()
        try:
            lists.append(load_price_list(path.read_bytes(), name=path.name, faults=faults))
        except OSError as error:
            yield finding("PRICE_LIST_UNREADABLE", file=file, field="", message=f"{path.name}: {error.strerror}")
        except DataRefused as refused:
            yield _refused(refused, file=file)
        yield from fault_findings(faults, file=file)
    try:
        PriceBook(lists=tuple(lists))
    except DataRefused as refused:
        yield _refused(refused, file="price-lists")


def _profiles(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.glob("profiles/*.toml")):
        try:
            read_profile(path.read_bytes().decode())
        except (OSError, UnicodeDecodeError):
            message = "the file cannot be read"
        except DataRefused as refused:
            message = str(refused).removeprefix(f"{refused.code}: ")
        else:
            continue
        yield finding("PROFILE_WRONG", file=f"profiles/{path.name}", field="", message=message)


def _texts(folder: Path, utility: Utility) -> dict[str, str]:
    """The terms that are there, by their file; one that is missing is left out."""
    found: dict[str, str] = {}
    for version in utility.terms:
        try:
            found[version.file] = (folder / version.file).read_text(encoding="utf-8")
        except (OSError, ValueError):  # not there, not UTF-8, or no name of a file
            continue
    return found


def _mail_findings(mail: Mail) -> Iterator[Finding]:
    for field in ("sender_address", "reply_to"):
        address = getattr(mail, field)
        if not _is_address(address):
            yield finding("MAIL_ADDRESS", field=f"mail.{field}", message=f"{address!r} is no usable address")
    id_domain, domain = mail.message_id_domain, _domain(mail.sender_address)
    if not _is_address(f"x@{id_domain}"):
        yield finding("MESSAGE_ID_DOMAIN", field="mail.message_id_domain", message=f"{id_domain!r} is no domain")
    elif domain and not aligned(id_domain, domain):
        message = f"Message-IDs of {id_domain}, sender of {domain}"
        yield finding("SENDER_DOMAIN", field="mail.message_id_domain", message=message)
    yield from _dkim_findings(mail, domain)


def _dkim_findings(mail: Mail, domain: str | None) -> Iterator[Finding]:
    selector, signer = mail.dkim_selector, mail.dkim_domain
    if selector is None and signer is None:
        yield finding("DKIM_NONE", field="mail.dkim_selector", message="no key is named: mail may be rejected")
    elif selector is None or signer is None:
        missing = "dkim_selector" if selector is None else "dkim_domain"
        yield finding("DKIM_INCOMPLETE", field=f"mail.{missing}", message="the key has a half of its name only")
    elif not _is_address(f"x@{selector}.{signer}") or not _is_address(f"x@{signer}"):
        message = f"{selector}._domainkey.{signer} is no name in DNS"
        yield finding("DKIM_INCOMPLETE", field="mail.dkim_domain", message=message)
    elif domain and not aligned(signer, domain):
        message = f"the key is of {signer}, the sender of {domain}"
        yield finding("DKIM_NOT_ALIGNED", field="mail.dkim_domain", message=message)


def _domain(address: str) -> str | None:
    return address.rpartition("@")[2] if _is_address(address) else None


def _is_address(address: str) -> bool:
    try:
        smtp_address(address)
    except NotSendable:
        return False
    return UNKNOWN not in address.split("@")
