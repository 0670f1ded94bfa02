-- name: insert_run
insert into correction_run (cycle_id, cause, reason, order_id, reversed_cycle_id, event_at, recorded_by)
values (:cycle_id, :cause, :reason, :order_id, :reversed_cycle_id, business_now(), :recorded_by)

-- name: insert_readings
insert into correction_reading (cycle_id, reading_id, index_m3)
select :cycle_id, reading_id, index_m3
from unnest(cast(:reading_ids as bigint[]), cast(:indexes_m3 as numeric[])) as given (reading_id, index_m3)

-- name: insert_run_invoices
insert into correction_invoice (cycle_id, invoice_id, account_id)
select :cycle_id, invoice_id, account_id from invoice where invoice_id = any(:invoice_ids)

-- name: find_run
select r.cycle_id, r.cause, r.reason, r.order_id, r.reversed_cycle_id, y.cycle_key as reversed_key,
       (select count(*) from correction_invoice x where x.cycle_id = r.cycle_id) as invoices
from correction_run r
left join cycle y on y.cycle_id = r.reversed_cycle_id
where r.cycle_id = :cycle_id

-- name: run_readings
select x.reading_id, x.index_m3, n.index_m3 as was_m3, n.read_on, m.meter_no
from correction_reading x
join reading_now n using (reading_id)
join meter m using (meter_id)
where x.cycle_id = :cycle_id
order by x.reading_id

-- name: list_runs
select y.cycle_key, y.state, r.cause, y.issue_date, y.started_by,
       (select count(*) from correction_invoice x where x.cycle_id = r.cycle_id) as invoices,
       (select count(*) from invoice i where i.cycle_id = r.cycle_id) as corrections,
       coalesce((select sum(i.gross_zl) from invoice i where i.cycle_id = r.cycle_id), 0) as gross_zl,
       o.cycle_key as reversed_key, r.order_id, r.reason
from correction_run r
join cycle y using (cycle_id)
left join cycle o on o.cycle_id = r.reversed_cycle_id
order by r.cycle_id

-- name: originals_by_number
-- The invoices of these numbers, or those that they correct, with what stops a correction.
select given.invoice_no, o.invoice_id, o.account_id, y.reversed_by is not null as is_reversed
from unnest(cast(:invoice_nos as text[])) as given (invoice_no)
left join invoice i using (invoice_no)
left join invoice o on o.invoice_id = coalesce(i.corrects_id, i.invoice_id)
left join cycle y on y.cycle_id = o.cycle_id
order by given.invoice_no

-- name: originals_of_cycle
select i.invoice_id, i.account_id from invoice i where i.cycle_id = :cycle_id and i.kind <> 'correction'

-- name: readings_to_correct
-- Readings with what stops a correction of them.
select r.reading_id, r.index_m3, i.dials,
       exists (select 1 from drafted_reading d where d.reading_id = r.reading_id) as is_drafted,
       exists (select 1 from opening_position o where o.reading_id = r.reading_id and o.replaced_at is null)
           as is_taken_over
from reading_now r
join installation i using (installation_id)
where r.reading_id = any(:reading_ids)

-- name: candidates_of_readings
-- What is in force for invoices of accounts that were ever under contract at the points of these readings, or at points
-- in front of them, whose main meters count their water too.
with recursive place as (
    select i.point_id from reading r join installation i using (installation_id) where r.reading_id = any(:reading_ids)
    union
    select p.parent_point_id from place join point p using (point_id) where p.parent_point_id is not null
)
select distinct f.original_id as invoice_id, f.account_id, t.content
from place
join contract c using (point_id)
join charge_in_force f on f.account_id = c.account_id
join charge_terms t using (charge_id)

-- name: find_order
select q.order_id, q.reason, q.ordered_by, i.invoice_no
from correction_order q
join invoice i using (invoice_id)
where q.order_id = :order_id

-- name: order_readings
select reading_id, index_m3 from correction_order_reading where order_id = :order_id

-- name: run_of_order
-- The run that carries an order out: the last one that was not rejected.
select y.cycle_key, y.state
from correction_run r
join cycle y using (cycle_id)
where r.order_id = :order_id and y.state not in ('rejected', 'dry')
order by r.cycle_id desc
limit 1

