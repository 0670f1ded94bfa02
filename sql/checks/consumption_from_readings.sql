-- Each metered quantity is the difference of the two readings, each cut (never rounded) to the meter's decimals; both
-- readings are valid, belong to one installation at the line's point, and span the line's period.
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' m3 does not follow from readings '
       || l.previous_reading_id || ' and ' || l.current_reading_id as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
join reading previous on previous.reading_id = l.previous_reading_id
join reading current on current.reading_id = l.current_reading_id
join installation i on i.installation_id = current.installation_id
where c.cycle_id = :cycle_id
  and (l.quantity <> trunc(current.index_m3, i.decimals) - trunc(previous.index_m3, i.decimals)
       or previous.installation_id <> current.installation_id
       or i.point_id is distinct from l.point_id
       or previous.state <> 'VALID' or current.state <> 'VALID'
       or l.quantity < 0
       or l.period <> daterange(previous.read_on, current.read_on))
