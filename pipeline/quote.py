"""A quote: what an account described by hand would be billed, by the files alone. Needs no database."""

from dataclasses import dataclass
from pathlib import Path

from billing.accounts import Reading
from billing.cases import Case, read_case
from billing.charges import Bill, Hold
from billing.rating import bill
from billing.tariffs import TariffBook
from pipeline.settings import Settings
from pipeline.utility_files import load_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A described account, the tariffs that it was rated by, and the outcome."""

    case: Case
    tariffs: TariffBook
    outcome: Bill | Hold

    @property
    def bill(self) -> Bill | None:
        """The charges: also those of a buyer whose invoice has to go another way."""
        return self.outcome.draft if isinstance(self.outcome, Hold) else self.outcome

    @property
    def readings(self) -> dict[int, Reading]:
        """Every reading of the description, by its number."""
        points = self.case.account.points
        own = [register for point in points for register in point.registers]
        registers = own + [register for point in points for place in point.behind for register in place.registers]
        found = (one for item in registers for one in (item.previous, item.current, *item.between) if one)
        return {one.reading_id: one for one in found}


def run(settings: Settings, *, text: str, name: str, folder: Path) -> Quote:
    """Rate the account that ``text`` describes with the tariffs of the utility that it names.

    The utility is a folder beside the one of the settings, or a path from ``folder`` when its name begins with ``.``
    or ``/``.

    Raises:
        DataRefused: ``CASE_…``, or whatever is wrong with a file of the utility.
    """
    case = read_case(text, name=name)
    base = folder if case.utility.startswith((".", "/")) else settings.utility.parent
    tariffs = load_folder(base / case.utility, seller_needed=False).tariffs
    return Quote(case=case, tariffs=tariffs, outcome=bill(case.account, tariffs, case.cycle))
