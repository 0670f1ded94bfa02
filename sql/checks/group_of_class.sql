-- The tariff group of a line is one for the frozen class and main meter of its point (of any of its points where the
-- recipient owes the charge), for the kind of the nabywca and for the channel that was priced.
with had as materialized (
    select c.charge_id, supplied ->> 'point_no' as point_no, supplied ->> 'tariff_class' as tariff_class,
           snapshot #>> '{parties,nabywca,kind}' as payer,
           (select (measured ->> 'diameter_mm')::integer from jsonb_array_elements(supplied -> 'registers') as measured
            where coalesce(measured ->> 'purpose', 'main') = 'main'
            order by measured ->> 'installed_on' desc, (measured ->> 'diameter_mm')::integer desc nulls last
            limit 1) as diameter_mm
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral (select s.content::jsonb as snapshot offset 0) parsed
    cross join lateral jsonb_array_elements(snapshot -> 'points') as supplied
    where c.cycle_id = :cycle_id
), fitting as (
    select charge_id, point_no, tariff_class, payer, diameter_mm from had
    union
    select charge_id, '', tariff_class, payer, diameter_mm from had
)
select distinct a.account_no, 'line ' || l.line_no || ': group ' || l.tariff_group || ' is not one for ' || c.channel
       || ' at ' || coalesce('point ' || p.point_no, 'these points') as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
left join point p using (point_id)
left join cycle_group g on g.cycle_id = :cycle_id and g.tariff_sha256 = l.tariff_sha256
                       and g.tariff_group = l.tariff_group
left join fitting f on f.charge_id = l.charge_id and f.point_no = coalesce(p.point_no, '')
                   and f.tariff_class = g.tariff_class and (g.payer is null or g.payer = f.payer)
                   and (g.diameters is null or g.diameters @> f.diameter_mm)
where c.cycle_id = :cycle_id and l.service not in ('stormwater', 'excess', 'extra')
  and l.origin is distinct from 'settled_forecast' and (f.charge_id is null or not c.channel = any (g.channels))
