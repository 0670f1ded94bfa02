-- The months of each abonament are those, neither billed yet nor waived, with a day under contract whose first such day the
-- tariffs price for the class, the meter, the nabywca and the channel: of the account once, or of each point, as the tariff
-- of the issue date says. Where the tariff of that day has an abonament of sewage, each is owed for points with its
-- service; else the one abonament is owed for every point. No more months and no fewer.
with price as materialized (
    select * from cycle_price_days where cycle_id = :cycle_id and is_standing(service)
), tariff as materialized (
    select distinct g.tariff_sha256, g.tariff_from,
           exists (select 1 from cycle_price p where p.cycle_id = :cycle_id and p.tariff_sha256 = g.tariff_sha256
                                                 and p.service = 'abonament_sewage') as is_parted
    from cycle_group g
    where g.cycle_id = :cycle_id
), parted as materialized (
    select coalesce(range_agg(daterange(tariff_from, until)), '{}') as days
    from (select tariff_from, is_parted, lead(tariff_from) over (order by tariff_from) as until from tariff) each_one
    where is_parted
), per as materialized (
    select y.issue_date, (select g.standing_per from cycle_group g
                          where g.cycle_id = :cycle_id and g.tariff_from <= y.issue_date
                          order by g.tariff_from desc limit 1) as standing_per
    from (select distinct t.issue_date from charge_terms t join charge c using (charge_id)
          where c.cycle_id = :cycle_id) y
), held as materialized (
    select c.charge_id, c.channel, supplied ->> 'tariff_class' as tariff_class, supplied -> 'services' as services,
           case per.standing_per when 'point' then supplied ->> 'point_no' end as payer,
           snapshot -> 'waived_months' as waived_months, snapshot #>> '{parties,nabywca,kind}' as kind,
           (select (measured ->> 'diameter_mm')::integer from jsonb_array_elements(supplied -> 'registers') as measured
            where coalesce(measured ->> 'purpose', 'main') = 'main'
            order by measured ->> 'installed_on' desc, (measured ->> 'diameter_mm')::integer desc nulls last
            limit 1) as diameter_mm,
           daterange(coalesce((supplied ->> 'standing_from')::date, (snapshot ->> 'standing_from')::date,
                              lower(y.period)), null)
           * daterange(null, upper(y.period))
           * daterange((supplied ->> 'contract_from')::date, (supplied ->> 'contract_until')::date) as days
    from charge c
    join charge_terms y using (charge_id)
    join per using (issue_date)
    cross join lateral (select y.content::jsonb as snapshot offset 0) parsed
    cross join lateral jsonb_array_elements(snapshot -> 'points') as supplied
    where c.cycle_id = :cycle_id
      -- a contract that ended before the period and is billed to its end owes nothing more
      and (((supplied ->> 'contract_until')::date <= lower(y.period)) is not true
           or (supplied ->> 'is_settled')::boolean
           or exists (select 1 from jsonb_array_elements(supplied -> 'registers') as measured
                      where (measured #>> '{previous,read_on}')::date < (supplied ->> 'contract_until')::date)
           or exists (select 1 from jsonb_array_elements(coalesce(supplied -> 'unmetered', '[]')) as named
                      where coalesce((named ->> 'billed_until')::date,
                                     greatest((named ->> 'valid_from')::date, (supplied ->> 'contract_from')::date))
                            < (supplied ->> 'contract_until')::date)
           or exists (select 1 from jsonb_array_elements(coalesce(supplied -> 'surfaces', '[]')) as surface
                      where greatest((surface ->> 'valid_from')::date, (supplied ->> 'stormwater_from')::date)
                            < (supplied ->> 'contract_until')::date))
), month as (
    select h.*, month, wanted.service, wanted.is_of_service,
           greatest(month::date, lower(h.days)) as first_day
    from held h
    cross join lateral generate_series(date_trunc('month', lower(h.days)), upper(h.days) - interval '1 day',
                                       interval '1 month') as month
    cross join lateral (values ('abonament', h.services ? 'water'),
                               ('abonament_sewage', h.services ? 'sewage')) wanted (service, is_of_service)
    where not isempty(h.days) and (h.waived_months ? to_char(month, 'YYYY-MM-DD')) is not true
), asked as (
    select charge_id, channel, payer, service, month,
           min(first_day) filter (where is_of_service) as parted_from, min(first_day) as whole_from
    from month
    group by charge_id, channel, payer, service, month
), owing as (
    select charge_id, channel, payer, service, month, parted_from as first_day, true as is_parted
    from asked, parted
    where parted.days @> parted_from
    union all
    select charge_id, channel, payer, service, month, whole_from, false
    from asked, parted
    where service = 'abonament' and (parted.days @> parted_from) is not true and not parted.days @> whole_from
), owed as (
    select charge_id, service, count(*) as months
    from owing o
    where exists (select 1
                  from month m
                  join price p on p.tariff_class = m.tariff_class and (p.payer is null or p.payer = m.kind)
                              and (p.diameters is null or p.diameters @> m.diameter_mm)
                  -- what asks for o stands under "where": under "on" it would be looked up row by row
                  where p.channel = o.channel and p.service = o.service and p.days @> o.first_day
                    and (m.charge_id, m.service, m.month, m.first_day) = (o.charge_id, o.service, o.month, o.first_day)
                    and m.payer is not distinct from o.payer and (m.is_of_service or not o.is_parted))
    group by charge_id, service
), charged as (
    select l.charge_id, l.service,
           sum((extract(year from upper(l.period) - 1) - extract(year from lower(l.period))) * 12
               + extract(month from upper(l.period) - 1) - extract(month from lower(l.period)) + 1) as months
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and is_standing(l.service)
    group by l.charge_id, l.service
)
select a.account_no, coalesce(charged.months, 0) || ' months of ' || service || ' where '
       || coalesce(owed.months, 0) || ' are owed' as problem
from owed
full join charged using (charge_id, service)
join charge c using (charge_id)
join account a using (account_id)
where coalesce(charged.months, 0) <> coalesce(owed.months, 0)
