-- A line that a register measured names both of its readings and its meter; any other names none.
select a.account_no, 'line ' || l.line_no || ': ' || l.service || ' with readings '
       || coalesce(l.previous_reading_id::text, 'none') || ' and ' || coalesce(l.current_reading_id::text, 'none')
       as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id
  and (num_nonnulls(l.previous_reading_id, l.current_reading_id, l.meter_no)
       <> case when l.service in ('water', 'sewage') and l.origin is null then 3 else 0 end)
