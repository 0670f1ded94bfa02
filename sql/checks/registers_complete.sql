-- Every frozen register that was read on a later day is billed for each service of its point on all days between the two
-- readings, each once: in one line or, where a price begins in between, in several that follow one another from the first
-- reading to the last. So neither a service nor the old meter of an exchange is left out.
with wanted as materialized (
    select c.charge_id, c.account_id, supplied ->> 'point_no' as point_no, supplied -> 'services' as services,
           measured ->> 'meter_no' as meter_no,
           (measured #>> '{previous,reading_id}')::bigint as previous_id,
           (measured #>> '{current,reading_id}')::bigint as current_id,
           daterange((measured #>> '{previous,read_on}')::date, (measured #>> '{current,read_on}')::date) as days
    from charge c
    join snapshot_account s using (cycle_id, account_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    cross join lateral jsonb_array_elements(supplied -> 'registers') as measured
    where c.cycle_id = :cycle_id and measured #>> '{current,read_on}' > measured #>> '{previous,read_on}'
      -- between two settlements a point is charged by prognozy, whatever was read
      and not exists (select 1 from charge_line l join point p using (point_id)
                      where l.charge_id = c.charge_id and l.origin = 'forecast' and p.point_no = supplied ->> 'point_no')
), billed as materialized (
    select l.charge_id, p.point_no, l.service, l.meter_no, count(*) as lines,
           daterange(min(lower(l.period)), max(upper(l.period))) as days,
           sum(upper(l.period) - lower(l.period)) as days_charged,
           (array_agg(l.previous_reading_id order by l.period))[1] as previous_id,
           (array_agg(l.current_reading_id order by l.period desc))[1] as current_id
    from charge_line l
    join charge c using (charge_id)
    join point p using (point_id)
    where c.cycle_id = :cycle_id and not is_standing(l.service) and l.row_no = 1
    group by l.charge_id, p.point_no, l.service, l.meter_no
)
select a.account_no, coalesce(b.lines, 0) || ' lines of ' || supplied.service || ' at point ' || w.point_no || ' for readings '
       || w.previous_id || ' and ' || w.current_id as problem
from wanted w
cross join lateral jsonb_array_elements_text(w.services) as supplied (service)
left join billed b on b.charge_id = w.charge_id and b.point_no = w.point_no and b.service = supplied.service
     and b.meter_no = w.meter_no
join account a using (account_id)
where supplied.service in ('water', 'sewage')
  and (b.previous_id, b.current_id, b.days, b.days_charged)
      is distinct from (w.previous_id, w.current_id, w.days, upper(w.days) - lower(w.days))
