"""The person who gives a command."""

import os
import pwd
from argparse import Namespace

from pipeline.cli.through_airflow import session
from pipeline.settings import Settings
from pipeline.work import Actor


def acting(settings: Settings, options: Namespace) -> Actor:
    """The Airflow log-in that ``--as`` names, once Airflow has taken its password; else the person at the keyboard.

    Raises:
        OperatorError: ``LOGIN_REFUSED``, ``LOGIN_UNKNOWN`` or ``AIRFLOW_NOT_RUNNING``.
        Unavailable: ``AIRFLOW_UNREACHABLE``.
    """
    log_in = getattr(options, "acting_as", None)
    if log_in is None:
        return person()
    with session(settings, log_in):
        return Actor(name=log_in, via="airflow")


def person() -> Actor:
    """The operating-system user who runs the command; no variable changes that."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid-{uid}"  # a container may have no account for its number
    return Actor(name=name, via="cli")
