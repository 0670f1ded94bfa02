-- The standing charge is owed for each calendar month that its line touches (standing_months = "touched"), up to the
-- end of the cycle's period; months in which the account was held are made up for.
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' months for ' || l.period as problem
from charge_line l
join charge c using (charge_id)
join charge_terms y using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id and l.service = 'abonament'
  and (upper(l.period) > upper(y.period)
       or l.quantity <> (select count(*) from generate_series(
              date_trunc('month', lower(l.period)), upper(l.period) - interval '1 day', interval '1 month')))
