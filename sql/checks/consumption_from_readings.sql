-- Each quantity that one register measured is what it counted between its two readings, from the index up to which the
-- first one was billed (its own, cut to the meter's decimals, if it was not); or its share by days of that: what is reached
-- by the line's end less what was reached before it, rounded half up to the meter's decimals or to three places. Both
-- readings are valid and of one installation at the line's point, and span the line's period.
with billed_before as materialized (
    select u.reading_id, u.point_id, max(u.index_m3) as index_m3
    from reading_billed u
    where u.reading_id in (select l.previous_reading_id from charge_line l join charge c using (charge_id)
                           where c.cycle_id = :cycle_id)
    group by u.reading_id, u.point_id
)
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' m3 does not follow from readings '
       || l.previous_reading_id || ' and ' || l.current_reading_id as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
left join cycle_model m on m.cycle_id = c.cycle_id
join reading_now previous on previous.reading_id = l.previous_reading_id
join reading_now current on current.reading_id = l.current_reading_id
join installation i on i.installation_id = current.installation_id
left join billed_before b on b.reading_id = l.previous_reading_id and b.point_id = l.point_id
cross join lateral (select coalesce(b.index_m3, trunc(previous.index_m3, i.decimals)) as index_m3) billed
cross join lateral (
    select counted_m3(previous.index_m3, billed.index_m3, current.index_m3, i.decimals, i.dials,
                      current.read_on - previous.read_on, m) as m3,
           current.read_on - previous.read_on as days,
           lower(l.period) - previous.read_on as before,
           upper(l.period) - previous.read_on as reached
) whole
where c.cycle_id = :cycle_id
  and (previous.installation_id <> current.installation_id
       or i.point_id is distinct from l.point_id
       or not previous.is_usable or not current.is_usable
       or l.quantity < 0
       or whole.m3 is null
       or l.previous_index_m3 <> billed.index_m3
       or l.current_index_m3
          <> case when current.index_m3 < greatest(previous.index_m3, billed.index_m3) and whole.m3 = 0
                  then billed.index_m3 else trunc(current.index_m3, i.decimals) end
       or case when l.share_days is null
               then l.quantity <> whole.m3 or l.period <> daterange(previous.read_on, current.read_on)
               else (whole.days, whole.m3, whole.before, whole.reached)
                    is distinct from (l.share_of_days, l.share_of_m3, l.share_after_days,
                                      l.share_after_days + l.share_days)
                    or l.quantity not in (
                        share_m3(whole.m3, l.share_after_days, l.share_days, l.share_of_days, i.decimals),
                        share_m3(whole.m3, l.share_after_days, l.share_days, l.share_of_days, 3))
          end)
