-- A quantity that several registers made is the sum of their parts, each what its register counted between its two readings
-- times a percentage; or its share by days of that sum. The percentage is that of the meter, less the main one's for what
-- lies behind it, and nothing for what would come off by a meter whose legalisation had lapsed. A part of a point behind
-- this one counts only the days of its contract.
with model as materialized (
    select model_figure(:cycle_id, 'jitter_m3') as jitter_m3, model_figure(:cycle_id, 'rollover_share') as rollover_share,
           model_figure(:cycle_id, 'volume_max_m3_day') as max_m3_day,
           (select m.value from cycle_model m where m.cycle_id = :cycle_id and m.name = 'legalisation') as legalisation
), billed_before as materialized (
    -- what the cycle itself bills up to comes first: a correction changes it
    select u.reading_id, u.point_id, coalesce(max(u.index_m3) filter (where u.is_own), max(u.index_m3)) as index_m3
    from (select reading_id, point_id, index_m3, false as is_own from reading_billed
          union all
          select p.current_reading_id, l.point_id, p.current_index_m3, true
          from charge_line_part p
          join charge_line l using (charge_id, line_no)
          join charge c using (charge_id)
          where c.cycle_id = :cycle_id
            and (l.share_days is null or l.share_after_days + l.share_days = l.share_of_days)) u
    where u.reading_id in (select p.previous_reading_id from charge_line_part p join charge c using (charge_id)
                           where c.cycle_id = :cycle_id)
    group by u.reading_id, u.point_id
), part as materialized (
    select l.charge_id, l.line_no, l.service, l.point_id, p.part_no, p.purpose, p.volume_m3, p.percent, p.lapsed_on,
           p.billed, p.previous_index_m3, p.current_index_m3, previous.read_on as previous_on,
           current.read_on as current_on, i.decimals, i.legalised_until, i.point_id as at_point_id,
           previous.is_usable and current.is_usable
               and previous.installation_id = current.installation_id as is_sound,
           case l.service when 'water' then i.water_percent else i.sewage_percent end as own_percent,
           i.purpose as own_purpose, m.legalisation, billed.index_m3 as billed_m3, billed.settles,
           counts.previous_m3, counts.current_m3,
           counted_m3(counts.previous_m3, billed.index_m3, counts.current_m3, i.decimals, i.dials,
                      current.read_on - previous.read_on, billed.settles, m.jitter_m3, m.rollover_share,
                      m.max_m3_day) as counted
    from charge_line l
    join charge c using (charge_id)
    cross join model m
    join charge_line_part p using (charge_id, line_no)
    join reading_now previous on previous.reading_id = p.previous_reading_id
    join reading_now current on current.reading_id = p.current_reading_id
    join installation i on i.installation_id = current.installation_id
    left join billed_before b on b.reading_id = p.previous_reading_id and b.point_id = l.point_id
    left join correction_reading x on x.cycle_id = :cycle_id and x.reading_id = p.previous_reading_id
    left join correction_reading z on z.cycle_id = :cycle_id and z.reading_id = p.current_reading_id
    cross join lateral (select coalesce(x.index_m3, previous.index_m3) as previous_m3,
                               coalesce(z.index_m3, current.index_m3) as current_m3) counts
    cross join lateral (
        select coalesce(b.index_m3, trunc(counts.previous_m3, i.decimals)) as index_m3,
               previous.quality = 'estimated' and current.quality <> 'estimated' as settles) billed
    where c.cycle_id = :cycle_id
      and not exists (select 1 from charge_superseded s where s.charge_id = c.charge_id)
), front as (
    select distinct charge_id, line_no, own_percent from part where own_purpose = 'main' and purpose = 'main'
), judged as (
    select p.*, coalesce(f.own_percent, 100) as front_percent,
           case p.purpose when 'behind' then -coalesce(f.own_percent, 100)
                          when 'garden' then p.own_percent - coalesce(f.own_percent, 100)
                          when 'sub' then p.own_percent - coalesce(f.own_percent, 100)
                          else p.own_percent end as wanted_percent
    from part p
    left join front f using (charge_id, line_no)
), wrong as (
    select charge_id, line_no, 'part ' || part_no || ' does not follow from its readings' as why
    from judged
    where is_sound is not true
       or counted is null
       or previous_index_m3 <> billed_m3
       or current_index_m3 <> case when current_m3 < greatest(previous_m3, billed_m3) and counted = 0 and not settles
                                   then billed_m3 else trunc(current_m3, decimals) end
       or case when billed is null then volume_m3 <> counted
               else volume_m3 not in (
                   share_m3(counted, lower(billed) - previous_on, upper(billed) - lower(billed),
                            current_on - previous_on, decimals),
                   share_m3(counted, lower(billed) - previous_on, upper(billed) - lower(billed),
                            current_on - previous_on, 3)) end
    union all
    select charge_id, line_no, 'part ' || part_no || ' is of ' || percent || ' percent'
    from judged
    where percent <> case when wanted_percent < 0 and legalisation = 'closing_reading' and purpose <> 'behind'
                               and legalised_until < current_on then 0 else wanted_percent end
       or lapsed_on is distinct from case when wanted_percent < 0 and percent = 0 then legalised_until end
    union all
    select charge_id, line_no, 'part ' || part_no || ' is of another point'
    from judged
    where case when purpose = 'behind'
               then at_point_id = point_id or not exists (select 1 from points_below(point_id) b
                                                          where b.point_id = at_point_id)
               else at_point_id is distinct from point_id or own_purpose <> purpose end
    union all
    select s.charge_id, s.line_no, l.volume_m3 || ' m3 is not the sum of its parts'
    from (select charge_id, line_no, round(sum(volume_m3 * percent) / 100, 3) as m3, max(decimals) as decimals,
                 bool_or(settles) as settles
          from part group by charge_id, line_no) s
    join (select l.*, sum(l.quantity) over (partition by l.charge_id, l.point_id, l.service, l.period) as volume_m3
          from charge_line l
          where l.origin is null and (l.charge_id, l.point_id, l.service) in (select charge_id, point_id, service from part)) l
      using (charge_id, line_no)
    where l.quantity < 0 and not s.settles
       or num_nonnulls(l.meter_no, l.previous_reading_id, l.current_reading_id) > 0
       or case when l.share_days is null then l.volume_m3 <> s.m3
               else l.share_of_m3 <> s.m3
                    or l.volume_m3 not in (
                        share_m3(s.m3, l.share_after_days, l.share_days, l.share_of_days, s.decimals),
                        share_m3(s.m3, l.share_after_days, l.share_days, l.share_of_days, 3)) end
)
select a.account_no, 'line ' || w.line_no || ': ' || w.why as problem
from wrong w
join charge c using (charge_id)
join account a using (account_id)