-- name: in_other_runs
-- Invoices that another run of corrections is at work on.
select i.invoice_no, y.cycle_key
from correction_invoice x
join cycle y using (cycle_id)
join invoice i using (invoice_id)
where x.invoice_id = any(:invoice_ids) and not y.dry_run and y.cycle_id <> :cycle_id
  and y.state in ('opened', 'frozen', 'checked', 'approved')
order by i.invoice_no
limit 1

-- name: run_invoices
select invoice_id from correction_invoice where cycle_id = :cycle_id

-- name: accounts_at_work
-- Accounts of these invoices that a cycle has frozen and may still bill.
select a.account_no, y.cycle_key
from snapshot_account s
join cycle y using (cycle_id)
join account a using (account_id)
where s.account_id in (select i.account_id from invoice i where i.invoice_id = any(:invoice_ids)) and not y.dry_run and y.cycle_id <> :cycle_id
  and y.state in ('opened', 'frozen', 'checked', 'approved')
  and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                                         and h.stage = 'freeze')
order by a.account_no
limit 1

-- name: accounts_of_run
select a.account_id
from account a
where a.account_id in (select x.account_id from correction_invoice x where x.cycle_id = :cycle_id)
order by a.account_no

-- name: run_accounts
-- Accounts of a run as they are reached now: bank account, channel agreed for the issue date, address.
select a.account_id, a.account_no, details.bank_account, d.channel, d.consent_id, d.email, d.email_state,
       cast(null as date) as standing_from, cast(null as date) as handed_over_on,
       cast('{}' as date[]) as waived_months
from account a
join lateral (select x.bank_account from account_details x
              where x.account_id = a.account_id and lower(x.valid) <= cast(:issue_date as date) is not false
              order by upper(x.valid) desc nulls first limit 1) details on true
cross join lateral (
    select * from agreed_delivery(cast(:issue_date as date)) of_all where of_all.account_id = a.account_id limit 1) d
where a.account_id = any(:account_ids)
order by a.account_no

-- name: run_parties
select ap.account_id, ap.role, p.party_no, d.kind, d.name, d.nip, d.street, d.postcode, d.city
from account_party ap
join party p using (party_id)
join party_details d on d.party_id = p.party_id and d.valid @> cast(:issue_date as date)
where ap.valid @> cast(:issue_date as date) and ap.account_id = any(:account_ids)

-- name: contents_to_freeze
-- Of each invoice of a run: what its charge in force was rated from, that charge, and the number of its correction.
select x.invoice_id, x.account_id, f.charge_id as before_charge_id, t.content,
       coalesce((select max(i.correction_no) from invoice i where i.corrects_id = x.invoice_id), 0) + 1 as correction_no
from correction_invoice x
join charge_in_force f on f.original_id = x.invoice_id
join charge_terms t using (charge_id)
where x.cycle_id = :cycle_id
order by x.account_id, x.invoice_id

-- name: freeze_as_rated
-- The same, written down as it is.
insert into correction_snapshot (cycle_id, invoice_id, account_id, before_charge_id, content, correction_no, sha256)
select x.cycle_id, x.invoice_id, x.account_id, f.charge_id, t.content,
       coalesce((select max(i.correction_no) from invoice i where i.corrects_id = x.invoice_id), 0) + 1,
       encode(sha256(convert_to(t.content, 'UTF8')), 'hex')
from correction_invoice x
join charge_in_force f on f.original_id = x.invoice_id
join charge_terms t using (charge_id)
where x.cycle_id = :cycle_id
order by x.account_id, x.invoice_id

-- name: items_of_chunk
-- The frozen invoices of a chunk, with the terms that they are rated on and the document that is in force.
select x.account_id, x.invoice_id, x.content, y.cycle_key, lower(y.period) as period_start,
       upper(y.period) as period_until, y.issue_date, y.payment_days, y.purpose, s.content as account_content,
       o.invoice_no, i.content as in_force, i.sha256 as in_force_sha256
