"""Secrets of an installation, made once at set-up, each in a file that only its owner reads."""

import json
import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.settings import Settings

USERS = {"operator": "user", "approver": "user", "auditor": "viewer", "admin": "admin"}
"""Airflow log-ins and their roles; the same list stands in ``airflow.cfg``."""

_SECRETS = {
    "fernet_key": "AIRFLOW__CORE__FERNET_KEY",
    "jwt_secret": "AIRFLOW__API_AUTH__JWT_SECRET",
    "api_secret_key": "AIRFLOW__API__SECRET_KEY",
}


def passwords_file(*, home: Path) -> Path:
    """The file that Airflow reads the log-ins' passwords from: one JSON object, log-in to password."""
    return home / "secrets" / "airflow-passwords.json"


def make_secrets(*, home: Path) -> dict[str, str]:
    """Make what is missing; the environment variables that hand the secrets to Airflow's services."""
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    environ = {
        variable: _made_once(folder / name, urlsafe_b64encode(os.urandom(32)).decode())
        for name, variable in _SECRETS.items()
    }
    fresh = json.dumps({user: secrets.token_urlsafe(12) for user in USERS})
    _made_once(passwords_file(home=home), fresh)
    return {**environ, "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(home=home))}


def password_of(settings: Settings, user: str) -> str:
    """Password of an Airflow log-in of this installation.

    Raises:
        OperatorError: ``LOGIN_UNKNOWN``, there is no such log-in or the installation was never set up.
    """
    file = passwords_file(home=settings.home)
    try:
        passwords: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return passwords[user]
    except FileNotFoundError:
        raise OperatorError("LOGIN_UNKNOWN", f"{file} is missing; start the services once (`make up`)") from None
    except KeyError:
        raise OperatorError("LOGIN_UNKNOWN", f"{file} holds no password of {user!r}") from None


def _made_once(file: Path, value: str) -> str:
    """The secret in ``file``; written whole under another name first, so that none is ever half there."""
    if not file.exists():
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as output:
            output.write(value)
        try:
            os.link(draft, file)
        except FileExistsError:
            pass  # another process was quicker, its value counts
        finally:
            draft.unlink()
    return file.read_text(encoding="utf-8")
