-- name: open_holds
select cycle_key, account_no, code, lower(period) as period_start, upper(period) as period_until, issue_date, age_days,
       facts
from open_hold
where cast(:code as text) is null or code = :code
order by code, issue_date, account_no

-- name: find_hold
-- A hold of any cycle, and how it ended.
select h.cycle_id, h.account_id, y.cycle_key, a.account_no, h.code, h.excluded, h.stage, h.facts,
       lower(y.period) as period_start, upper(y.period) as period_until, y.issue_date, y.state,
       exists (select 1 from open_hold o where o.cycle_id = h.cycle_id and o.account_id = h.account_id) as is_open,
       r.outcome, i.invoice_no, d.cycle_key as draft_cycle, r.reason, r.resolved_by, r.resolved_via, r.event_at as ended_at
from hold h
join cycle y using (cycle_id)
join account a using (account_id)
left join hold_resolution r on r.cycle_id = h.cycle_id and r.account_id = h.account_id and r.voided_by is null
left join invoice i using (invoice_id)
left join cycle d on d.cycle_id = r.draft_cycle_id
where y.cycle_key = :cycle_key and a.account_no = :account_no

-- name: cycle_at_work
-- A cycle that has frozen the account and may still bill it.
select c.cycle_key
from snapshot_account s
join cycle c using (cycle_id)
where s.account_id = :account_id and not c.dry_run and c.state in ('opened', 'frozen', 'checked', 'approved')
  and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                                         and h.stage = 'freeze')
order by c.cycle_id
limit 1

-- name: insert_waiver
insert into hold_resolution (cycle_id, account_id, outcome, reason, resolved_by, resolved_via, event_at)
values (:cycle_id, :account_id, 'waived', :reason, :resolved_by, :resolved_via, business_now())
on conflict do nothing

-- name: insert_waived_days
-- What is left of the account's contracts that ended within the hold's months: from the last billed day to their end.
insert into waived_days (cycle_id, account_id, contract_id, point_id, days, event_at, recorded_by)
select :cycle_id, c.account_id, c.contract_id, c.point_id,
       daterange(greatest(lower(c.valid), billed.until), upper(c.valid)), business_now(), :recorded_by
from contract c
join cycle y on y.cycle_id = :cycle_id
cross join lateral (
    select max(upper(b.period)) as until
    from billed_day b
    where b.account_id = c.account_id and b.point_id = c.point_id and not is_standing(b.service)
      and lower(b.period) < upper(c.valid)) billed
where c.account_id = :account_id and upper(c.valid) <= upper(y.period)
  and (billed.until >= upper(c.valid) - 1) is not true
on conflict do nothing
returning contract_id

-- name: end_billed
-- The open holds of accounts that the cycle has invoiced up to the end of the hold's months, or for good.
insert into hold_resolution (cycle_id, account_id, outcome, invoice_id, resolved_by, resolved_via, event_at)
select o.cycle_id, o.account_id, 'billed', i.invoice_id, :resolved_by, :resolved_via, business_now()
from invoice i
join cycle y using (cycle_id)
join open_hold o on o.account_id = i.account_id
where i.cycle_id = :cycle_id and (upper(o.period) <= upper(y.period) or y.purpose = 'final')
order by o.cycle_id, o.account_id
returning cycle_id, account_id, outcome

-- name: end_drafted
-- The holds of the cycle that carry a draft for KSeF, and the older open ones of their accounts.
insert into hold_resolution (cycle_id, account_id, outcome, draft_cycle_id, resolved_by, resolved_via, event_at)
select o.cycle_id, o.account_id, 'drafted', y.cycle_id, :resolved_by, :resolved_via, business_now()
from hold d
join cycle y using (cycle_id)
join open_hold o on o.account_id = d.account_id
where d.cycle_id = :cycle_id and d.draft is not null and (upper(o.period) <= upper(y.period) or y.purpose = 'final')
order by o.cycle_id, o.account_id
returning cycle_id, account_id, outcome

-- name: holds_to_end
-- How many open holds the cycle would end if it were issued as it stands.
select count(*)
from open_hold o
join cycle y on y.cycle_id = :cycle_id
where (upper(o.period) <= upper(y.period) or y.purpose = 'final') and o.cycle_id <> y.cycle_id
  and (exists (select 1 from charge c where c.cycle_id = y.cycle_id and c.account_id = o.account_id)
       or exists (select 1 from hold h where h.cycle_id = y.cycle_id and h.account_id = o.account_id
                                         and h.draft is not null))

-- name: accounts_to_bill
-- The accounts of these numbers, with what decides whether they may be billed outside the regular cycles: a bill or
-- draft so far, the end of their last contract (null: it lasts), an open hold of months up to the cycle's end, and
-- anything that a final bill would still charge, or pay back of prognozy.
select a.account_id, a.account_no,
       exists (select 1 from invoice i join cycle y using (cycle_id)
               where i.account_id = a.account_id and y.reversed_by is null and y.kind <> 'correction')
       or exists (select 1 from drafted_period d where d.account_id = a.account_id) as is_billed,
       (select case when bool_or(upper_inf(k.valid)) then null else max(upper(k.valid)) end
        from contract k where k.account_id = a.account_id and not isempty(k.valid)) as contract_until,
       exists (select 1 from contract k where k.account_id = a.account_id and not isempty(k.valid)) as has_contract,
       exists (select 1 from open_hold o
               where o.account_id = a.account_id and upper(o.period) <= :until) as is_held,
       exists (
           select 1
           from contract k
           cross join lateral standing_owed(a.account_id, null, :start) o
           where k.account_id = a.account_id and lower(k.valid) < :until
             and (not isempty(datemultirange(k.valid * daterange(null, :until) * daterange(o.standing_from, null))
                              - coalesce(o.waived, '{}'))
                  or (exists (select 1 from installation i
                              where i.point_id = k.point_id and i.installed_on < upper(k.valid) - 1)
                      and not exists (select 1 from waived_days w where w.contract_id = k.contract_id)
                      and not exists (select 1 from billed_day b
                                      where b.account_id = k.account_id and b.point_id = k.point_id
                                        and upper(b.period) >= upper(k.valid) - 1))))
       or exists (select 1 from forecast_line l
                  where l.account_id = a.account_id
                    and not exists (select 1 from forecast_settled s where s.forecast_line_id = l.forecast_line_id))
           as is_unbilled
from account a
where a.account_no = any(:account_nos)
order by a.account_no
