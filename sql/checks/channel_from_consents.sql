-- The priced channel is the one that the consents give for the issue date, as it was frozen.
select a.account_no, 'priced as ' || c.channel || ' but frozen as ' || (s.content::json ->> 'channel') as problem
from charge c
join charge_terms s using (charge_id)
join account a using (account_id)
where c.cycle_id = :cycle_id and c.channel <> (s.content::json ->> 'channel')
