"""The gate before a cycle: it bills by tariffs that were there at the start or that a person has switched on."""

from sqlalchemy import Connection

from pipeline.errors import OperatorError
from pipeline.utility_files import LoadedUtility
from sql.tariffs import issued_cycles, newest_switch, tariff_states


def refuse_unswitched(connection: Connection, loaded: LoadedUtility) -> None:
    """Refuse a tariff file that nobody has switched on, an edited one among them; before the first issue all are free.

    Raises:
        OperatorError: ``TARIFF_NOT_SWITCHED_ON``; ``TARIFF_FILE_GONE``, the tariff switched on last is not among them.
    """
    last = newest_switch(connection)
    if last is not None and last.tariff_sha256 not in loaded.tariff_sha256s:
        command = f"obieg tariff switch-on {last.name}"
        text = f"tariffs/{last.name} as it was switched on is not there; put it back with: {command} --note …"
        raise OperatorError("TARIFF_FILE_GONE", text)
    if not issued_cycles(connection):
        return
    states = tariff_states(connection, sha256s=loaded.tariff_sha256s)
    unknown = [
        name
        for sha256, kind, name, _ in loaded.files
        if kind == "tariff" and not states[sha256].billed and states[sha256].switched_by is None
    ]
    if unknown:
        text = f"tariffs/{', tariffs/'.join(unknown)}: new or edited, and nobody switched it on"
        raise OperatorError("TARIFF_NOT_SWITCHED_ON", f"{text}; move it to tariffs/planned/, see obieg tariff --help")
