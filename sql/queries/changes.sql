-- name: insert_change
insert into registry_change (kind, account_id, effective_on, content, sha256, reason, second_person, event_at,
                             recorded_by, recorded_via)
values (:kind, :account_id, :effective_on, :content, :sha256, :reason, :second_person, business_now(), :recorded_by,
        :recorded_via)
returning change_id

-- name: insert_decision
insert into registry_change_decision (change_id, decision, decided_by, decided_via, note, event_at)
values (:change_id, :decision, :decided_by, :decided_via, :note, business_now())

-- name: changes
-- Changes with what was decided; those of an account are also those that made it, or that describe its parties.
select c.change_id, c.kind, a.account_no, c.effective_on, c.content, c.sha256, c.reason, c.second_person, c.event_at,
       c.recorded_at, c.recorded_by, c.recorded_via, coalesce(d.decision, 'pending') as state, d.decided_by,
       d.decided_via, d.note, d.recorded_at as decided_at
from registry_change c
left join account a on a.account_id = c.account_id
left join registry_change_decision d on d.change_id = c.change_id
where (cast(:change_id as bigint) is null or c.change_id = :change_id)
  and (not :pending or d.change_id is null)
  and (cast(:account_no as text) is null or a.account_no = :account_no
       or exists (select 1 from account made where made.change_id = c.change_id and made.account_no = :account_no)
       or exists (select 1 from party_details e
                  join account_party r using (party_id)
                  join account theirs on theirs.account_id = r.account_id
                  where e.change_id = c.change_id and theirs.account_no = :account_no))
order by c.change_id

-- name: facts_of_change
-- What a change ended, and what it began.
select f.topic, f.subject, f.what, f.valid_from, f.valid_until,
       f.ended_change_id is not distinct from :change_id as ended, f.change_id is not distinct from :change_id as begun
from registry_fact f
where f.change_id = :change_id or f.ended_change_id = :change_id
union all
select 'reading', m.meter_no, jsonb_build_object('index_m3', r.index_m3, 'source', r.source), r.read_on, null, false, true
from reading r join meter m using (meter_id)
where r.change_id = :change_id
order by 1, 2, 6 desc, 4

-- name: findings_of_change
-- What the checks say of the readings that a change brought.
select m.meter_no, r.read_on, r.index_m3, f.code, f.severity, f.facts
from reading r
join meter m using (meter_id)
join finding f using (reading_id)
where r.change_id = :change_id
order by m.meter_no, r.register, f.code

-- name: doubted_readings
select distinct r.reading_id
from reading r join finding f using (reading_id)
where r.change_id = :change_id and f.severity = 'quarantine'
order by r.reading_id

-- name: reason_of
select reason from registry_change where change_id = :change_id

-- name: roles
-- Who plays a part in an account on a day.
select r.role, p.party_no, r.party_id
from account_party r join party p using (party_id)
where r.account_id = :account_id and r.valid @> cast(:on_day as date)

-- name: contracts_in_force
-- Contracts of an account on a day, with the class and services of that day.
select c.contract_id, c.contract_no, c.point_id, p.point_no, lower(c.valid) as valid_from, upper(c.valid) as valid_until,
       t.tariff_class, t.services, t.difference
from contract c
join point p using (point_id)
join contract_terms t on t.contract_id = c.contract_id and t.valid @> cast(:on_day as date)
where c.account_id = :account_id and c.valid @> cast(:on_day as date)
order by p.point_no

-- name: contract
select c.contract_id, c.contract_no, c.account_id, a.account_no, c.point_id, p.point_no, lower(c.valid) as valid_from,
       upper(c.valid) as valid_until, isempty(c.valid) as never
from contract c
join account a using (account_id)
join point p using (point_id)
where c.contract_no = :contract_no

-- name: contract_at_point
-- The first contract that a point has on a day or later.
select c.contract_no, a.account_no, lower(c.valid) as valid_from
from contract c
join account a using (account_id)
where c.point_id = :point_id and c.valid && daterange(cast(:on_day as date), null)
order by lower(c.valid)
limit 1

-- name: account_of_point
select c.account_id
from contract c
join point p using (point_id)
where p.point_no = :point_no and c.valid @> cast(:on_day as date)

-- name: is_forecast
-- Whether prognozy charged days of a contract, and are not taken off.
select exists (
    select 1 from contract c join forecast_line l using (point_id, account_id)
    where c.contract_id = :contract_id and c.valid && l.period
      and not exists (select 1 from forecast_settled s where s.forecast_line_id = l.forecast_line_id))

