-- The months of the standing charge are those, neither billed yet nor waived, with a day under contract whose first such
-- day the tariffs price for the class and channel: of the account once, or of each point, as the tariff of the issue
-- date says. No more and no fewer.
with price as materialized (
    select * from cycle_price_days where cycle_id = :cycle_id and service = 'abonament'
), per as materialized (
    select y.issue_date, (select g.standing_per from cycle_group g
                          where g.cycle_id = :cycle_id and g.tariff_from <= y.issue_date
                          order by g.tariff_from desc limit 1) as standing_per
    from (select distinct t.issue_date from charge_terms t join charge c using (charge_id)
          where c.cycle_id = :cycle_id) y
), held as materialized (
    select c.charge_id, c.channel, supplied ->> 'tariff_class' as tariff_class,
           case per.standing_per when 'point' then supplied ->> 'point_no' end as payer,
           snapshot -> 'waived_months' as waived_months,
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
                      where (measured #>> '{previous,read_on}')::date < (supplied ->> 'contract_until')::date))
), owed as (
    select charge_id, count(*) as months
    from (select h.charge_id, h.channel, h.payer, month, min(h.tariff_class) as tariff_class,
                 min(greatest(month::date, lower(h.days))) as first_day
          from held h
          cross join lateral generate_series(date_trunc('month', lower(h.days)), upper(h.days) - interval '1 day',
                                             interval '1 month') as month
          where not isempty(h.days) and (h.waived_months ? to_char(month, 'YYYY-MM-DD')) is not true
          group by h.charge_id, h.channel, h.payer, month) m
    where exists (select 1 from price p
                  where p.tariff_class = m.tariff_class and p.channel = m.channel and p.days @> m.first_day)
    group by charge_id
), charged as (
    select l.charge_id, sum(l.quantity) as months
    from charge_line l
    join charge c using (charge_id)
    where c.cycle_id = :cycle_id and l.service = 'abonament'
    group by l.charge_id
)
select a.account_no, coalesce(charged.months, 0) || ' months of abonament where '
       || coalesce(owed.months, 0) || ' are owed' as problem
from charge c
join account a using (account_id)
left join owed using (charge_id)
left join charged using (charge_id)
where c.cycle_id = :cycle_id and coalesce(charged.months, 0) <> coalesce(owed.months, 0)
