-- Quantity times price, rounded half up to the grosz, is the line's net.
select a.account_no, 'line ' || l.line_no || ': ' || l.quantity || ' x ' || l.price_zl || ' is not ' || l.net_zl as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id and round(l.quantity * l.price_zl, 2) <> l.net_zl
