-- Quantity times price, rounded half up to the grosz, is the line's net; of an excess times the part by which the
-- indicator exceeds what is permitted.
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' x ' || l.price_zl || ' is not ' || l.net_zl as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id and l.net_zl <> case l.service
    when 'excess' then round((l.quantity * l.price_zl * (l.indicator_measured - l.indicator_permitted))::numeric(60, 30)
                             / l.indicator_permitted, 2)
    else round(l.quantity * l.price_zl, 2) end
