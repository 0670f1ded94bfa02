-- Every eligible account is charged, held or excluded, and only one of these.
select a.account_no, 'charged ' || (c.charge_id is not null) || ', held ' || (h.account_id is not null) as problem
from snapshot_account s
join account a using (account_id)
left join charge c using (cycle_id, account_id)
left join hold h using (cycle_id, account_id)
where s.cycle_id = :cycle_id and (c.charge_id is null) = (h.account_id is null)
