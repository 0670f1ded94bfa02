-- name: tariff_states
-- Of tariff files by their hashes: whether an issued cycle billed by them, and who switched them on.
select given.sha256, s.switched_by, s.event_at as switched_at,
       exists (select 1 from cycle_input n join cycle y using (cycle_id)
               where n.sha256 = given.sha256 and y.state in ('issued', 'closed')) as billed
from unnest(cast(:sha256s as text[])) as given (sha256)
left join tariff_switch s on s.tariff_sha256 = given.sha256

-- name: issued_cycles
select count(*) from cycle where state in ('issued', 'closed')

-- name: newest_switch
-- With whether an approved correction of prices has put another file in its place since.
select s.tariff_sha256, s.name, s.valid_from,
       exists (select 1 from correction_run r join cycle y using (cycle_id)
               where r.cause = 'prices' and y.state in ('issued', 'closed') and r.recorded_at > s.recorded_at
                 and not exists (select 1 from cycle_input n
                                 where n.cycle_id = r.cycle_id and n.sha256 = s.tariff_sha256)) as is_corrected
from tariff_switch s
order by s.switch_id desc
limit 1

-- name: find_switch
-- The switch of a content or, when the file is gone, the newest one of its name, with the bytes.
select s.tariff_sha256, s.name, s.valid_from, s.switched_by, f.content
from tariff_switch s
join input_file f on f.sha256 = s.tariff_sha256
where s.name = :name and (cast(:sha256 as text) is null or s.tariff_sha256 = :sha256)
order by s.switch_id desc
limit 1

-- name: insert_switch
insert into tariff_switch (tariff_sha256, impact_id, name, title, decision, basis, decided_on, published_on,
                           valid_from, switched_by, switched_via, note, event_at)
values (:tariff_sha256, :impact_id, :name, :title, :decision, :basis, :decided_on, :published_on, :valid_from,
        :switched_by, :switched_via, :note, business_now())

-- name: insert_impact
insert into tariff_impact (tariff_sha256, title, valid_from, book_sha256s, issued_cycles, accounts, rated,
                           without_history, without_price, without_price_before, without_bill_length, net_before_zl, net_after_zl,
                           gross_before_zl, gross_after_zl, by_group, accounts_without_price, sha256, event_at,
                           recorded_by, recorded_via)
values (:tariff_sha256, :title, :valid_from, :book_sha256s, :issued_cycles, :accounts, :rated, :without_history,
        :without_price, :without_price_before, :without_bill_length, :net_before_zl, :net_after_zl, :gross_before_zl, :gross_after_zl,
        cast(:by_group as jsonb), cast(:accounts_without_price as jsonb), :sha256, business_now(), :recorded_by,
        :recorded_via)
on conflict do nothing
returning impact_id

-- name: newest_impact
select impact_id, book_sha256s, issued_cycles, without_price, sha256, recorded_by, event_at
from tariff_impact
where tariff_sha256 = :tariff_sha256
order by impact_id desc
limit 1

-- name: same_impacts
-- Everybody's computation of one and the same result.
select impact_id, recorded_by
from tariff_impact
where tariff_sha256 = :tariff_sha256 and sha256 = :sha256 and issued_cycles = :issued_cycles
order by impact_id

-- name: newest_billed_day
select max(upper(period)) - 1 from billed_day

-- name: cycle_in_work
-- A cycle that froze its tariffs and issues on the day or later: it would bill without the new one.
select cycle_key from cycle
where state in ('frozen', 'checked', 'approved') and not dry_run and issue_date >= :valid_from
order by cycle_id
limit 1

-- name: kinds_in_use
-- What picks the prices of customers under contract on a day, with the channels agreed now.
select distinct t.tariff_class, t.services, d.channel, m.diameter_mm, buyer.payer
from contract c
join contract_terms t on t.contract_id = c.contract_id and t.valid @> cast(:on_day as date)
join agreed_delivery(cast(:today as date)) d using (account_id)
cross join lateral (
    select max(i.diameter_mm) as diameter_mm
    from installation i
    where i.point_id = c.point_id and i.purpose = 'main' and i.installed_on = (
        select max(n.installed_on) from installation n
        where n.point_id = c.point_id and n.purpose = 'main' and n.installed_on <= cast(:on_day as date))) m
left join lateral (
    select d.kind as payer
    from account_party ap
    join party_details d on d.party_id = ap.party_id and d.valid @> cast(:on_day as date)
    where ap.account_id = c.account_id and ap.role = 'nabywca' and ap.valid @> cast(:on_day as date)) buyer on true
where c.valid @> cast(:on_day as date)

-- name: use_of_accounts
-- Each contract in force on a day, with what its account was billed for at its point in the days from since up to
-- until: invoices, and drafts laid out for KSeF. A line counts whole by the day on which it ends.
with billed as (
    select i.account_id, l.point_id, l.service, l.quantity, upper(l.period) - lower(l.period) as days, l.row_no
    from cycle y
    join invoice o using (cycle_id)
    join charge_in_force i on i.original_id = o.invoice_id
    join charge_line l on l.charge_id = i.charge_id
    where y.issue_date > :since and l.service in ('water', 'sewage')
      and upper(l.period) > :since and upper(l.period) <= :until
    union all
    select h.account_id, p.point_id, line ->> 'service', cast(line ->> 'quantity' as numeric),
           cast(line #>> '{period,until}' as date) - cast(line #>> '{period,start}' as date),
           coalesce(cast(line ->> 'row_no' as integer), 1)
    from cycle y
    join hold h using (cycle_id)
    cross join lateral jsonb_array_elements(cast(h.draft as jsonb) -> 'lines') as line
    join point p on p.point_no = line ->> 'point_no'
    where y.issue_date > :since and y.state in ('issued', 'closed') and h.draft is not null
      and line ->> 'service' in ('water', 'sewage')
      and cast(line #>> '{period,until}' as date) > :since and cast(line #>> '{period,until}' as date) <= :until
), used as (
    select account_id, point_id,
           sum(quantity) filter (where service = 'water') as water_m3,
           sum(days) filter (where service = 'water' and row_no = 1) as water_days,
           sum(quantity) filter (where service = 'sewage') as sewage_m3,
           sum(days) filter (where service = 'sewage' and row_no = 1) as sewage_days
    from billed
    group by account_id, point_id
)
select a.account_no, d.channel, p.point_no, t.tariff_class, t.services,
       coalesce(u.water_m3, 0) as water_m3, coalesce(u.water_days, 0) as water_days,
       coalesce(u.sewage_m3, 0) as sewage_m3, coalesce(u.sewage_days, 0) as sewage_days, m.diameter_mm, buyer.payer
from contract c
join contract_terms t on t.contract_id = c.contract_id and t.valid @> cast(:until as date)
join account a using (account_id)
join point p using (point_id)
join agreed_delivery(cast(:today as date)) d on d.account_id = a.account_id
left join used u on u.account_id = c.account_id and u.point_id = c.point_id
cross join lateral (
    select max(i.diameter_mm) as diameter_mm
    from installation i
    where i.point_id = c.point_id and i.purpose = 'main' and i.installed_on = (
        select max(n.installed_on) from installation n
        where n.point_id = c.point_id and n.purpose = 'main' and n.installed_on <= cast(:until as date))) m
left join lateral (
    select d.kind as payer
    from account_party ap
    join party_details d on d.party_id = ap.party_id and d.valid @> cast(:until as date)
    where ap.account_id = c.account_id and ap.role = 'nabywca' and ap.valid @> cast(:until as date)) buyer on true
where c.valid @> cast(:until as date)
order by a.account_no collate "C", p.point_no collate "C"