from correction_snapshot x
join snapshot_account s using (cycle_id, account_id)
join invoice o on o.invoice_id = x.invoice_id
join cycle y on y.cycle_id = o.cycle_id
join invoice i on i.charge_id = x.before_charge_id
where x.cycle_id = :cycle_id and s.chunk_no = :chunk_no
order by x.account_id, x.invoice_id

-- name: documents_in_force
-- Invoices of a run, each with its last correction where it has one.
select o.invoice_id, o.content as original, o.sha256 as original_sha256, i.content as in_force,
       i.sha256 as in_force_sha256
from correction_snapshot x
join invoice o on o.invoice_id = x.invoice_id
left join invoice i on i.charge_id = x.before_charge_id and i.invoice_id <> o.invoice_id
where x.cycle_id = :cycle_id and x.invoice_id = any(:invoice_ids)

-- name: charges_of_chunk
-- Account by account: of a run that PostgreSQL has not counted yet it would go through all for each that is rated.
select s.account_id, c.corrects_id, c.sha256
from snapshot_account s
cross join lateral (select one.corrects_id, one.sha256 from charge one
                    where one.cycle_id = s.cycle_id and one.account_id = s.account_id offset 0) c
where s.cycle_id = :cycle_id and s.chunk_no = :chunk_no

-- name: held_accounts
select a.account_no, h.code, h.facts
from hold h
join account a using (account_id)
where h.cycle_id = :cycle_id and not h.excluded
order by a.account_no

-- name: drafts_of_run
-- Each correction of a run with before, after and difference, the largest differences first.
select a.account_no, o.invoice_no, x.correction_no, i.invoice_no as correction_invoice_no,
       b.net_zl as before_net_zl, c.net_zl as after_net_zl, c.net_zl - b.net_zl as net_zl,
       b.gross_zl as before_gross_zl, c.gross_zl as after_gross_zl, c.gross_zl - b.gross_zl as gross_zl,
       c.payable_zl - b.payable_zl as payable_zl
from charge c
join correction_snapshot x on x.cycle_id = c.cycle_id and x.invoice_id = c.corrects_id
join charge b on b.charge_id = x.before_charge_id
join invoice o on o.invoice_id = c.corrects_id
join account a on a.account_id = c.account_id
left join invoice i on i.charge_id = c.charge_id
where c.cycle_id = :cycle_id
order by abs(c.gross_zl - b.gross_zl) desc, a.account_no, o.invoice_no
limit :most

-- name: sums_of_run
select count(*) as corrections, count(distinct c.account_id) as accounts,
       coalesce(sum(b.net_zl), 0) as before_net_zl, coalesce(sum(b.gross_zl), 0) as before_gross_zl,
       coalesce(sum(c.net_zl), 0) as after_net_zl, coalesce(sum(c.gross_zl), 0) as after_gross_zl,
       count(*) filter (where c.gross_zl > b.gross_zl) as up, count(*) filter (where c.gross_zl < b.gross_zl) as down,
       coalesce(sum(c.gross_zl - b.gross_zl) filter (where c.gross_zl > b.gross_zl), 0) as up_gross_zl,
       coalesce(sum(c.gross_zl - b.gross_zl) filter (where c.gross_zl < b.gross_zl), 0) as down_gross_zl
from charge c
join correction_snapshot x on x.cycle_id = c.cycle_id and x.invoice_id = c.corrects_id
join charge b on b.charge_id = x.before_charge_id
where c.cycle_id = :cycle_id

-- name: unbilled_tariffs
-- Tariff files of a run that no issued cycle has billed by, and that nobody has switched on.
select f.name, f.sha256
from cycle_input n
join input_file f using (sha256)
where n.cycle_id = :cycle_id and f.kind = 'tariff'
  and not exists (select 1 from tariff_switch s where s.tariff_sha256 = f.sha256)
  and not exists (select 1 from cycle_input e join cycle y using (cycle_id)
                  where e.sha256 = f.sha256 and y.cycle_id <> :cycle_id and y.state in ('issued', 'closed'))
order by f.name

