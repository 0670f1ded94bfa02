-- A metered line names both of its readings and its meter, a standing charge names none.
select a.account_no, 'line ' || l.line_no || ': ' || l.service || ' with readings '
       || coalesce(l.previous_reading_id::text, 'none') || ' and ' || coalesce(l.current_reading_id::text, 'none')
       as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id
  and (num_nonnulls(l.previous_reading_id, l.current_reading_id, l.meter_no)
       <> case when is_standing(l.service) then 0 else 3 end)
