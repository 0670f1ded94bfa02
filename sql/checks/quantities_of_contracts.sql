-- A quantity without a meter is what the contract names, or the norm times its persons, month by month, for the days of the
-- line; and every day of the cycle's period for which a contract names one is billed, unless it was already.
with named as materialized (
    select l.charge_id, l.line_no, l.point_id, l.service, l.period, l.quantity, l.origin, l.terms_norm, l.terms_persons,
           l.terms_m3_month, l.share_days, l.share_of_days, l.share_of_m3, l.share_after_days, c.account_id, c.cycle_id,
           case when l.share_days is null then l.period
                else daterange(lower(l.period) - l.share_after_days,
                               lower(l.period) - l.share_after_days + l.share_of_days) end as whole
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.origin in ('norm', 'contract') and l.service in ('water', 'sewage')
), owed as materialized (
    select c.charge_id, c.account_id, k.point_id, q.service, range_agg(q.valid * k.valid * y.period) as days
    from charge c
    join charge_terms y using (charge_id)
    join contract k using (account_id)
    join contract_quantity q using (contract_id)
    where c.cycle_id = :cycle_id and q.valid && (k.valid * y.period)
    group by c.charge_id, c.account_id, k.point_id, q.service
), paid as materialized (
    select point_id, service, range_agg(period) as days
    from billed_day
    where (point_id, service) in (select point_id, service from owed)
    group by point_id, service
), charged as materialized (
    select l.charge_id, l.point_id, l.service, range_agg(l.period) as days
    from charge_line l
    where (l.charge_id, l.point_id, l.service) in (select charge_id, point_id, service from owed)
    group by l.charge_id, l.point_id, l.service
)
select a.account_no, 'line ' || n.line_no || ': ' || n.quantity || ' m3 without a meter does not follow from the contract'
       as problem
from named n
join account a using (account_id)
cross join lateral (select months_m3(n.terms_m3_month, n.whole) as m3) whole
where case when n.share_days is null then n.quantity <> whole.m3
           else n.share_of_m3 <> whole.m3
                or n.quantity <> share_m3(whole.m3, n.share_after_days, n.share_days, n.share_of_days, 3) end
   or not exists (
       select 1
       from contract k
       join contract_quantity q using (contract_id)
       left join cycle_norm f on f.cycle_id = n.cycle_id and f.norm = q.norm
       where k.account_id = n.account_id and k.point_id = n.point_id and q.service = n.service
         and k.valid * q.valid @> n.period and q.basis = n.origin
         and (q.norm, q.persons) is not distinct from (n.terms_norm, n.terms_persons)
         and n.terms_m3_month = coalesce(q.m3_month, f.m3_person_month * q.persons))
union all
select a.account_no, o.service || ' without a meter at point ' || p.point_no || ' is not billed for all of ' || o.days
from owed o
join account a using (account_id)
join point p using (point_id)
left join paid b using (point_id, service)
left join charged l using (charge_id, point_id, service)
where not o.days <@ (coalesce(b.days, '{}') + coalesce(l.days, '{}'))
