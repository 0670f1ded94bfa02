"""``obieg service``: what was done for a customer outside the tariff, until it stands on a bill."""

from argparse import Namespace
from typing import Any

from pipeline import extra_services
from pipeline.cli.answer import Answer
from pipeline.cli.commands import command_of, day, number, topic_of
from pipeline.cli.csv_file import list_answer, table, takes_csv
from pipeline.work import Work

COLUMNS = ("service", "account_no", "point_no", "item_code", "quantity", "performed_on", "document", "cancelled_by")


def add(topics: Any) -> None:
    """The topic and its commands."""
    topic = topic_of(topics, "service", "services outside the tariff: sealing, materials, a check of the meter")
    new = command_of(topic, "add", "record a service that was done; the next bill of the account charges it", add_one)
    new.add_argument("account", metavar="ACCOUNT")
    new.add_argument("item", metavar="ITEM", help="code of the price list")
    new.add_argument("--quantity", required=True, type=number, metavar="N", help="in the unit of the item")
    new.add_argument("--on", required=True, type=day, metavar="YYYY-MM-DD", help="the day on which it was done")
    new.add_argument("--point", metavar="POINT", help="where, when it was at one point of the account")
    new.add_argument("--ordered-by", required=True, metavar="TEXT", help="who ordered it, and by which document")
    new.add_argument("--note", required=True, metavar="TEXT", help="what was done; kept")
    listing = command_of(topic, "list", "the services that wait for their bill", list_all)
    listing.add_argument("--account", metavar="ACCOUNT")
    listing.add_argument("--all", action="store_true", help="billed and cancelled ones too")
    takes_csv(listing)
    drop = command_of(topic, "cancel", "take back a service that is not billed", cancel_one)
    drop.add_argument("service", type=int, metavar="SERVICE")
    drop.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with the decision")


def add_one(work: Work, options: Namespace) -> Answer:
    """``obieg service add ACCOUNT ITEM``."""
    done = extra_services.add(
        work,
        account_no=options.account,
        item_code=options.item,
        quantity=options.quantity,
        performed_on=options.on,
        point_no=options.point,
        ordered_by=options.ordered_by,
        note=options.note,
    )
    text = f"service {done['service']}: {options.quantity} × {options.item} for {options.account}, on its next bill"
    return Answer(text=text, data=done)


def list_all(work: Work, options: Namespace) -> Answer:
    """``obieg service list``."""
    rows = extra_services.listed(work, account_no=options.account, only_open=not options.all)
    text = table(COLUMNS, rows) if rows else "no service waits for a bill"
    return list_answer(work, options, name="services", columns=COLUMNS, rows=rows, text=text)


def cancel_one(work: Work, options: Namespace) -> Answer:
    """``obieg service cancel SERVICE``."""
    done = extra_services.cancel(work, service_id=options.service, reason=options.reason)
    return Answer(text=f"service {done['service']} of {done['account_no']} is cancelled", data=done)
