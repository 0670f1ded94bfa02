"""The billing database made ready by hand."""

from argparse import Namespace

from pipeline import prepare_database
from pipeline.cli.answer import Answer
from pipeline.postgres import databases
from pipeline.settings import Settings


def prepare_command(settings: Settings, _options: Namespace) -> Answer:
    """``obieg database prepare``."""
    names = prepare_database.run(settings, found=databases(settings))
    text = f"ran {', '.join(names)}" if names else "the database is up to date"
    return Answer(text=text, data={"migrations": names})
