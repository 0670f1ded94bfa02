-- Each quantity that one register measured is what it counted between its two readings, from the index up to which the
-- first one was billed (its own, cut to the meter's decimals, if it was not); or its share by days of that: what is
-- reached by the line's end less what was reached before it, rounded half up to the meter's decimals or to three places.
-- Lines of the same days (blocks) make the quantity together. Only what settles an estimate may be below zero. Both
-- readings count, are of one installation at the line's point, and span the line's period.
with line as materialized (
    select c.account_id, l.*,
           sum(l.quantity) over (partition by l.charge_id, l.point_id, l.service, l.period, l.current_reading_id)
               as volume_m3
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.current_reading_id is not null
      and not exists (select 1 from charge_superseded s where s.charge_id = c.charge_id)
), model as materialized (
    select model_figure(:cycle_id, 'jitter_m3') as jitter_m3, model_figure(:cycle_id, 'rollover_share') as rollover_share,
           model_figure(:cycle_id, 'volume_max_m3_day') as max_m3_day,
           (select m.value from cycle_model m where m.cycle_id = :cycle_id and m.name = 'legalisation') as legalisation
), billed_before as materialized (
    select u.reading_id, u.point_id, max(u.index_m3) as index_m3
    from reading_billed u
    where u.reading_id in (select previous_reading_id from line)
    group by u.reading_id, u.point_id
)
select a.account_no, 'line ' || l.line_no || ': ' || l.volume_m3 || ' m3 does not follow from readings '
       || l.previous_reading_id || ' and ' || l.current_reading_id as problem
from line l
cross join model m
join account a using (account_id)
join reading_now previous on previous.reading_id = l.previous_reading_id
join reading_now current on current.reading_id = l.current_reading_id
left join correction_reading x on x.cycle_id = :cycle_id and x.reading_id = l.previous_reading_id
left join correction_reading z on z.cycle_id = :cycle_id and z.reading_id = l.current_reading_id
join installation i on i.installation_id = current.installation_id
left join billed_before b on b.reading_id = l.previous_reading_id and b.point_id = l.point_id
cross join lateral (
    select coalesce(x.index_m3, previous.index_m3) as previous_m3, coalesce(z.index_m3, current.index_m3) as current_m3,
           previous.quality = 'estimated' and current.quality <> 'estimated' as settles) counts
cross join lateral (
    select case when x.index_m3 is null then coalesce(b.index_m3, trunc(previous.index_m3, i.decimals))
                else trunc(x.index_m3, i.decimals) end as index_m3, counts.settles) billed
cross join lateral (
    select counted_m3(counts.previous_m3, billed.index_m3, counts.current_m3, i.decimals, i.dials,
                      current.read_on - previous.read_on, billed.settles, m.jitter_m3, m.rollover_share, m.max_m3_day)
               as m3,
           current.read_on - previous.read_on as days,
           lower(l.period) - previous.read_on as before,
           upper(l.period) - previous.read_on as reached
) whole
where previous.installation_id <> current.installation_id
   or i.point_id is distinct from l.point_id
   or not previous.is_usable or not current.is_usable
   or l.quantity < 0 and not billed.settles
   or whole.m3 is null
   or l.previous_index_m3 <> billed.index_m3
   or l.current_index_m3
      <> case when counts.current_m3 < greatest(counts.previous_m3, billed.index_m3) and whole.m3 = 0 and not billed.settles
              then billed.index_m3 else trunc(counts.current_m3, i.decimals) end
   or case when l.share_days is null
           then l.volume_m3 <> whole.m3 or l.period <> daterange(previous.read_on, current.read_on)
           else (whole.days, whole.m3, whole.before, whole.reached)
                is distinct from (l.share_of_days, l.share_of_m3, l.share_after_days, l.share_after_days + l.share_days)
                or l.volume_m3 not in (
                    share_m3(whole.m3, l.share_after_days, l.share_days, l.share_of_days, i.decimals),
                    share_m3(whole.m3, l.share_after_days, l.share_days, l.share_of_days, 3))
      end
