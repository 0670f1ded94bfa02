-- The VAT rate of a line is that of its service on the issue date, of an excess that of sewage, of a correction on that of
-- the corrected invoice; of what a price list prices its item's. What a settlement takes off keeps the rate of its prognoza.
with rate as materialized (
    select distinct p.service, p.vat_rate, t.terms_cycle_id
    from (select distinct terms_cycle_id from charge_terms join charge c using (charge_id)
          where c.cycle_id = :cycle_id) t
    join cycle_price p on p.cycle_id = t.terms_cycle_id
)
select a.account_no, 'line ' || l.line_no || ': VAT rate ' || l.vat_rate || ' of ' || l.service as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
join charge_terms t using (charge_id)
left join rate r on r.vat_rate = l.vat_rate and r.terms_cycle_id = t.terms_cycle_id
                and r.service = case l.service when 'excess' then 'sewage' else l.service end
where c.cycle_id = :cycle_id and r.service is null and l.service not in ('stormwater', 'extra')
  and l.origin is distinct from 'settled_forecast'
