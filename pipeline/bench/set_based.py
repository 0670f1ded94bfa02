"""NOT the way Obieg works: the same simple tariff as one statement of SQL, measured by the bench for comparison only.

It goes from the registry and the readings straight to charges with their lines in the same tables, and is rolled back.
It knows what the bench's town needs and nothing else: one price for all days, water and sewage by one register after
the other, one abonament for a recipient, VAT on the sum of one rate. It freezes nothing, hashes nothing and says of no
account why it was left out; no rule that may differ between utilities is a choice in it. What it charges has to equal
what Obieg charges, account by account.
"""

import json
from pathlib import Path

from sqlalchemy import Connection, text

from pipeline.bench.naive import only_cycle
from pipeline.errors import Inconsistent
from pipeline.work import Work

RATE = text("""
    with buyer as (
        select p.account_id
        from account_party p
        join party_details d on d.party_id = p.party_id and d.valid @> cast(:issue_date as date)
        where p.role = 'nabywca' and p.valid @> cast(:issue_date as date)
          and d.kind = 'natural_person' and d.nip is null
    ), opening as (
        select distinct on (installation_id) installation_id, reading_id, read_on, index_m3
        from reading
        where source = 'exchange_install' and state = 'VALID'
        order by installation_id, read_at
    ), closing as (
        select distinct on (installation_id) installation_id, reading_id, read_on, index_m3
        from reading
        where source <> 'exchange_install' and state = 'VALID' and index_m3 is not null
        order by installation_id, read_at desc
    ), register as materialized (
        select c.account_id, c.point_id, d.channel, t.tariff_class, t.services, m.meter_no,
               o.reading_id as previous_id, e.reading_id as current_id, o.read_on as from_day, e.read_on as until_day,
               trunc(o.index_m3, i.decimals) as previous_m3, trunc(e.index_m3, i.decimals) as current_m3
        from contract c
        join contract_terms t on t.contract_id = c.contract_id and upper(t.valid) is null
        join agreed_delivery(cast(:issue_date as date)) d on d.account_id = c.account_id
        join buyer b on b.account_id = c.account_id
        join installation i on i.point_id = c.point_id
        join meter m using (meter_id)
        left join opening o using (installation_id)
        left join closing e using (installation_id)
    ), unread as (
        select distinct account_id from register where previous_id is null or current_id is null
    ), price as materialized (
        select g.tariff_class, channel, p.service, p.tariff_group, p.tariff_sha256, p.net_zl, p.vat_rate
        from cycle_price p
        join cycle_group g using (cycle_id, tariff_sha256, tariff_group)
        cross join unnest(g.channels) as channel
        where cycle_id = :cycle_id
    ), metered as (
        select r.account_id, r.point_id, p.service, daterange(r.from_day, r.until_day) as period, r.meter_no,
               r.previous_id, r.current_id, r.previous_m3, r.current_m3, r.current_m3 - r.previous_m3 as quantity,
               'm3' as unit, p.net_zl as price_zl, round((r.current_m3 - r.previous_m3) * p.net_zl, 2) as net_zl,
               p.vat_rate, p.tariff_group, p.tariff_sha256
        from register r
        join price p on p.tariff_class = r.tariff_class and p.channel = r.channel and p.service = any(r.services)
        where not exists (select 1 from unread u where u.account_id = r.account_id)
    ), standing as (
        select distinct r.account_id, cast(null as bigint) as point_id, p.service, cast(:period as daterange) as period,
               cast(null as text) as meter_no, cast(null as bigint) as previous_id, cast(null as bigint) as current_id,
               cast(null as numeric) as previous_m3, cast(null as numeric) as current_m3, 1.000 as quantity,
               'month' as unit, p.net_zl as price_zl, round(p.net_zl, 2) as net_zl, p.vat_rate, p.tariff_group,
               p.tariff_sha256
        from register r
        join price p on p.tariff_class = r.tariff_class and p.channel = r.channel and p.service = 'abonament'
        where not exists (select 1 from unread u where u.account_id = r.account_id)
    ), line as materialized (
        select * from metered union all select * from standing
    ), charged as (
        insert into charge (cycle_id, account_id, channel, net_zl, vat_zl, gross_zl, sha256)
        select :cycle_id, s.account_id, d.channel, s.net_zl, s.vat_zl, s.net_zl + s.vat_zl, ''
        from (select account_id, sum(net_zl) as net_zl, round(sum(net_zl) * max(vat_rate), 2) as vat_zl
              from line group by account_id) s
        join (select distinct account_id, channel from register) d using (account_id)
        returning account_id, charge_id
    )
    insert into charge_line (charge_id, line_no, point_id, service, description, period, meter_no,
                             previous_reading_id, current_reading_id, previous_index_m3, current_index_m3, quantity,
                             unit, price_zl, net_zl, vat_rate, tariff_group, tariff_sha256, basis)
    select c.charge_id, row_number() over (partition by l.account_id order by l.point_id, l.service desc), l.point_id,
           l.service, l.service, l.period, l.meter_no, l.previous_id, l.current_id, l.previous_m3, l.current_m3,
           l.quantity, l.unit, l.price_zl, l.net_zl, l.vat_rate, l.tariff_group, l.tariff_sha256, ''
    from line l
    join charged c using (account_id)
""")
_SET_WISE = text("set local enable_nestloop = off")
"""The rows are new and PostgreSQL has not counted them: row by row the sums of a large town take minutes."""
_CHARGED = text("""
    select count(*) as accounts, sum(c.net_zl) as net_zl, sum(c.vat_zl) as vat_zl, sum(c.gross_zl) as gross_zl,
           sum(l.lines) as lines, sum(l.water_m3) as water_m3,
           md5(string_agg(a.account_no || ' ' || c.net_zl || ' ' || c.vat_zl || ' ' || l.lines, ';'
                          order by a.account_no)) as of_each
    from charge c
    join account a using (account_id)
    join (select charge_id, count(*) as lines, sum(quantity) filter (where service = 'water') as water_m3
          from charge_line group by charge_id) l using (charge_id)
    where c.cycle_id = :cycle_id
""")


def rate(work: Work, told: Path) -> int:
    """Charge the cycle's accounts by one statement, write what came of it to ``told``, and take it back."""
    with work.engine.connect() as connection:
        cycle = only_cycle(connection)
        period = f"[{cycle.period.start},{cycle.period.until})"
        connection.execute(RATE, {"cycle_id": cycle.cycle_id, "issue_date": cycle.issue_date, "period": period})
        found = charged(connection, cycle_id=cycle.cycle_id)
        connection.rollback()
    told.write_text(json.dumps(found), encoding="utf-8")
    return int(found["accounts"])


def charged(connection: Connection, *, cycle_id: int) -> dict[str, str]:
    """Sums of a cycle's charges, and one hash over those of each account."""
    connection.execute(_SET_WISE)
    row = connection.execute(_CHARGED, {"cycle_id": cycle_id}).mappings().one()
    return {name: str(value) for name, value in row.items()}


def refuse_difference(work: Work, told: Path) -> dict[str, str]:
    """What both ways charged.

    Raises:
        Inconsistent: ``BENCH_FAILED``, they differ, so that comparing their cost would say nothing.
    """
    with work.engine.connect() as connection:
        ours = charged(connection, cycle_id=only_cycle(connection).cycle_id)
    theirs = json.loads(told.read_text(encoding="utf-8"))
    if ours != theirs:
        raise Inconsistent("BENCH_FAILED", f"the set-based SQL charges {theirs}, we charge {ours}")
    return ours
