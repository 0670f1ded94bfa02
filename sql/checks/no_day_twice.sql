-- No day of a point's service, and no calendar month of a standing charge, has been invoiced or drafted for KSeF before,
-- was billed by the system before this one, or was waived.
with billed as (
    select b.account_id, b.point_id, b.service, b.period from billed_period b
    join invoice v using (invoice_id)
    where v.cycle_id <> :cycle_id and b.superseded_by is null
      and not exists (select 1 from correction_invoice x  -- what the run itself puts right
                      where x.cycle_id = :cycle_id and x.invoice_id = coalesce(v.corrects_id, v.invoice_id))
    union all
    select account_id, point_id, service, period from drafted_period where cycle_id <> :cycle_id
    union all
    select account_id, point_id, service, period from settled_day
), taken as materialized (
    select account_id, point_id, service, 'billed' as as_what,
           case when not is_standing(service) then period
                else daterange(cast(date_trunc('month', cast(lower(period) as timestamp)) as date),
                               first_open_month(upper(period))) end as period
    from billed
    union all
    select r.account_id, null, service, 'waived', y.period
    from hold_resolution r
    join cycle y using (cycle_id)
    cross join unnest(array['abonament', 'abonament_sewage']) as service
    where r.outcome = 'waived'
), charged as materialized (
    select c.account_id, l.point_id, l.service, l.period
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.row_no = 1 and l.service <> 'extra'
      and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
      and not exists (select 1 from charge_superseded s where s.charge_id = c.charge_id)
), twice as (
    select l.account_id, l.service, l.period, b.as_what, b.period as taken_period
    from charged l
    join taken b on b.point_id = l.point_id and b.service = l.service and b.period && l.period
    union all
    select l.account_id, l.service, l.period, b.as_what, b.period
    from charged l
    join taken b on b.account_id = l.account_id and b.service = l.service and b.period && l.period
    where b.point_id is null
)
select a.account_no, t.service || ' ' || t.period || ' was ' || t.as_what || ' as ' || t.taken_period as problem
from twice t
join account a using (account_id)
