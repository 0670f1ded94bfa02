-- A metered line carries the subsidy that the tariffs have, as they were frozen, for the gmina of its point, the class
-- of its group, the agreed channel and its service: on each of its days the same mode and rate, or on none of them any.
with agreed as materialized (
    select * from cycle_subsidy_days where cycle_id = :cycle_id
), lies as materialized (
    select c.charge_id, supplied ->> 'point_no' as point_no, supplied ->> 'gmina' as gmina
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    where c.cycle_id = :cycle_id and exists (select 1 from agreed)
), given as materialized (
    select l.charge_id, l.line_no, l.service, l.period, l.gmina, l.subsidy_mode, l.subsidy_zl_m3, l.tariff_sha256,
           l.tariff_group, c.account_id, c.channel, lies.gmina as gmina_of_point
    from charge_line l
    join charge c using (charge_id)
    left join point p using (point_id)
    left join lies on lies.charge_id = l.charge_id and lies.point_no = p.point_no
    where c.cycle_id = :cycle_id and (l.subsidy_mode is not null or lies.gmina is not null)
      and l.origin is distinct from 'settled_forecast'
)
select a.account_no, 'line ' || d.line_no || ': subsidy of ' || coalesce(d.gmina, 'no gmina') || ', '
       || coalesce(d.subsidy_mode || ' ' || d.subsidy_zl_m3, 'none') || ' for ' || d.service || ' in '
       || coalesce(d.gmina_of_point, 'no subsidised gmina') as problem
from given d
join account a using (account_id)
left join cycle_group g on g.cycle_id = :cycle_id and g.tariff_sha256 = d.tariff_sha256
                       and g.tariff_group = d.tariff_group
left join lateral (
    select range_agg(s.days) as days,
           range_agg(s.days) filter (where (s.mode, s.zl_m3) = (d.subsidy_mode, d.subsidy_zl_m3)) as same_days
    from agreed s
    where s.gmina = d.gmina_of_point and s.tariff_class = g.tariff_class and s.channel = d.channel
      and s.service = d.service and s.days && d.period
) says on true
where case when d.subsidy_mode is null then says.days is not null
           else d.gmina is distinct from d.gmina_of_point or (d.period <@ says.same_days) is not true end
