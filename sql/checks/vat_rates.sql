-- The VAT rate of a line is that of its service on the issue date.
with rate as materialized (
    select distinct service, vat_rate from cycle_price where cycle_id = :cycle_id
)
select a.account_no, 'line ' || l.line_no || ': VAT rate ' || l.vat_rate || ' of ' || l.service as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
left join rate r using (service, vat_rate)
where c.cycle_id = :cycle_id and r.service is null
