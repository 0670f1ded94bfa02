"""The billing database: found, and made ready by hand."""

from argparse import Namespace

from pipeline.cli.answer import Answer
from pipeline.errors import OperatorError
from pipeline.services import prepare_database
from pipeline.services.postgres import Databases, databases
from pipeline.settings import Settings
from sql.engine import read_url


def found_databases(settings: Settings) -> Databases:
    """The databases that the settings name, or the embedded ones.

    Raises:
        OperatorError: ``DATABASE_URL``, a configured URL cannot be one; whatever ``databases`` raises.
    """
    named = {"OBIEG_DATABASE_URL": settings.database_url, "OBIEG_DATABASE_OWNER_URL": settings.database_owner_url}
    for variable, url in named.items():
        if url is None:
            continue
        scheme, separator, rest = url.partition("://")
        try:  # `databases` adds the driver where a URL names none
            read_url(f"postgresql+psycopg2{separator}{rest}" if scheme in {"postgres", "postgresql"} else url)
        except ValueError as error:
            raise OperatorError("DATABASE_URL", f"{variable} cannot be used: {error}") from None
    return databases(settings)


def prepare_command(settings: Settings, _options: Namespace) -> Answer:
    """``obieg database prepare``."""
    names = prepare_database.run(settings, found=found_databases(settings))
    text = f"ran {', '.join(names)}" if names else "the database is up to date"
    return Answer(text=text, data={"migrations": names})
