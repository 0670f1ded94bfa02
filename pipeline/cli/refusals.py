"""Whatever stops a command, as one line on stderr and an exit code; a bug keeps its traceback and ends with 1."""

import os
import sys
from collections.abc import Callable

import psycopg2
from psycopg2.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from sqlalchemy.exc import DBAPIError, OperationalError

from billing.errors import DataRefused, Retryable, Undeliverable
from pipeline.errors import Inconsistent, OperatorError, Unavailable

REFUSED, INCONSISTENT, UNAVAILABLE, INTERRUPTED = 2, 3, 4, 130
_NO_RIGHT = (InsufficientPrivilege, ReadOnlySqlTransaction)


def guarded(command: Callable[[], int]) -> int:
    """The exit code of ``command``, or of what stopped it."""
    try:
        return command()
    except (OperatorError, DataRefused, Undeliverable) as error:
        return _refuse(str(error), REFUSED)
    except Inconsistent as error:
        return _refuse(str(error), INCONSISTENT)
    except (Unavailable, Retryable) as error:
        return _refuse(str(error), UNAVAILABLE)
    except OperationalError as error:
        return _refuse(f"DATABASE_UNREACHABLE: {_said(error.orig)}", UNAVAILABLE)
    except (DBAPIError, psycopg2.Error) as error:
        driven = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(driven, _NO_RIGHT):
            raise
        return _refuse(f"NOT_PERMITTED: the database refuses: {_said(driven)}", REFUSED)
    except KeyboardInterrupt:
        return _refuse("INTERRUPTED: stopped; the step under way left nothing behind", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has gone; nothing is left to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _said(error: BaseException | None) -> str:
    """The first line of what the driver said: the others may hold values."""
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def _refuse(line: str, code: int) -> int:
    sys.stderr.write(" ".join(line.split()) + "\n")
    return code
