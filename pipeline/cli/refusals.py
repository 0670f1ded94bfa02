"""Whatever stops a command, as one line on stderr and an exit code; a bug keeps its traceback and ends with 1."""

import errno
import os
import sys
from collections.abc import Callable

import psycopg2
from psycopg2.errors import InsufficientPrivilege, NumericValueOutOfRange, ReadOnlySqlTransaction
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
    except BrokenPipeError:  # the reader of our output has gone; nothing is left to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (UnicodeError, OSError, DBAPIError, psycopg2.Error) as error:
        return _refuse(_line_of(error), REFUSED)
    except KeyboardInterrupt:
        return _refuse("INTERRUPTED: stopped; the step under way left nothing behind", INTERRUPTED)


def _line_of(error: Exception) -> str:
    """What a request that nobody can carry out is told; anything else is a bug and goes on."""
    driven = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driven, _NO_RIGHT):
        return f"NOT_PERMITTED: the database refuses: {_said(driven)}"
    if isinstance(driven, NumericValueOutOfRange):
        return "NUMBER_OUT_OF_RANGE: a number is larger than any that is kept"
    if isinstance(driven, UnicodeError):
        return "TEXT_UNREADABLE: a word or a file is no UTF-8 text"
    if isinstance(driven, OSError) and driven.errno == errno.ENAMETOOLONG:
        return "PATH_TOO_LONG: a path is longer than this system takes"
    raise error


def _said(error: BaseException | None) -> str:
    """The first line of what the driver said: the others may hold values."""
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def _refuse(line: str, code: int) -> int:
    sys.stderr.write(" ".join(line.split()) + "\n")
    return code
