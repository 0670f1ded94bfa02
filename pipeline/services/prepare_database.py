"""The billing database made ready: tables up to date, the business clock in its place."""

from pipeline.errors import Inconsistent, OperatorError
from pipeline.services.postgres import Databases
from pipeline.settings import Settings
from pipeline.utility_files import load_folder
from sql.clock import install_clock
from sql.engine import make_engine
from sql.migrate import MigrationChanged, migrate


def run(settings: Settings, *, found: Databases) -> list[str]:
    """Migrate and install the clock; the names of the migrations that ran. Done again, it changes nothing.

    Raises:
        DataRefused: the utility's folder cannot be used.
        Inconsistent: ``MIGRATION_CHANGED``, the database was made by other migrations than these.
        OperatorError: ``UTILITY_OTHER_KIND``, a demo's database for a real utility, or the reverse.
    """
    is_demo = load_folder(settings.utility, seller_needed=False).utility.is_demo
    try:
        names = migrate(owner_url=found.owner_url)
    except MigrationChanged as error:
        raise Inconsistent("MIGRATION_CHANGED", str(error)) from None
    engine = make_engine(found.owner_url)
    try:
        with engine.begin() as connection:
            marked = install_clock(connection, is_demo=is_demo)
    finally:
        engine.dispose()
    if marked is not is_demo:
        kinds = ("a demo's", "a real utility's") if marked else ("a real utility's", "a demo's")
        raise OperatorError("UTILITY_OTHER_KIND", f"this is {kinds[0]} database, {settings.utility.name} is {kinds[1]}")
    return names
