-- No line charges a service, or at a point, that the account did not have when its inputs were frozen; a standing
-- charge names a point only where each point owes one.
with had as materialized (
    select c.charge_id, supplied ->> 'point_no' as point_no, supplied -> 'services' as services
    from charge c
    join snapshot_account s using (cycle_id, account_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    where c.cycle_id = :cycle_id
)
select a.account_no, 'line ' || l.line_no || ': ' || l.service || ' at '
       || coalesce('point ' || p.point_no, 'no point') || ' was not among the services' as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
left join point p using (point_id)
where c.cycle_id = :cycle_id
  and not (is_standing(l.service) and l.point_id is null)
  and not exists (select 1 from had h where h.charge_id = l.charge_id and h.point_no = p.point_no
                                        and (is_standing(l.service) or h.services ? l.service))
