"""NOT the way Obieg works: the obvious way to do three of its stages, measured by the bench for comparison only.

One statement for each row and fact, one connection for each message. What is written is rolled back.
"""

import csv
import smtplib
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from billing.accounts import AccountSnapshot
from billing.canonical import content_sha256
from billing.charges import Bill, ChargeLine
from billing.invoices import Invoice
from billing.polish import format_date, format_zl
from billing.rating import bill
from delivery.relay import parse_smtp_url
from pipeline.cycles import frozen_utility
from pipeline.documents import archive_of, stored_document
from pipeline.read_back import read_back
from pipeline.work import Work
from sql.cycles import Cycle, find_cycle

_PLACE = text("""
    select i.installation_id, i.meter_id, i.register, i.dials
    from installation i join meter m using (meter_id) join point p using (point_id)
    where m.meter_no = :meter_no and p.point_no = :service_point order by i.installed_on desc limit 1
""")
_LAST = text("""
    select index_m3 from reading
    where installation_id = :installation_id and state = 'VALID' and index_m3 is not null
    order by read_on desc, reading_id desc limit 1
""")
_SAME = text("""
    select 1 from reading
    where meter_id = :meter_id and register = :register and read_at = :read_at and source = :source
""")
_NEW_FILE = text("""
    insert into import_file (kind, name, sha256, size_bytes, profile, status, rows, accepted, accepted_warn,
                             quarantined, rejected, duplicate, event_at, recorded_by)
    values ('readings', 'naive.csv', repeat('0', 64), 0, 'standard', 'accepted', 0, 0, 0, 0, 0, 0, now(), 'bench')
    returning file_id
""")
_NEW_ROW = text("insert into import_row (file_id, line_no, raw, outcome) values (:file_id, :line_no, :raw, 'ACCEPTED')")
_NEW_READING = text("""
    insert into reading (installation_id, meter_id, register, read_at, read_on, source, quality, index_m3,
                         index_received, unit_received, reason_code, state, external_id, file_id, line_no)
    values (:installation_id, :meter_id, :register, :read_at, :read_on, :source, :quality, :index_m3,
            :index_received, 'm3', :reason_code, :state, :external_id, :file_id, :line_no)
""")
_ACCOUNTS = text("""
    select account_id from snapshot_account where cycle_id = :cycle_id order by account_id limit :sample
""")
_FACTS = (
    text("""
        select a.account_no, d.bank_account, p.channel, p.consent_id, e.address, e.state
        from account a
        join account_details d on d.account_id = a.account_id and d.valid @> cast(:day as date)
        left join delivery_preference p on p.account_id = a.account_id and p.valid @> cast(:day as date)
        left join email_address e on e.account_id = a.account_id and e.valid @> cast(:day as date)
        where a.account_id = :account_id
    """),
    text("""
        select ap.role, p.party_no, d.kind, d.name, d.nip, d.street, d.postcode, d.city
        from account_party ap join party p using (party_id)
        join party_details d on d.party_id = p.party_id and d.valid @> cast(:day as date)
        where ap.account_id = :account_id and ap.valid @> cast(:day as date)
    """),
    text("""
        select c.contract_no, t.tariff_class, t.services, c.valid, p.point_id, p.point_no, p.street, p.city
        from contract c join contract_terms t using (contract_id) join point p using (point_id)
        where c.account_id = :account_id
    """),
)
_METERS = text("""
    select i.installation_id, m.meter_no, i.register, i.dials, i.decimals, i.installed_on, i.removed_on
    from contract c join installation i using (point_id) join meter m using (meter_id)
    where c.account_id = :account_id
""")
_READINGS = text("""
    select reading_id, read_on, index_m3, source, quality, state from reading
    where installation_id = :installation_id order by read_on desc limit 5
""")
_SNAPSHOT = text("select content from snapshot_account where cycle_id = :cycle_id and account_id = :account_id")
_NEW_CHARGE = text("""
    insert into charge (cycle_id, account_id, channel, net_zl, vat_zl, gross_zl, sha256)
    values (:cycle_id, :account_id, :channel, :net_zl, :vat_zl, :gross_zl, :sha256) returning charge_id
""")
_NEW_LINE = text("""
    insert into charge_line (charge_id, line_no, point_id, service, description, period, meter_no,
                             previous_reading_id, current_reading_id, previous_index_m3, current_index_m3, quantity,
                             unit, price_zl, net_zl, vat_rate, tariff_group, tariff_sha256, basis)
    values (:charge_id, :line_no, (select point_id from point where point_no = :point_no), :service, :description,
            daterange(:start, :until), :meter_no, :previous_reading_id, :current_reading_id, :previous_index_m3,
            :current_index_m3, :quantity, :unit, :price_zl, :net_zl, :vat_rate, :tariff_group, :tariff_sha256, :basis)
""")
_LINE_FIELDS = (
    *("point_no", "description", "meter_no", "previous_reading_id", "current_reading_id", "previous_index_m3"),
    *("current_index_m3", "quantity", "unit", "price_zl", "net_zl", "vat_rate", "tariff_group", "tariff_sha256"),
    "basis",
)
_MAILS = text("""
    select i.content, d.address, doc.archive_key, doc.offset_bytes, doc.size_bytes
    from delivery d join invoice i using (invoice_id) join document doc using (invoice_id)
    where d.channel = 'email' and d.address is not null order by i.invoice_id limit :sample
""")


