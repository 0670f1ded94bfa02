"""The gate before a cycle: it bills by tariffs that were there at the start or that a person has switched on."""

from sqlalchemy import Connection

from pipeline.errors import OperatorError
from pipeline.utility_files import LoadedUtility
from sql.corrections import found
from sql.tariffs import issued_cycles, newest_switch, tariff_states


def refuse_unswitched(connection: Connection, loaded: LoadedUtility) -> None:
    """Refuse a tariff file that nobody has switched on, an edited one among them; before the first issue all are free.

    Raises:
        OperatorError: ``TARIFF_NOT_SWITCHED_ON``; ``TARIFF_FILE_GONE``, the tariff switched on last is not among them.
    """
    last = newest_switch(connection)
    if last is not None and not last.is_corrected and last.tariff_sha256 not in loaded.tariff_sha256s:
        command = f"obieg tariff switch-on {last.name}"
        text = f"tariffs/{last.name} as it was switched on is not there; put it back with: {command} --note …"
        raise OperatorError("TARIFF_FILE_GONE", text)
    if issued_cycles(connection):
        _refuse(unswitched(connection, loaded))


def refuse_other_than_corrected(connection: Connection, loaded: LoadedUtility) -> None:
    """The gate before a correction of prices: a new file must begin on the day of a tariff that was billed by.

    Who approves the run takes responsibility for the file; once the run is issued, every cycle bills by it.

    Raises:
        OperatorError: ``TARIFF_NOT_SWITCHED_ON``.
    """
    known = {row.tariff_from for row in found(connection, "billed_tariff_days")}
    begins = {tariff.name: tariff.valid_from for tariff in loaded.tariffs.tariffs}
    _refuse([name for name in unswitched(connection, loaded) if begins[name] not in known])


def unswitched(connection: Connection, loaded: LoadedUtility) -> list[str]:
    """The tariff files that no issued cycle has billed by and that nobody has switched on."""
    states = tariff_states(connection, sha256s=loaded.tariff_sha256s)
    return [
        name
        for sha256, kind, name, _ in loaded.files
        if kind == "tariff" and not states[sha256].billed and states[sha256].switched_by is None
    ]


def _refuse(unknown: list[str]) -> None:
    if unknown:
        text = f"tariffs/{', tariffs/'.join(unknown)}: new or edited, and nobody switched it on"
        raise OperatorError("TARIFF_NOT_SWITCHED_ON", f"{text}; move it to tariffs/planned/, see obieg tariff --help")
