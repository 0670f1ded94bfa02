-- The stormwater of a point: every day of each frozen surface, from the first one not charged yet to the end of the cycle
-- and of the contract, stands on one line; and a line's quantity is its area times its months, a twelfth of a year each
-- unless the price is for a month, a part of a month by its days. (377580 is a multiple of 28, 29, 30 and 31.)
with had as materialized (
    select c.charge_id, c.account_id, supplied ->> 'point_no' as point_no, known ->> 'surface' as surface,
           (known ->> 'area_m2')::numeric as area_m2, known ->> 'item_code' as item_code,
           daterange((known ->> 'valid_from')::date, (known ->> 'valid_until')::date)
           * daterange((supplied ->> 'contract_from')::date, (supplied ->> 'contract_until')::date)
           * daterange((supplied ->> 'stormwater_from')::date, upper(y.period)) as days
    from charge c
    join charge_terms y using (charge_id)
    cross join lateral jsonb_array_elements(y.content::jsonb -> 'points') as supplied
    cross join lateral jsonb_array_elements(supplied -> 'surfaces') as known
    where c.cycle_id = :cycle_id
), charged as materialized (
    select l.charge_id, c.account_id, l.line_no, p.point_no, l.surface, l.area_m2, l.tariff_group, l.period, l.unit, l.quantity,
           l.m3_per_m2_year, l.row_no
    from charge_line l
    join charge c using (charge_id)
    join point p using (point_id)
    where c.cycle_id = :cycle_id and l.service = 'stormwater'
), wrong as (
    select h.account_id, 'stormwater of ' || h.surface || ' at point ' || h.point_no || ', days ' || h.days
           || ' stand on ' || count(l.line_no) || ' lines' as problem
    from had h
    left join charged l on l.charge_id = h.charge_id and l.point_no = h.point_no and l.surface = h.surface
                       and l.area_m2 = h.area_m2 and l.tariff_group = h.item_code and l.period <@ h.days
    where not isempty(h.days)
    group by h.account_id, h.surface, h.point_no, h.days
    having coalesce(range_agg(l.period), '{}') <> datemultirange(h.days)
        or sum(upper(l.period) - lower(l.period)) <> upper(h.days) - lower(h.days)
    union all
    select l.account_id, 'line ' || l.line_no || ': no such surface: ' || l.surface || ', ' || l.area_m2 || ' m2'
    from charged l
    where not exists (select 1 from had h
                      where h.charge_id = l.charge_id and h.point_no = l.point_no and h.surface = l.surface
                        and h.area_m2 = l.area_m2 and h.item_code = l.tariff_group and l.period <@ h.days)
    union all
    select l.account_id, 'line ' || l.line_no || ': ' || l.quantity || ' does not follow from ' || l.area_m2 || ' m2'
    from charged l
    cross join lateral (
        select sum((least(upper(l.period), month::date + length) - greatest(lower(l.period), month::date))
                   * (377580 / length)) as scaled
        from generate_series(date_trunc('month', lower(l.period)), upper(l.period) - interval '1 day',
                             interval '1 month') as month
        cross join lateral (select (month + interval '1 month')::date - month::date as length) m
    ) months
    where l.quantity <> round((l.area_m2 * coalesce(l.m3_per_m2_year, 1) * months.scaled)::numeric(60, 30)
                              / (377580 * case l.unit when 'm2_month' then 1 else 12 end), 3)
    union all
    select l.account_id, 'stormwater at point ' || l.point_no || ' from ' || lower(l.period) || ': rows are not numbered'
    from charged l
    group by l.account_id, l.point_no, l.period
    having (min(l.row_no), max(l.row_no), count(distinct l.row_no)) <> (1, count(*), count(*))
)
select a.account_no, w.problem from wrong w join account a using (account_id)
