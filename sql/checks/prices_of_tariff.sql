-- The price of a line is the one that the tariffs have, as they were frozen, for the class of its group, the agreed
-- channel, the meter and the nabywca of its point, and its service: on each of its days, and for a standing charge on the
-- first day of each of its months. A subsidy that came off the net price is added to it again. The group and the file
-- that the line names are among those that say so. Few combinations make up a whole cycle. A block that begins at 0 and
-- has no end is the last one of so few days that rounding left nothing of those below (blocks_of_tariff tells blocks apart).
with price as materialized (
    select p.*, count(*) over (partition by tariff_sha256, tariff_group, channel, service, season, days) as blocks
    from cycle_price_days p
    where cycle_id = :cycle_id
), told_apart as materialized (
    select exists (select 1 from cycle_group where cycle_id = :cycle_id and num_nonnulls(diameters, payer) > 0) as it_is
), kind as materialized (
    select c.charge_id, supplied ->> 'point_no' as point_no, snapshot #>> '{parties,nabywca,kind}' as payer,
           (select (measured ->> 'diameter_mm')::integer from jsonb_array_elements(supplied -> 'registers') as measured
            where coalesce(measured ->> 'purpose', 'main') = 'main'
            order by measured ->> 'installed_on' desc, (measured ->> 'diameter_mm')::integer desc nulls last
            limit 1) as diameter_mm
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral (select s.content::jsonb as snapshot offset 0) parsed
    cross join lateral jsonb_array_elements(snapshot -> 'points') as supplied
    where c.cycle_id = :cycle_id and (select it_is from told_apart)
), line as materialized (
    select c.account_id, c.channel, l.line_no, l.tariff_sha256, l.tariff_group, l.service, l.period, l.price_zl, l.unit,
           l.block_from_m3 > 0 or l.block_from_m3 = 0 and l.block_until_m3 is null as is_upper_block, k.payer, k.diameter_mm,
           l.price_zl + case l.subsidy_mode when 'net' then l.subsidy_zl_m3 else 0 end as net_zl
    from charge_line l
    join charge c using (charge_id)
    left join point p using (point_id)
    left join lateral (select payer, max(diameter_mm) as diameter_mm from kind
                       where kind.charge_id = l.charge_id and kind.point_no = coalesce(p.point_no, kind.point_no)
                       group by payer) k on (select it_is from told_apart)
    where c.cycle_id = :cycle_id and l.service in (select service from price)
      and l.service not in ('stormwater', 'excess', 'extra') and l.origin is distinct from 'settled_forecast'
), priced as materialized (
    select distinct channel, tariff_sha256, tariff_group, service, period, price_zl, unit, is_upper_block, payer,
           diameter_mm, net_zl
    from line
), wrong as materialized (
    select d.*
    from priced d
    left join cycle_group g on g.cycle_id = :cycle_id and g.tariff_sha256 = d.tariff_sha256
                           and g.tariff_group = d.tariff_group
    left join lateral (
        select range_agg(p.days) as days,
               bool_or(p.tariff_sha256 = d.tariff_sha256 and p.tariff_group = d.tariff_group) as is_named
        from price p
        where p.tariff_class = g.tariff_class and p.channel = d.channel and p.service = d.service
          and p.net_zl = d.net_zl and p.days && d.period
          and ((p.block_from_m3 > 0) = coalesce(d.is_upper_block, false) or p.blocks > 2 and not d.is_upper_block)
          and (p.payer is null or p.payer = d.payer) and (p.diameters is null or p.diameters @> d.diameter_mm)
          and d.unit = case when not is_standing(p.service) then 'm3'
                            when p.per_months = 1 then 'month' else p.per_months || '_months' end
    ) says on true
    cross join lateral (
        select case when not is_standing(d.service) then datemultirange(d.period)
                    else (select range_agg(daterange(day, day + 1))
                          from (select greatest(month::date, lower(d.period)) as day
                                from generate_series(date_trunc('month', lower(d.period)),
                                                     upper(d.period) - interval '1 day', interval '1 month') as month) m)
               end as days
    ) wanted
    where says.is_named is not true or not wanted.days <@ says.days
)
select a.account_no, 'line ' || l.line_no || ': ' || l.service || ' of group ' || l.tariff_group
       || ' does not cost ' || w.net_zl || ' in all of ' || l.period as problem
from wrong w
join line l on (l.channel, l.tariff_sha256, l.tariff_group, l.service, l.period, l.price_zl, l.net_zl, l.unit,
                l.is_upper_block)
             = (w.channel, w.tariff_sha256, w.tariff_group, w.service, w.period, w.price_zl, w.net_zl, w.unit,
                w.is_upper_block)
           and l.payer is not distinct from w.payer and l.diameter_mm is not distinct from w.diameter_mm
join account a using (account_id)
