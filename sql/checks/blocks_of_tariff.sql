-- Progressive prices: of all m³ that a point used of a service in the days of one price, each block holds what lies above
-- its threshold and up to the next one's; a m³ exactly at a threshold belongs to the lower block. Thresholds are shared
-- by days like volumes are: a bill's by its own days, a month's by 30, what is reached by a day rounded half up to the
-- meter's digits or to three places (split_places). One price are days in which blocks and subsidy are the same.
with price as materialized (
    select * from cycle_price_days p
    where p.cycle_id = :cycle_id
      and exists (select 1 from cycle_price b where b.cycle_id = :cycle_id and b.block_from_m3 > 0
                                                and b.service = p.service)
), agreed as materialized (
    select * from cycle_subsidy_days where cycle_id = :cycle_id
), had as materialized (
    select c.charge_id, c.account_id, c.channel, p.point_id, supplied ->> 'tariff_class' as tariff_class,
           supplied ->> 'gmina' as gmina, snapshot #>> '{parties,nabywca,kind}' as payer,
           (select (measured ->> 'diameter_mm')::integer from jsonb_array_elements(supplied -> 'registers') as measured
            where coalesce(measured ->> 'purpose', 'main') = 'main'
            order by measured ->> 'installed_on' desc, (measured ->> 'diameter_mm')::integer desc nulls last
            limit 1) as diameter_mm
    from charge c
    join charge_terms s using (charge_id)
    cross join lateral (select s.content::jsonb as snapshot offset 0) parsed
    cross join lateral jsonb_array_elements(snapshot -> 'points') as supplied
    join point p on p.point_no = supplied ->> 'point_no'
    where c.cycle_id = :cycle_id and exists (select 1 from price)
), line as materialized (
    select h.*, l.service, l.line_no, l.period, l.quantity, l.block_from_m3, l.block_until_m3,
           daterange(min(lower(l.period)) over bill, max(upper(l.period)) over bill) as whole,
           case (select value from cycle_model where cycle_id = :cycle_id and name = 'split_places')
               when 'three' then 3 else min(coalesce(i.decimals, 3)) over bill end as places
    from had h
    join charge_line l using (charge_id, point_id)
    left join reading r on r.reading_id = l.current_reading_id
    left join installation i on i.installation_id = r.installation_id
    where l.service in (select service from price)
    window bill as (partition by h.charge_id, h.point_id, l.service)
), priced as (
    select b.charge_id, b.point_id, b.service, p.block_per, part.days * b.whole as days, part.subsidy,
           array_agg(p.block_from_m3 order by p.block_from_m3) as froms,
           array_agg(p.net_zl order by p.block_from_m3) as nets
    from (select distinct charge_id, point_id, service, whole, tariff_class, channel, gmina, payer, diameter_mm
          from line) b
    join price p on p.tariff_class = b.tariff_class and p.channel = b.channel and p.service = b.service
                and p.days && b.whole and (p.payer is null or p.payer = b.payer)
                and (p.diameters is null or p.diameters @> b.diameter_mm)
    cross join lateral (
        select a.days * p.days as days, a.mode || a.zl_m3 as subsidy from agreed a
        where (a.tariff_sha256, a.tariff_group, a.service, a.channel, a.gmina)
              = (p.tariff_sha256, p.tariff_group, p.service, p.channel, b.gmina) and a.days && p.days
        union
        select rest, null
        from unnest(datemultirange(p.days) - coalesce(
                 (select range_agg(a.days) from agreed a
                  where (a.tariff_sha256, a.tariff_group, a.service, a.channel, a.gmina)
                        = (p.tariff_sha256, p.tariff_group, p.service, p.channel, b.gmina)), '{}')) as rest
    ) part
    where part.days && b.whole
    group by b.charge_id, b.point_id, b.service, b.whole, p.tariff_sha256, p.tariff_group, p.block_per, p.season,
             part.days, part.subsidy
), step as (
    select charge_id, point_id, service, block_per, froms, days
    from (select charge_id, point_id, service, block_per, froms, range_agg(days) as same
          from priced
          group by charge_id, point_id, service, block_per, froms, nets, subsidy) alike
    cross join lateral unnest(same) as days
    where cardinality(froms) > 1
), lies as (
    select l.*, s.days, s.block_per, s.froms
    from line l
    left join step s using (charge_id, point_id, service)
    where s.days is null and l.block_from_m3 is not null or s.days @> lower(l.period)
), block as (
    select charge_id, point_id, service, days, total_m3, from_m3,
           lead(from_m3) over (partition by charge_id, point_id, service, days order by block_no) as until_m3
    from (select charge_id, point_id, service, days, whole, places, block_per, froms, sum(quantity) as total_m3
          from lies
          where days is not null
          group by charge_id, point_id, service, days, whole, places, block_per, froms) bill
    cross join lateral (select case block_per when 'bill' then upper(whole) - lower(whole) else 30 end as of_days) of
    cross join lateral unnest(froms) with ordinality as tariff (threshold_m3, block_no)
    cross join lateral (
        select case when block_per = 'bill' and upper(days) = upper(whole) then threshold_m3
                    else round(threshold_m3 * (upper(days) - lower(whole)) / of_days, places) end
               - round(threshold_m3 * (lower(days) - lower(whole)) / of_days, places) as from_m3) share
)
select a.account_no, 'line ' || l.line_no || ': block ' || coalesce(l.block_from_m3::text, 'none') || '..'
       || coalesce(l.block_until_m3::text, '') || ' is none of ' || l.service || ' in ' || coalesce(l.days, l.period) as problem
from lies l
join account a using (account_id)
where not exists (select 1 from block b
                  where (b.charge_id, b.point_id, b.service, b.days, b.from_m3)
                        = (l.charge_id, l.point_id, l.service, l.days, l.block_from_m3)
                    and b.until_m3 is not distinct from l.block_until_m3)
union all
select a.account_no, b.service || ' in ' || b.days || ': ' || coalesce(sum(l.quantity), 0) || ' of ' || b.total_m3
       || ' m3 above ' || b.from_m3 || coalesce(' and up to ' || b.until_m3, '')
from block b
join charge c using (charge_id)
join account a using (account_id)
left join lies l on (l.charge_id, l.point_id, l.service, l.days, l.block_from_m3)
                  = (b.charge_id, b.point_id, b.service, b.days, b.from_m3)
                and l.block_until_m3 is not distinct from b.until_m3
where b.until_m3 is distinct from b.from_m3
group by a.account_no, b.service, b.days, b.total_m3, b.from_m3, b.until_m3
having coalesce(sum(l.quantity), 0) <> greatest(least(b.total_m3, coalesce(b.until_m3, b.total_m3)) - b.from_m3, 0)
union all
select a.account_no, 'line ' || l.line_no || ': block ' || l.block_from_m3 || ' of a price that has none'
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id and l.block_from_m3 is not null
  and not exists (select 1 from cycle_price p
                  where p.cycle_id = :cycle_id and p.tariff_sha256 = l.tariff_sha256
                    and p.tariff_group = l.tariff_group and p.service = l.service and p.block_from_m3 > 0)
