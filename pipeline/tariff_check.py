"""tariff check: everything that a planned tariff lacks, at once; nothing is written."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from billing.accounts import Channel, Service
from billing.errors import DataRefused
from billing.priced_year import PricedYear
from billing.tariff_decision import TariffProblem, decision_problems
from pipeline.tariff_folder import Candidate, find_file, read_candidate
from pipeline.work import Work, warsaw_day
from sql.clock import business_now
from sql.tariffs import classes_in_use

Use = tuple[str, Channel, Service]


def run(work: Work, *, file: Path) -> tuple[TariffProblem, ...]:
    """What keeps the tariff from being switched on as far as file and registry tell; none when nothing does.

    ``TARIFF_GAP``: customers under contract on its first day use a service that the tariff does not price for their
    class, by their channel or by another that the present tariff prices. An unsound file is one problem, with the code
    of its refusal.

    Raises:
        OperatorError: ``FILE_MISSING``.
        DataRefused: ``UTILITY_…``.
    """
    try:
        candidate = read_candidate(work.settings, file)
    except DataRefused as refusal:
        if not refusal.code.startswith("TARIFF_"):
            raise
        text = str(refusal).removeprefix(f"{refusal.code}: ")
        return (TariffProblem(code=refusal.code, text=f"{find_file(work.settings, file).name}: {text}"),)
    with work.engine.connect() as connection:
        today = warsaw_day(business_now(connection))
        used = classes_in_use(connection, today=today, on_day=candidate.tariff.valid_from)
    return (*decision_problems(tariff=candidate.tariff, today=today), *_gaps(candidate, used))


def _gaps(candidate: Candidate, used: set[Use]) -> Iterator[TariffProblem]:
    start = candidate.tariff.valid_from
    present = PricedYear(book=candidate.present, start=start)
    planned = PricedYear(book=candidate.planned, start=start)
    channels = {use[:2] for use in used} | {
        (name, channel)
        for name in {use[0] for use in used}
        for channel in Channel
        if present.group(tariff_class=name, channel=channel)
    }
    for (name, channel), service in product(sorted(channels), (Service.WATER, Service.SEWAGE)):
        is_used = any(use[0] == name and use[2] == service for use in used)
        needed = (name, channel, service) in used or (is_used and _is_priced(present, name, channel, service))
        if needed and not _is_priced(planned, name, channel, service):
            yield _gap(candidate, f"{service} for {name} by {channel}")
    for name, channel in sorted(channels):
        if planned.standing(tariff_classes=(name,), channel=channel) is None:
            yield _gap(candidate, f"{Service.STANDING} for {name} by {channel}")


def _is_priced(year: PricedYear, name: str, channel: Channel, service: Service) -> bool:
    return year.metered(tariff_class=name, channel=channel, service=service) is not None


def _gap(candidate: Candidate, what: str) -> TariffProblem:
    return TariffProblem(code="TARIFF_GAP", text=f"{candidate.tariff.name}: {what} is used and has no price")
