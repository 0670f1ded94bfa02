"""The utility's folder as the imports need it: its terms and tariffs, also before its seller is known."""

from billing.errors import DataRefused
from billing.tariff_files import load_tariff
from billing.tariffs import TariffBook
from billing.utility import Utility, load_utility
from pipeline.settings import Settings


def read_utility(settings: Settings) -> Utility:
    """What ``utility.toml`` says.

    Raises:
        DataRefused: ``UTILITY_...``, it is missing or wrong.
    """
    path = settings.utility / "utility.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataRefused("UTILITY_UNREADABLE", f"{path}: {error.strerror}") from None
    return load_utility(text, name=settings.utility.name, seller_needed=False)


def read_tariffs(settings: Settings, *, utility: Utility) -> TariffBook:
    """Every tariff of the utility.

    Raises:
        DataRefused: ``TARIFF_...``, one of the files is wrong.
    """
    files = sorted((settings.utility / "tariffs").glob("*.toml"))
    tariffs = tuple(load_tariff(file.read_bytes(), name=file.name, vat_model=utility.vat_model) for file in files)
    return TariffBook(tariffs=tariffs, vat_model=utility.vat_model)
