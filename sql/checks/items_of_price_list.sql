-- What the tariffs do not price costs on each of its days what its item of a price list did, as the lists were frozen, with
-- the unit and the VAT rate of that item.
select a.account_no, 'line ' || l.line_no || ': item ' || l.tariff_group || ' does not cost ' || l.price_zl || ' per '
       || l.unit || ' with VAT ' || l.vat_rate || ' in all of ' || l.period as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id and l.service in ('stormwater', 'extra')
  and (select range_agg(i.days) from cycle_item_days i
       where i.cycle_id = :cycle_id and i.item_code = l.tariff_group and i.service = l.service and i.unit = l.unit
         and i.list_sha256 = l.tariff_sha256 and i.net_zl = l.price_zl and i.vat_rate = l.vat_rate
         and i.m3_per_m2_year is not distinct from l.m3_per_m2_year) @> l.period is not true
