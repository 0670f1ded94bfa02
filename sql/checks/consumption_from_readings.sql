-- Each quantity that one register measured is the difference of its two readings, each cut (never rounded) to the meter's
-- decimals, or its share by days of that difference: what is reached by the line's end less what was reached before it,
-- rounded half up to the meter's decimals or to three places. Lines of the same days (blocks) make the quantity together.
-- Only what settles an estimate may be below zero. Both readings count, are of one installation at the line's point, and
-- span the line's period.
with line as materialized (
    select c.account_id, l.*,
           sum(l.quantity) over (partition by l.charge_id, l.point_id, l.service, l.period, l.current_reading_id)
               as volume_m3
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.current_reading_id is not null
)
select a.account_no, 'line ' || l.line_no || ': ' || l.volume_m3 || ' m3 does not follow from readings '
       || l.previous_reading_id || ' and ' || l.current_reading_id as problem
from line l
join account a using (account_id)
join reading_now previous on previous.reading_id = l.previous_reading_id
join reading_now current on current.reading_id = l.current_reading_id
join installation i on i.installation_id = current.installation_id
cross join lateral (
    select trunc(current.index_m3, i.decimals) - trunc(previous.index_m3, i.decimals) as m3,
           current.read_on - previous.read_on as days,
           lower(l.period) - previous.read_on as before,
           upper(l.period) - previous.read_on as reached
) whole
where previous.installation_id <> current.installation_id
   or i.point_id is distinct from l.point_id
   or not previous.is_usable or not current.is_usable
   or l.quantity < 0 and not (previous.quality = 'estimated' and current.quality <> 'estimated')
   or case when l.share_days is null
           then l.volume_m3 <> whole.m3 or l.period <> daterange(previous.read_on, current.read_on)
           else (whole.days, whole.m3, whole.before, whole.reached)
                is distinct from (l.share_of_days, l.share_of_m3, l.share_after_days,
                                  l.share_after_days + l.share_days)
                or l.volume_m3 not in (
                    round(whole.m3 * whole.reached / whole.days, i.decimals)
                    - round(whole.m3 * whole.before / whole.days, i.decimals),
                    round(whole.m3 * whole.reached / whole.days, 3)
                    - round(whole.m3 * whole.before / whole.days, 3))
      end
