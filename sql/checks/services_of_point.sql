-- No line charges a service, or at a point, that the account did not have when its inputs were frozen; a standing
-- charge names a point only where each point owes one.
with had as materialized (
    select c.charge_id, supplied ->> 'point_no' as point_no, supplied -> 'services' as services,
           supplied -> 'surfaces' as surfaces, supplied -> 'excesses' as excesses
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    where c.cycle_id = :cycle_id
), beside as (
    select h.charge_id, h.point_no, 'stormwater' as service from had h where h.surfaces is not null
    union all
    select h.charge_id, h.point_no, 'excess' from had h where h.excesses is not null and h.services ? 'sewage'
)
select a.account_no, 'line ' || l.line_no || ': ' || l.service || ' at '
       || coalesce('point ' || p.point_no, 'no point') || ' was not among the services' as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
left join point p using (point_id)
where c.cycle_id = :cycle_id
  and not (is_standing(l.service) and l.point_id is null)
  and l.service <> 'extra'
  and not exists (select 1 from beside b where b.charge_id = l.charge_id and b.point_no = p.point_no
                                           and b.service = l.service)
  and not exists (select 1 from had h where h.charge_id = l.charge_id and h.point_no = p.point_no
                                        and (is_standing(l.service)
                                             or l.service in ('water', 'sewage') and h.services ? l.service))
