-- A prognoza charges what was agreed when the inputs were frozen: the mean of a day of the previous settlement period times
-- the days, else the month's quantity times the months (a part of one by its days); from the first month neither forecast
-- nor settled to the end of the cycle, no month twice, and not beside real water of the same service.
-- (377580 is a multiple of 28, 29, 30 and 31.)
with charged as materialized (
    select c.account_id, l.charge_id, l.point_id, p.point_no, l.service,
           sum(l.quantity) as quantity, daterange(min(lower(l.period)), max(upper(l.period))) as days
    from charge_line l
    join charge c using (charge_id)
    left join point p using (point_id)
    where c.cycle_id = :cycle_id and l.origin = 'forecast'
    group by c.account_id, l.charge_id, l.point_id, p.point_no, l.service
), agreed as materialized (
    select d.*, y.period as cycle_period, supplied ->> 'contract_from' as contract_from, supplied -> 'forecast' as terms,
           supplied -> 'forecast' -> (d.service || '_mean') as mean
    from charged d
    join cycle y on y.cycle_id = :cycle_id
    join snapshot_account s on s.cycle_id = y.cycle_id and s.account_id = d.account_id
    left join lateral (select point as supplied from jsonb_array_elements(s.content::jsonb -> 'points') as point
                       where point ->> 'point_no' = d.point_no and point ? 'forecast') had on true
), wrong as (
    select g.account_id, g.service || ' at point ' || g.point_no || ': ' || g.quantity || ' m3 for ' || g.days
           || ' were not agreed' as problem
    from agreed g
    cross join lateral (
        select sum((least(upper(g.days), month::date + length) - greatest(lower(g.days), month::date))
                   * (377580 / length)) as scaled
        from generate_series(date_trunc('month', lower(g.days)), upper(g.days) - interval '1 day',
                             interval '1 month') as month
        cross join lateral (select (month + interval '1 month')::date - month::date as length) m
    ) months
    where (g.quantity = case
        when g.terms ->> 'basis' = 'mean' and jsonb_typeof(g.mean) = 'object'
            then round((g.mean ->> 'volume_m3')::numeric(60, 30) * (upper(g.days) - lower(g.days))
                       / (g.mean ->> 'days')::integer, 3)
        else round(((g.terms ->> (g.service || '_m3_month'))::numeric * months.scaled)::numeric(60, 30) / 377580, 3)
        end) is not true
       or g.days is distinct from daterange(
            greatest(coalesce((g.terms ->> 'start')::date, lower(g.cycle_period)), g.contract_from::date),
            upper(g.cycle_period))
    union all
    select d.account_id, d.service || ' at point ' || d.point_no || ': ' || d.days || ' was forecast before'
    from charged d
    join forecast_line f on f.point_id = d.point_id and f.service = d.service and f.period && d.days
    where f.cycle_id <> :cycle_id
    union all
    select d.account_id, d.service || ' at point ' || d.point_no || ' is forecast and charged from readings'
    from charged d
    join charge_line l on l.charge_id = d.charge_id and l.point_id = d.point_id and l.service = d.service
    where coalesce(l.origin, '') <> 'forecast'
)
select a.account_no, w.problem from wrong w join account a using (account_id)
