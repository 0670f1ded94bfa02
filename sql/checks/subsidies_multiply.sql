-- What the gmina pays of a line is, in gross mode, m³ times its rate, and in net mode the line at the tariff's price
-- less the line at the customer's; both half up to the grosz.
select a.account_no, 'line ' || l.line_no || ': subsidy ' || l.subsidy_zl || ' is not ' || l.quantity || ' x '
       || l.subsidy_zl_m3 || ' ' || l.subsidy_mode as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id
  and l.subsidy_zl <> case l.subsidy_mode
                      when 'gross' then round(l.quantity * l.subsidy_zl_m3, 2)
                      else round(l.quantity * (l.price_zl + l.subsidy_zl_m3), 2) - round(l.quantity * l.price_zl, 2) end
