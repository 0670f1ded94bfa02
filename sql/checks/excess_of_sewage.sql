-- The excess of a point: each frozen indicator is charged for each day of sewage, of this charge or of one that came before
-- it was known, from its sampling to its re-test, once; at the price of that sewage, and for the m³ that the days reach of
-- it, rounded half up to three places.
with point_had as materialized (
    select c.charge_id, c.account_id, p.point_id, supplied, p.point_no
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral jsonb_array_elements(s.content::jsonb -> 'points') as supplied
    join point p on p.point_no = supplied ->> 'point_no'
    where c.cycle_id = :cycle_id and supplied -> 'excesses' is not null
), sewage as materialized (
    select h.charge_id, h.account_id, h.point_id, l.period, l.quantity,
           l.price_zl + case l.subsidy_mode when 'net' then l.subsidy_zl_m3 else 0 end as price_zl
    from point_had h
    join charge_line l using (charge_id, point_id)
    where l.service = 'sewage' and coalesce(l.origin, '') not in ('forecast', 'settled_forecast')
    union all
    select h.charge_id, h.account_id, h.point_id,
           daterange((billed #>> '{period,start}')::date, (billed #>> '{period,until}')::date),
           (billed ->> 'quantity_m3')::numeric, (billed ->> 'price_zl')::numeric
    from point_had h
    cross join lateral jsonb_array_elements(h.supplied -> 'sewage_billed') as billed
), wanted as materialized (
    select s.charge_id, s.account_id, s.point_id, s.period as whole, s.quantity, s.price_zl, known ->> 'indicator' as indicator,
           (known ->> 'measured')::numeric as measured, (known ->> 'permitted')::numeric as permitted,
           s.period * daterange((known ->> 'sampled_on')::date, (known ->> 'cleared_on')::date)
           * daterange((h.supplied ->> 'excess_from')::date, null) as days
    from sewage s
    join point_had h using (charge_id, point_id)
    cross join lateral jsonb_array_elements(h.supplied -> 'excesses') as known
), charged as materialized (
    select l.*, c.account_id
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.service = 'excess'
), wrong as (
    select w.account_id, 'excess of ' || w.indicator || ' in ' || w.days || ' stands on ' || count(l.line_no) || ' lines'
           as problem
    from wanted w
    left join charged l on l.charge_id = w.charge_id and l.point_id = w.point_id and l.indicator = w.indicator
                       and l.period <@ w.days and l.price_zl = w.price_zl
                       and (l.indicator_measured, l.indicator_permitted) = (w.measured, w.permitted)
                       and l.quantity = round(w.quantity * (upper(l.period) - lower(w.whole))
                                              / (upper(w.whole) - lower(w.whole)), 3)
                                        - round(w.quantity * (lower(l.period) - lower(w.whole))
                                                / (upper(w.whole) - lower(w.whole)), 3)
    where not isempty(w.days)
    group by w.account_id, w.indicator, w.days, w.whole, w.quantity, w.price_zl
    having coalesce(range_agg(l.period), '{}') <> datemultirange(w.days)
        or sum(upper(l.period) - lower(l.period)) <> upper(w.days) - lower(w.days)
    union all
    select l.account_id, 'line ' || l.line_no || ': no excess of ' || l.indicator || ' in ' || l.period
    from charged l
    where not exists (select 1 from wanted w
                      where w.charge_id = l.charge_id and w.point_id = l.point_id and w.indicator = l.indicator
                        and l.period <@ w.days)
)
select a.account_no, w.problem from wrong w join account a using (account_id)
