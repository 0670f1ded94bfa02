"""The billing database made ready: tables up to date, the business clock in its place."""

from argparse import Namespace

from pipeline.cli.answer import Answer
from pipeline.errors import OperatorError
from pipeline.postgres import Databases, databases
from pipeline.settings import Settings
from pipeline.utility_files import load_folder
from sql.clock import install_clock
from sql.engine import make_engine
from sql.migrate import MigrationChanged, migrate


def prepare(settings: Settings, *, found: Databases) -> list[str]:
    """Migrate and install the clock; the names of the migrations that ran. Done again, it changes nothing.

    Raises:
        OperatorError: ``DATABASE_FOREIGN``, the database was made by other migrations than ours.
    """
    try:
        names = migrate(owner_url=found.owner_url)
    except MigrationChanged as error:
        raise OperatorError("DATABASE_FOREIGN", f"another version made this database: {error}") from None
    engine = make_engine(found.owner_url)
    try:
        with engine.begin() as connection:
            install_clock(connection, is_demo=load_folder(settings.utility, seller_needed=False).utility.is_demo)
    finally:
        engine.dispose()
    return names


def prepare_command(settings: Settings, _options: Namespace) -> Answer:
    """``obieg database prepare``."""
    names = prepare(settings, found=databases(settings))
    text = f"ran {', '.join(names)}" if names else "the database is up to date"
    return Answer(text=text, data={"migrations": names})