def collect(work: Work, sample: int) -> int:
    """The first lines of the readings file: for each three queries and two INSERTs; one transaction, rolled back."""
    (file,) = work.settings.inbox.glob("*.csv")
    with work.engine.connect() as connection, file.open(encoding="utf-8") as lines:
        file_id = connection.execute(_NEW_FILE).scalar_one()
        rows = islice(csv.DictReader(lines, delimiter=";"), sample)
        done = sum(_collect_row(connection, row, file_id, line_no) for line_no, row in enumerate(rows, start=2))
        connection.rollback()
    return done


def _collect_row(connection: Connection, row: dict[str, str], file_id: int, line_no: int) -> int:
    place = connection.execute(_PLACE, row).mappings().one()
    last = connection.execute(_LAST, dict(place)).scalar_one_or_none()
    read_at = datetime.fromisoformat(row["read_at"])
    index_m3 = row["index"].replace(",", ".") or None
    key = {"meter_id": place["meter_id"], "register": place["register"], "read_at": read_at, "source": row["source"]}
    if connection.execute(_SAME, key).first():
        return 1
    is_low = index_m3 is not None and last is not None and float(index_m3) < float(last)
    connection.execute(_NEW_ROW, {"file_id": file_id, "line_no": line_no, "raw": ";".join(row.values())})
    connection.execute(
        _NEW_READING,
        {
            **key,
            "installation_id": place["installation_id"],
            "read_on": read_at.date(),
            "quality": row["quality"],
            "index_m3": index_m3,
            "index_received": row["index"],
            "reason_code": row["reason_code"] or None,
            "state": "SUSPECT" if is_low else "VALID",
            "external_id": row["external_id"],
            "file_id": file_id,
            "line_no": line_no,
        },
    )
    return 1


def rate(work: Work, sample: int) -> int:
    """Some accounts, one by one: facts by six queries each, our own arithmetic, one INSERT a line; rolled back."""
    with work.engine.connect() as connection:
        cycle = only_cycle(connection)
        tariffs = frozen_utility(connection, cycle).tariffs
        account_ids = connection.execute(_ACCOUNTS, {"cycle_id": cycle.cycle_id, "sample": sample}).scalars().all()
        for account_id in account_ids:
            _gather(connection, cycle, account_id)
            content = connection.execute(_SNAPSHOT, {"cycle_id": cycle.cycle_id, "account_id": account_id}).scalar_one()
            result = bill(read_back(AccountSnapshot, content), tariffs, cycle.terms)
            if isinstance(result, Bill):
                _post(connection, cycle, account_id, result)
        connection.rollback()
    return len(account_ids)


def _gather(connection: Connection, cycle: Cycle, account_id: int) -> None:
    """What has to be read for a snapshot; it is then taken ready-made, so that both ways bill the same account."""
    for query in _FACTS:
        connection.execute(query, {"account_id": account_id, "day": cycle.issue_date}).all()
    for meter in connection.execute(_METERS, {"account_id": account_id}).all():
        connection.execute(_READINGS, {"installation_id": meter.installation_id}).all()


def _post(connection: Connection, cycle: Cycle, account_id: int, found: Bill) -> None:
    charge_id = connection.execute(
        _NEW_CHARGE,
        {
            "cycle_id": cycle.cycle_id,
            "account_id": account_id,
            "channel": found.channel.value,
            "net_zl": found.net_zl,
            "vat_zl": found.vat_zl,
            "gross_zl": found.gross_zl,
            "sha256": content_sha256(found),
        },
    ).scalar_one()
    for line_no, line in enumerate(found.lines, start=1):
        connection.execute(_NEW_LINE, _line(charge_id, line_no, line))


def _line(charge_id: int, line_no: int, line: ChargeLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _LINE_FIELDS} | {
        "charge_id": charge_id,
        "line_no": line_no,
        "service": line.service.value,
        "start": line.period.start,
        "until": line.period.until,
    }


def mail(work: Work, sample: int) -> int:
    """Some of the e-mails: built by ``email.message``, a new connection each. No record is kept, before or after."""
    archive, relay = archive_of(work.settings), parse_smtp_url(work.settings.smtp_url or "")
    with work.engine.connect() as connection:
        rows = connection.execute(_MAILS, {"sample": sample}).all()
    for row in rows:
        message = _message(read_back(Invoice, row.content), row.address, stored_document(archive, row))
        with smtplib.SMTP(relay.host, relay.port) as server:
            server.send_message(message)
    return len(rows)


def _message(invoice: Invoice, address: str, content: bytes) -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Wodociągi Zdroje <{invoice.seller.email}>"
    message["To"] = address
    message["Subject"] = f"Faktura {invoice.number.text}"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="naive.example")
    amount, due = format_zl(invoice.gross_zl), format_date(invoice.due_date)
    message.set_content(f"Dzień dobry,\n\nw załączeniu faktura {invoice.number.text} na {amount}, termin {due}.\n")
    message.add_alternative(f"<p>Dzień dobry,</p><p>faktura na <b>{amount}</b>, termin {due}.</p>", subtype="html")
    message.add_attachment(content, maintype="application", subtype="pdf", filename="Faktura.pdf")
    return message


def only_cycle(connection: Connection) -> Cycle:
    """The bench's one cycle."""
    key = connection.execute(text("select cycle_key from cycle")).scalar_one()
    cycle = find_cycle(connection, cycle_key=key)
    if cycle is None:
        raise LookupError(key)
    return cycle
