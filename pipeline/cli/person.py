"""The person at the command line."""

import os
import pwd

from pipeline.work import Actor


def person() -> Actor:
    """The operating-system user who runs the command; no flag and no variable changes that."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid-{uid}"  # a container may have no account for its number
    return Actor(name=name, via="cli")
