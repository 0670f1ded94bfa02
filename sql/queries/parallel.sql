-- name: ask
create temporary table asked (
    account_no text, issue_date date, start date, until date, account_id bigint
) on commit drop

-- name: asked_ids
update asked set account_id = a.account_id from account a where a.account_no = asked.account_no

-- name: analyze_asked
analyze asked

-- name: accounts
-- The channel agreed for the old day of issue, and the day on which payer or nabywca last changed before it.
select q.account_no, q.account_id, d.channel, d.consent_id,
       (select max(lower(h.valid)) from account_party h
        where h.account_id = q.account_id and h.role in ('payer', 'nabywca') and h.valid @> q.issue_date
          and exists (select 1 from account_party earlier
                      where earlier.account_id = h.account_id and earlier.role = h.role
                        and earlier.party_id <> h.party_id and upper(earlier.valid) <= lower(h.valid)))
           as handed_over_on
from asked q
cross join lateral (
    select of_all.channel, of_all.consent_id
    from agreed_delivery(q.issue_date) of_all where of_all.account_id = q.account_id limit 1) d

-- name: parties
select ap.account_id, ap.role, p.party_no, d.kind, d.name, d.nip, d.street, d.postcode, d.city
from asked q
join account_party ap on ap.account_id = q.account_id and ap.valid @> q.issue_date
join party p using (party_id)
join party_details d on d.party_id = p.party_id and d.valid @> q.issue_date

-- name: contracts
-- Contracts in force in the months of the invoice, and those that ended in the year before: their last bill may be it.
select c.account_id, c.contract_id, c.contract_no, t.tariff_class, t.services, lower(c.valid) as contract_from,
       upper(c.valid) as contract_until, p.point_no, p.street, p.postcode, p.city, q.until as period_until,
       (select count(*) from point behind where behind.parent_point_id = p.point_id) as points_behind, lies.gmina,
       c.valid && daterange(q.start, q.until) as in_force
from asked q
join contract c on c.account_id = q.account_id
     and c.valid && daterange((q.start - interval '1 year')::date, q.until)
join point p using (point_id)
left join point_gmina lies using (point_id)
join contract_terms t on t.contract_id = c.contract_id
                     and t.valid @> least(q.issue_date, upper(c.valid) - 1)
order by c.account_id, p.point_no, lower(c.valid)

-- name: installations
select c.contract_id, m.meter_no, i.register, i.dials, i.decimals, i.installed_on, i.removed_on, i.purpose,
       i.water_percent, i.sewage_percent, i.legalised_until, i.diameter_mm
from asked q
join contract c on c.account_id = q.account_id
     and c.valid && daterange((q.start - interval '1 year')::date, q.until)
join installation i on i.point_id = c.point_id and i.installed_on < q.until
     and coalesce(i.removed_on, 'infinity') >= q.start - interval '1 year'
join meter m using (meter_id)
order by c.contract_id, i.installed_on, m.meter_no, i.register

-- name: accounts_of_points
select distinct a.account_no
from unnest(cast(:point_nos as text[])) as given (point_no)
join point p using (point_no)
join contract c on c.point_id = p.point_id and c.valid && daterange(:start, :until)
join account a using (account_id)

-- name: next_attempt
select coalesce(max(attempt), 0) + 1 from parallel_run where name = :name

-- name: insert_run
insert into parallel_run (name, attempt, sha256s, compared, equal, differing, event_at, started_by, started_via)
values (:name, :attempt, :sha256s, :compared, :equal, :differing, business_now(), :started_by, :started_via)
returning run_id

-- name: states
select name, attempt, compared, equal, differing, accepted, run_id, started_by from parallel_state order by name

-- name: by_cause
select x.cause, a.account_no is not null as accepted, count(*) as invoices, sum(x.difference_zl) as difference_zl,
       sum(abs(x.difference_zl)) as absolute_zl
from parallel_result x
join parallel_run r using (run_id)
left join parallel_acceptance a on a.name = r.name and a.account_no = x.account_no and a.fingerprint = x.fingerprint
where x.run_id = :run_id and x.cause is not null
group by x.cause, a.account_no is not null
order by x.cause, 2

-- name: differences
select x.account_no, x.invoice_no, x.cause, x.old_gross_zl, x.new_gross_zl, x.difference_zl, x.facts,
       a.account_no is not null as accepted, a.accepted_by, a.note
from parallel_result x
join parallel_run r using (run_id)
left join parallel_acceptance a on a.name = r.name and a.account_no = x.account_no and a.fingerprint = x.fingerprint
where x.run_id = :run_id and x.cause is not null and (cast(:cause as text) is null or x.cause = :cause)
order by a.account_no is not null, x.cause, x.account_no

-- name: result
select x.account_no, x.invoice_no, x.cause, x.old_gross_zl, x.new_gross_zl, x.difference_zl, x.facts, x.fingerprint,
       x.old, x.new, a.accepted_by, a.note
from parallel_result x
join parallel_run r using (run_id)
left join parallel_acceptance a on a.name = r.name and a.account_no = x.account_no and a.fingerprint = x.fingerprint
where x.run_id = :run_id and x.account_no = :account_no

-- name: accept
insert into parallel_acceptance (name, account_no, fingerprint, note, accepted_by, accepted_via, event_at)
values (:name, :account_no, :fingerprint, :note, :accepted_by, :accepted_via, business_now())
