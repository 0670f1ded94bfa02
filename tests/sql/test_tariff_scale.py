"""The use of many accounts is read set-wise: cost grows with them, and every account comes once."""

import shutil
import time
from dataclasses import replace
from datetime import datetime

from sqlalchemy import text
from town import set_clock

from pipeline import tariff_impact
from sql.engine import make_engine

ACCOUNTS = 2000
MONTHS = 12
SECONDS_MAX = 30

# A town written by its owner: each account has a contract, and twelve invoices of four m³ of water and of sewage.
TOWN = (
    "insert into input_file (sha256, kind, name, content) values (repeat('a', 64), 'tariff', 'x', '')",
    """
    insert into account (account_no, event_at, recorded_by)
    select 'A' || lpad(n::text, 6, '0'), now(), 'test' from generate_series(1, {accounts}) n
    """,
    """
    insert into point (point_no, street, postcode, city, recorded_by)
    select 'P' || lpad(n::text, 6, '0'), 'ul. Łąkowa 1', '00-001', 'Zdroje', 'test'
    from generate_series(1, {accounts}) n
    """,
    """
    insert into contract (contract_no, account_id, point_id, valid, recorded_by)
    select 'C' || n, n, n, '[2025-01-01,)', 'test' from generate_series(1, {accounts}) n
    """,
    """
    insert into contract_terms (contract_id, tariff_class, services, valid, recorded_by)
    select n, case when n % 20 = 0 then 'business' else 'household' end, '{{water,sewage}}', '(,)', 'test'
    from generate_series(1, {accounts}) n
    """,
    """
    insert into cycle (cycle_key, period, route_set, revision, issue_date, payment_days, dry_run, chunk_accounts, state,
                       started_by, started_via, event_at)
    select 'M' || m, daterange(first, (first + interval '1 month')::date), 'ALL', 1,
           (first + interval '1 month')::date + 2, 14, false, 5000, 'issued', 'test', 'cli', now()
    from (select m, (date '2025-11-01' + m * interval '1 month')::date as first
          from generate_series(0, {months} - 1) m) as month
    """,
    """
    insert into snapshot_account (cycle_id, account_id, chunk_no, content, sha256)
    select cycle_id, n, 0, '', '' from cycle, generate_series(1, {accounts}) n
    """,
    """
    insert into charge (cycle_id, account_id, channel, net_zl, vat_zl, gross_zl, sha256)
    select cycle_id, account_id, 'paper', 0, 0, 0, '' from snapshot_account
    """,
    """
    insert into charge_line (charge_id, line_no, point_id, service, description, period, quantity, unit, price_zl,
                             net_zl, vat_rate, tariff_group, tariff_sha256, basis)
    select charge_id, line_no, account_id, service, '', y.period, 4, 'm3', 5, 20, 0.08, 'G', repeat('a', 64), ''
    from charge join cycle y using (cycle_id)
    cross join (values (1, 'water'), (2, 'sewage')) as line (line_no, service)
    """,
    "insert into invoice_series values ('S', 0)",
    """
    insert into invoice (series, sequence, invoice_no, cycle_id, account_id, kind, charge_id, issue_date, due_date,
                         carrier, net_zl, vat_zl, gross_zl, content, sha256, event_at)
    select 'S', charge_id, 'S/' || charge_id, cycle_id, account_id, 'regular', charge_id, y.issue_date,
           y.issue_date + 14, 'paper', 0, 0, 0, '', '', now()
    from charge join cycle y using (cycle_id)
    """,
    "analyze",
)


def found_town(owner_url: str, *, accounts: int, months: int) -> None:
    engine = make_engine(owner_url)
    with engine.begin() as connection:
        for statement in TOWN:
            connection.execute(text(statement.format(accounts=accounts, months=months)))
    engine.dispose()


def test_two_thousand_accounts_are_rated_each_once_by_their_own_year(work, tmp_path, database) -> None:
    folder = tmp_path / "utility"
    shutil.copytree(work.settings.utility, folder)
    work = replace(work, settings=replace(work.settings, utility=folder))
    found_town(database.owner_url, accounts=ACCOUNTS, months=MONTHS)
    set_clock(work, datetime(2026, 10, 20, 12, 0))

    begun = time.perf_counter()
    made, path = tariff_impact.run(work, file=folder / "tariffs" / "planned" / "2026-11-zdroje.toml")
    seconds = time.perf_counter() - begun

    assert made.counts["rated"] == ACCOUNTS
    assert sum(group.water_m3 for group in made.groups) == ACCOUNTS * 4 * MONTHS
    assert len(set(path.read_text(encoding="utf-8").splitlines())) == ACCOUNTS + 1
    assert seconds < SECONDS_MAX
