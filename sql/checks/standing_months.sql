-- The standing charge is owed for each calendar month that its line touches (standing_months = "touched"), up to the
-- end of the cycle's period; months in which the account was held are made up for. A rate for several months is owed in
-- parts: what the months reach, counted from year 0 and rounded to three places, less what they reached before.
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' ' || l.unit || ' for ' || l.period as problem
from charge_line l
join charge c using (charge_id)
join charge_terms y using (charge_id)
join account a using (account_id)
cross join lateral (
    select extract(year from lower(l.period)) * 12 + extract(month from lower(l.period)) as first,
           extract(year from upper(l.period) - 1) * 12 + extract(month from upper(l.period) - 1) as last,
           case when l.unit ~ '^[0-9]+_months$' then split_part(l.unit, '_', 1)::numeric else 1 end as per) m
where c.cycle_id = :cycle_id and is_standing(l.service)
  and (upper(l.period) > upper(y.period)
       or l.quantity <> round((m.last + 1) / m.per, 3) - round(m.first / m.per, 3))
