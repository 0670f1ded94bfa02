-- The subsidies of the lines add up to the charge's, each mode by itself, and no gmina pays more than the gross.
select a.account_no, 'subsidy ' || c.subsidy_net_zl || ' net or ' || c.subsidy_gross_zl
       || ' gross does not follow from the lines, or exceeds the gross ' || c.gross_zl as problem
from charge c
join account a using (account_id)
left join lateral (
    select sum(l.subsidy_zl) filter (where l.subsidy_mode = 'net') as net_zl,
           sum(l.subsidy_zl) filter (where l.subsidy_mode = 'gross') as gross_zl
    from charge_line l
    where l.charge_id = c.charge_id and l.subsidy_mode is not null
) s on true
where c.cycle_id = :cycle_id
  and (coalesce(s.net_zl, 0) <> c.subsidy_net_zl or coalesce(s.gross_zl, 0) <> c.subsidy_gross_zl
       or c.subsidy_gross_zl > 0 and c.payable_zl < 0
          and not exists (select 1 from charge_line l where l.charge_id = c.charge_id and l.origin = 'settled_forecast'))