-- name: billed_tariff_days
-- The first days of the tariffs that issued cycles have billed by.
select distinct g.tariff_from
from cycle_group g
join cycle y using (cycle_id)
where y.state in ('issued', 'closed')

-- name: decide_readings
-- The indexes of a run count from now on; who approved the run decided it.
insert into reading_decision (reading_id, decision_no, decision, index_m3, reason, decided_by, decided_via, event_at)
select x.reading_id, coalesce((select max(d.decision_no) from reading_decision d where d.reading_id = x.reading_id), 0) + 1,
       'corrected', x.index_m3, r.reason, a.decided_by, a.decided_via, business_now()
from correction_reading x
join correction_run r using (cycle_id)
join approval a using (cycle_id)
where x.cycle_id = :cycle_id
returning reading_id, index_m3

-- name: deliveries_left
-- Deliveries of a cycle, or of corrections of its invoices, that have left or may have: locked.
select i.invoice_no, d.channel, d.state
from delivery d
join invoice i using (invoice_id)
where (i.cycle_id = :cycle_id
       or i.corrects_id in (select o.invoice_id from invoice o where o.cycle_id = :cycle_id))
  and (d.state not in ('planned', 'archived', 'ready', 'overdue') or d.attempts > 0)
order by i.invoice_no
limit 1

-- name: lock_deliveries
select d.delivery_id from delivery d join invoice i using (invoice_id)
where i.cycle_id = :cycle_id or i.corrects_id in (select o.invoice_id from invoice o where o.cycle_id = :cycle_id)
order by d.delivery_id
for update of d

-- name: forecasts_among
-- Invoices that charge a prognoza.
select i.invoice_no
from invoice i
where i.invoice_id = any(:invoice_ids)
  and exists (select 1 from charge_line l where l.charge_id = i.charge_id and l.origin = 'forecast')
order by i.invoice_no

-- name: beside_of_cycle
-- An invoice with what is charged once and for all: a month's prognoza, its settlement, an ordered service.
select i.invoice_no
from invoice i
join charge_line l using (charge_id)
where i.cycle_id = :cycle_id
  and (l.origin in ('forecast', 'settled_forecast') or l.extra_service_id is not null)
order by i.invoice_no
limit 1

-- name: billed_on
-- An account that a later cycle has billed, or drafted, on from the invoices of this one.
select a.account_no, y.cycle_key
from invoice i
join cycle y using (cycle_id)
join account a using (account_id)
where y.cycle_id <> :cycle_id and y.kind <> 'correction' and y.reversed_by is null
  and exists (select 1 from invoice o
              where o.cycle_id = :cycle_id and o.account_id = i.account_id and o.invoice_id < i.invoice_id)
union all
select a.account_no, y.cycle_key
from drafted_period d
join cycle y using (cycle_id)
join account a using (account_id)
where y.cycle_id <> :cycle_id
  and exists (select 1 from invoice o join billed_period b using (invoice_id)
              where o.cycle_id = :cycle_id and o.account_id = d.account_id and upper(b.period) <= lower(d.period))
order by 1
limit 1

-- name: reversal_at_work
select y.cycle_key
from correction_run r
join cycle y using (cycle_id)
where r.reversed_cycle_id = :cycle_id and y.state in ('opened', 'frozen', 'checked', 'approved')

-- name: mark_reversed
update cycle set reversed_by = :run_id where cycle_id = :cycle_id and reversed_by is null

-- name: cancel_deliveries
-- What is reversed before it left never leaves, and neither does the correction that nobody needs then.
update delivery d
set state = 'cancelled', updated_at = clock_timestamp()
from invoice i
where i.invoice_id = d.invoice_id and d.state in ('planned', 'archived', 'ready', 'overdue')
  and (i.cycle_id = any(:cycle_ids)
       or i.corrects_id in (select o.invoice_id from invoice o where o.cycle_id = any(:cycle_ids)))
returning d.delivery_id

-- name: reopen_holds
-- Holds that the reversed invoices had ended wait again.
update hold_resolution h
set voided_by = new.invoice_id
from invoice new
where new.cycle_id = :run_id and new.corrects_id = h.invoice_id and h.voided_by is null
returning h.cycle_id, h.account_id
