"""``make run``: three months of the demo town, through Airflow's scheduler, from reading files to delivered invoices.

The first run sets everything up; a later one only prints the statements again. One cut short is continued.
"""

import json
import sys
import time
from pathlib import Path

from delivery.mailbox import Mailbox
from pipeline import get_document, statement
from pipeline.cli.person import person
from pipeline.cli.refusals import guarded
from pipeline.demo.cycles import MONTHS, bill_month, open_demo, settle_town
from pipeline.errors import OperatorError
from pipeline.services.postgres import databases
from pipeline.services.run import running, services
from pipeline.settings import Settings, read_settings
from pipeline.utility_files import load_folder
from pipeline.work import Work, open_work
from sql import views


def main() -> int:
    """Run the demo, or print its statements if it has run; exit codes as the command ``obieg``."""
    return guarded(lambda: _demonstrate(read_settings()))


def _demonstrate(settings: Settings) -> int:
    if not load_folder(settings.utility).utility.is_demo:
        raise OperatorError("DEMO_ONLY", f"{settings.utility} is no demo utility; see `make up` and `obieg --help`")
    has_run = _marker(settings).is_file()
    if not has_run:
        _run_all(settings)
    keys: list[str] = json.loads(_marker(settings).read_text(encoding="utf-8"))["cycles"]
    with open_work(settings=settings, database_url=databases(settings).app_url, actor=person()) as work:
        for key in keys if has_run else ():
            _tell("\n" + statement.statement(work, cycle_key=key).text())
        _tell_where(work, keys[-1])
    return 0


def _run_all(settings: Settings) -> None:
    begun, were_up = time.monotonic(), running(settings) is not None
    with services(settings, tell=_tell) as found, open_demo(found, tell=_tell) as demo:
        settle_town(demo)
        keys = [bill_month(demo, number=number, month=month) for number, month in enumerate(MONTHS, start=1)]
    _marker(settings).write_text(json.dumps({"cycles": keys}), encoding="utf-8")
    ended = "the services run on" if were_up else "every service is stopped again"
    _tell(f"\n{len(keys)} cycles in {time.monotonic() - begun:.0f} s; {ended}.")


def _tell_where(work: Work, key: str) -> None:
    with work.engine.connect() as connection:
        mailed = views.mailed_invoice(connection, cycle_key=key)
        packages = views.print_packages(connection, cycle_key=key)
    _tell("\nTo look at:")
    if mailed is not None:
        pdf = _taken_out(work, mailed["invoice_no"])
        copies = Mailbox(path=work.settings.mailbox).find(message_id=mailed["message_id"])
        _tell(f"  invoice {mailed['invoice_no']} as PDF     {pdf}")
        _tell(f"  its e-mail to {mailed['address']}  {copies[0].path if copies else 'not in the local mailbox'}")
        _tell(f"  every line of it          .venv/bin/obieg invoice explain {mailed['invoice_no']}")
    for package in packages:
        _tell(f"  print package of {package['letters']} letters  {work.settings.home / package['path']}")
    _tell("  in Airflow                make up   (addresses and log-ins; make down stops it)")


def _taken_out(work: Work, invoice_no: str) -> Path:
    """The invoice's document as a file, taken out of its pack in the archive."""
    content = get_document.read(work, invoice_no=invoice_no)
    path = work.settings.exports / "documents" / f"{invoice_no.replace('/', '-')}.pdf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _marker(settings: Settings) -> Path:
    return settings.home / "run" / "demo.json"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
