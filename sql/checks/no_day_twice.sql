-- No day of a point's service, and no month of an account's standing charge, has been invoiced or drafted for KSeF
-- before, or was billed by the system before this one.
with billed as (
    select b.account_id, b.point_id, b.service, b.period from billed_period b
    join invoice v using (invoice_id)
    where v.cycle_id <> :cycle_id
    union all
    select account_id, point_id, service, period from drafted_period where cycle_id <> :cycle_id
    union all
    select account_id, point_id, service, period from settled_day
)
select a.account_no, l.service || ' ' || l.period || ' was billed as ' || b.period as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
join billed b on b.service = l.service and b.period && l.period
     and (b.point_id = l.point_id or (b.point_id is null and l.service = 'abonament' and b.account_id = c.account_id))
where c.cycle_id = :cycle_id
