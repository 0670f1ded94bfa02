-- A buyer with NIP, or not a natural person, is never invoiced outside KSeF.
select a.account_no, 'the buyer is under the KSeF duty' as problem
from charge c
join charge_terms y using (charge_id)
join account a using (account_id)
join account_party ap on ap.account_id = a.account_id and ap.role = 'nabywca' and ap.valid @> y.issue_date
join party_details p on p.party_id = ap.party_id and p.valid @> y.issue_date
where c.cycle_id = :cycle_id and (p.nip is not null or p.kind <> 'natural_person')
