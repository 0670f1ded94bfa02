"""tariff check: everything that a planned tariff lacks, at once; nothing is written."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from billing.accounts import Channel, Service
from billing.errors import DataRefused
from billing.priced_year import Buying, PointKind, PricedYear
from billing.tariff_decision import TariffProblem, decision_problems
from pipeline.tariff_folder import Candidate, find_file, read_candidate
from pipeline.work import Work, warsaw_day
from sql.clock import business_now
from sql.tariffs import kinds_in_use


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
        used = kinds_in_use(connection, today=today, on_day=candidate.tariff.valid_from)
    return (*decision_problems(tariff=candidate.tariff, today=today), *_gaps(candidate, used))


def _gaps(candidate: Candidate, used: set[tuple[PointKind, Buying]]) -> Iterator[TariffProblem]:
    start = candidate.tariff.valid_from
    present = PricedYear(book=candidate.present, start=start)
    planned = PricedYear(book=candidate.planned, start=start)
    lacking = set()
    for kind, buying in used:
        others = (replace(buying, channel=channel) for channel in Channel if channel is not buying.channel)
        for asked in (buying, *(one for one in others if present.group(kind, one))):
            for service in kind.services & {Service.WATER, Service.SEWAGE}:
                needed = asked is buying or present.metered(kind, asked, service=service)
                if needed and not planned.metered(kind, asked, service=service):
                    lacking.add((_named(kind, asked), service))
            if planned.standing((kind,), asked) is None:
                lacking.add((_named(kind, asked), Service.STANDING))
    for who, service in sorted(lacking, key=lambda one: (one[1] is Service.STANDING, one)):
        yield _gap(candidate, f"{service} for {who}")


def _named(kind: PointKind, buying: Buying) -> str:
    meter = f" with {kind.diameter_mm} mm" if kind.diameter_mm else ""
    return f"{kind.tariff_class}{meter} by {buying.channel}"


def _gap(candidate: Candidate, what: str) -> TariffProblem:
    return TariffProblem(code="TARIFF_GAP", text=f"{candidate.tariff.name}: {what} is used and has no price")
