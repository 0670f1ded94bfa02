-- The price of a line is the one that the tariffs have, as they were frozen, for the class of its group, the agreed
-- channel and its service: on each of its days, and for a standing charge on the first day of each of its months.
-- A subsidy that came off the net price is added to it again. The group and the file that the line names are among
-- those that say so. Few combinations make up a whole cycle.
with price as materialized (
    select * from cycle_price_days where cycle_id = :cycle_id
), priced as materialized (
    select distinct c.channel, l.tariff_sha256, l.tariff_group, l.service, l.period, l.price_zl, tariff.net_zl
    from charge_line l
    join charge c using (charge_id)
    cross join lateral (
        select l.price_zl + case l.subsidy_mode when 'net' then l.subsidy_zl_m3 else 0 end as net_zl) tariff
    where c.cycle_id = :cycle_id and l.service not in ('stormwater', 'excess', 'extra')
      and l.origin is distinct from 'settled_forecast'
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
    ) says on true
    cross join lateral (
        select case when d.service <> 'abonament' then datemultirange(d.period)
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
join charge_line l on (l.tariff_sha256, l.tariff_group, l.service, l.period, l.price_zl)
                    = (w.tariff_sha256, w.tariff_group, w.service, w.period, w.price_zl)
                  and w.net_zl = l.price_zl + case l.subsidy_mode when 'net' then l.subsidy_zl_m3 else 0 end
join charge c on c.charge_id = l.charge_id and c.channel = w.channel
join account a using (account_id)
where c.cycle_id = :cycle_id and l.origin is distinct from 'settled_forecast'