-- name: contract_numbers
select contract_no from contract where contract_no = any(:contract_nos)

-- name: billed_until
-- Up to which day, if any, the points are billed, as invoices or as drafts.
select p.point_no, max(upper(b.period)) as billed_until
from billed_day b
join point p using (point_id)
where b.point_id = any(:point_ids) and b.service in ('water', 'sewage')
group by p.point_no
order by billed_until desc, p.point_no

-- name: invoiced_since
-- The last invoice, or draft, that bears a party's name from a day on.
select max(y.issue_date)
from snapshot_account s
join cycle y using (cycle_id)
join account_party r on r.account_id = s.account_id and r.role in ('payer', 'nabywca') and r.valid @> y.issue_date
where r.party_id = :party_id and y.issue_date >= :on_day
  and (exists (select 1 from invoice i where i.cycle_id = s.cycle_id and i.account_id = s.account_id)
       or exists (select 1 from drafted_period d where d.cycle_id = s.cycle_id and d.account_id = s.account_id))

-- name: meters_at
-- The registers at points on a day, the last and the first of that day included, with the newest usable reading up to
-- the day, the one of the day that is billed, and the next one after it.
select p.point_no, i.installation_id, i.meter_id, m.meter_no, i.register, i.dials, i.decimals, i.installed_on,
       i.removed_on, i.q3_m3h, near.read_on as near_on, near.read_at as near_at, near.index_m3 as near_m3,
       billed.index_m3 as billed_m3, later.read_on as later_on
from installation i
join point p using (point_id)
join meter m using (meter_id)
left join lateral (
    select r.read_on, r.read_at, r.index_m3 from reading_now r
    where r.installation_id = i.installation_id and r.is_usable
      and r.read_on <= cast(:on_day as date)
    order by r.read_on desc, r.read_at desc, r.reading_id desc limit 1
) near on true
left join lateral (
    select r.index_m3 from reading_now r
    where r.installation_id = i.installation_id and r.read_on = cast(:on_day as date)
      and exists (select 1 from billed_up_to u where u.reading_id = r.reading_id)
    order by r.read_at desc limit 1
) billed on true
left join lateral (
    select r.read_on from reading_now r
    where r.installation_id = i.installation_id and r.is_usable
      and r.read_on > cast(:on_day as date)
    order by r.read_on, r.read_at limit 1
) later on true
where i.point_id = any(:point_ids) and i.installed_on <= cast(:on_day as date)
  and (i.removed_on is null or i.removed_on >= cast(:on_day as date))
order by p.point_no, m.meter_no, i.register

-- name: insert_consent
insert into consent_event (account_id, event, method, terms_id, occurred_at, received_at, email, signer_name,
                           scan_sha256, requested_from, change_id, recorded_by)
values (:account_id, :event, :method, :terms_id, :occurred_at, :received_at, :email, :signer_name, :scan_sha256,
        :requested_from, :change_id, :recorded_by)
returning consent_id

-- name: conversion
select outcome, reason, effective_from from consent_conversion where consent_id = :consent_id

-- name: registry_on
select r.* from registry_on(coalesce(cast(:on_day as date), (business_now() at time zone 'Europe/Warsaw')::date),
                            coalesce(cast(:known_at as timestamptz), 'infinity')) r
where r.account_no = :account_no
order by r.point_no

-- name: registry_history
-- Every dated fact that ever concerned an account: its own, its parties', and the meters of its points while it had
-- them.
select f.topic, f.subject, f.what, f.valid_from, f.valid_until, f.recorded_by, f.recorded_at, i.name as file_name,
       f.line_no, f.change_id, f.ended_by, f.ended_at, f.ended_change_id
from registry_fact f
left join import_file i using (file_id)
where f.account_id = (select account_id from account where account_no = :account_no)
   or f.party_id in (select r.party_id from account_party r join account a using (account_id)
                     where a.account_no = :account_no)
   or exists (select 1 from contract c join account a using (account_id)
              where a.account_no = :account_no and c.point_id = f.point_id
                and c.valid && daterange(f.valid_from, f.valid_until))
order by f.valid_from nulls first, f.topic, f.subject, f.recorded_at

-- name: cycle_of_routes
-- The newest cycle of any of the routes that is issued on the day or later: whom it bills is decided by that day.
select cycle_key, issue_date
from cycle
where kind = 'regular' and not dry_run and state not in ('rejected', 'dry')
  and string_to_array(route_set, '+') && cast(:routes as text[]) and issue_date >= cast(:on_day as date)
order by issue_date desc
limit 1
