-- Each quantity that one register measured is the difference of its two readings, each cut (never rounded) to the meter's
-- decimals, or its share by days of that difference: what is reached by the line's end less what was reached before it,
-- rounded half up to the meter's decimals or to three places. Both readings are valid and of one installation at the
-- line's point, and span the line's period.
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' m3 does not follow from readings '
       || l.previous_reading_id || ' and ' || l.current_reading_id as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
join reading_now previous on previous.reading_id = l.previous_reading_id
join reading_now current on current.reading_id = l.current_reading_id
left join correction_reading x on x.cycle_id = c.cycle_id and x.reading_id = l.previous_reading_id
left join correction_reading z on z.cycle_id = c.cycle_id and z.reading_id = l.current_reading_id
join installation i on i.installation_id = current.installation_id
cross join lateral (
    select trunc(coalesce(z.index_m3, current.index_m3), i.decimals)
           - trunc(coalesce(x.index_m3, previous.index_m3), i.decimals) as m3,
           current.read_on - previous.read_on as days,
           lower(l.period) - previous.read_on as before,
           upper(l.period) - previous.read_on as reached
) whole
where c.cycle_id = :cycle_id
  and not exists (select 1 from charge_superseded s where s.charge_id = c.charge_id)
  and (previous.installation_id <> current.installation_id
       or i.point_id is distinct from l.point_id
       or not previous.is_usable or not current.is_usable
       or l.quantity < 0
       or case when l.share_days is null
               then l.quantity <> whole.m3 or l.period <> daterange(previous.read_on, current.read_on)
               else (whole.days, whole.m3, whole.before, whole.reached)
                    is distinct from (l.share_of_days, l.share_of_m3, l.share_after_days,
                                      l.share_after_days + l.share_days)
                    or l.quantity not in (
                        round(whole.m3 * whole.reached / whole.days, i.decimals)
                        - round(whole.m3 * whole.before / whole.days, i.decimals),
                        round(whole.m3 * whole.reached / whole.days, 3)
                        - round(whole.m3 * whole.before / whole.days, 3))
          end)
