-- The lines of water or sewage of a point share no day, and the first of them begins where the last billed day of that
-- service ended, unless in between the account had no contract for it, or neither meter nor quantity, or those days were
-- waived.
with metered as materialized (
    select c.account_id, c.charge_id, l.point_id, l.service, count(*) as lines,
           range_agg(l.period) as days, sum(upper(l.period) - lower(l.period)) as days_charged,
           min(lower(l.period)) as begins_on
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.service in ('water', 'sewage') and l.row_no = 1
      and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
    group by c.account_id, c.charge_id, l.point_id, l.service
), seen as (
    select m.account_id, m.charge_id, m.point_id, m.service, m.lines, m.days, m.days_charged, m.begins_on,
           max(upper(b.period)) as billed_until
    from metered m
    left join billed_day b on b.point_id = m.point_id and b.service = m.service and lower(b.period) < m.begins_on
    group by m.account_id, m.charge_id, m.point_id, m.service, m.lines, m.days, m.days_charged, m.begins_on
)
select a.account_no, s.service || ' at point ' || p.point_no || ': ' || s.days || ' in ' || s.lines || ' lines, billed up to '
       || coalesce(s.billed_until::text, 'no day') as problem
from seen s
join account a using (account_id)
join point p using (point_id)
where (s.lines > 1
       and s.days_charged <> (select sum(upper(one) - lower(one)) from unnest(s.days) as one))
   or (coalesce(s.billed_until < s.begins_on, false)  -- null would not stop the search for a contract
       and exists (select 1 from contract k join contract_terms t using (contract_id)
                   cross join lateral (
                       select daterange(i.installed_on, i.removed_on) as days from installation i
                       where i.point_id = k.point_id
                       union all
                       select q.valid from contract_quantity q
                       where q.contract_id = k.contract_id and q.service = s.service) counted
                   where k.point_id = s.point_id and k.account_id = s.account_id and s.service = any (t.services)
                     and k.valid * t.valid * counted.days && daterange(s.billed_until, s.begins_on)
                     and not exists (select 1 from waived_days w where w.contract_id = k.contract_id)))
