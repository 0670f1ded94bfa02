-- Every frozen register that was read on a later day is billed by exactly one line for each service of its point, with
-- just these two readings: so neither a service nor the old meter of an exchange is left out.
with wanted as materialized (
    select c.charge_id, c.account_id, supplied ->> 'point_no' as point_no, supplied -> 'services' as services,
           (measured #>> '{previous,reading_id}')::bigint as previous_id,
           (measured #>> '{current,reading_id}')::bigint as current_id
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    cross join lateral jsonb_array_elements(supplied -> 'registers') as measured
    where c.cycle_id = :cycle_id and measured #>> '{current,read_on}' > measured #>> '{previous,read_on}'
), billed as materialized (
    select l.charge_id, p.point_no, l.service, l.previous_reading_id, l.current_reading_id, count(*) as lines
    from charge_line l
    join charge c using (charge_id)
    join point p using (point_id)
    where c.cycle_id = :cycle_id and l.service <> 'abonament'
    group by l.charge_id, p.point_no, l.service, l.previous_reading_id, l.current_reading_id
)
select a.account_no, coalesce(b.lines, 0) || ' lines of ' || supplied.service || ' at point ' || w.point_no || ' for readings '
       || w.previous_id || ' and ' || w.current_id as problem
from wanted w
cross join lateral jsonb_array_elements_text(w.services) as supplied (service)
left join billed b on b.charge_id = w.charge_id and b.point_no = w.point_no and b.service = supplied.service
     and b.previous_reading_id = w.previous_id and b.current_reading_id = w.current_id
join account a using (account_id)
where b.lines is distinct from 1
