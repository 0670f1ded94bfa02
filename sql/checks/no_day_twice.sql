-- No day of a point's service, and no month of an account's standing charge, has been invoiced before.
select a.account_no, l.service || ' ' || l.period || ' was billed as ' || b.period as problem
from charge_line l
join charge c using (charge_id)
join account a using (account_id)
join billed_period b on b.service = l.service and b.period && l.period
     and (b.point_id = l.point_id or (l.point_id is null and b.point_id is null and b.account_id = c.account_id))
join invoice v on v.invoice_id = b.invoice_id
where c.cycle_id = :cycle_id and v.cycle_id <> :cycle_id
