-- name: parties
-- As they are described at present, or last were.
select distinct on (p.party_id) p.party_id, p.party_no, d.kind, d.name, d.nip, d.street, d.postcode, d.city
from party p
join party_details d using (party_id)
where p.party_no = any(:keys)
order by p.party_id, lower(d.valid) desc nulls last

-- name: accounts
select distinct on (a.account_id) a.account_id, a.account_no, d.route, d.bank_account
from account a
join account_details d using (account_id)
where a.account_no = any(:keys)
order by a.account_id, lower(d.valid) desc nulls last

-- name: bank_accounts
select a.account_id, a.account_no, d.bank_account
from account_details d
join account a using (account_id)
where d.bank_account = any(:keys) and upper_inf(d.valid)

-- name: points
select p.point_id, p.point_no, p.street, p.postcode, p.city, w.connection_no as water_connection_no,
       s.connection_no as sewage_connection_no, parent.point_no as parent_point_no, lies.gmina
from point p
left join point_gmina lies using (point_id)
left join connection w on w.connection_id = p.water_connection_id
left join connection s on s.connection_id = p.sewage_connection_id
left join point parent on parent.point_id = p.parent_point_id
where p.point_no = any(:keys)

-- name: connections
select connection_id, connection_no, service, street, postcode, city, diameter_mm, built_on
from connection
where connection_no = any(:keys)

-- name: account_parties
select a.account_no, ap.role, p.party_no, lower(ap.valid) as valid_from, upper(ap.valid) as valid_until
from account_party ap
join account a using (account_id)
join party p using (party_id)
where a.account_no = any(:keys) and not isempty(ap.valid)

-- name: contracts
-- The named contracts, and whatever contracts the named points have, with their newest class.
select c.contract_no, a.account_no, p.point_no, t.tariff_class, t.services, t.difference, lower(c.valid) as valid_from,
       upper(c.valid) as valid_until
from contract c
join account a using (account_id)
join point p using (point_id)
join lateral (select tariff_class, services, difference from contract_terms
              where contract_id = c.contract_id order by lower(valid) desc nulls last limit 1) t on true
where (c.contract_no = any(:keys) or p.point_no = any(:point_nos)) and not isempty(c.valid)

-- name: installations
-- The named meters wherever they were, and every meter of the named points, with their first and last indices.
with named as (
    select i.installation_id from installation i join meter m using (meter_id) where m.meter_no = any(:keys)
    union
    select i.installation_id from installation i join point p using (point_id) where p.point_no = any(:point_nos)
)
select i.installation_id, i.meter_id, m.meter_no, m.module_no, p.point_no, i.register, i.dials, i.decimals,
       i.installed_on, i.removed_on, i.legalised_until, i.purpose, i.water_percent, i.sewage_percent,
       i.diameter_mm, i.q3_m3h, opening.index_m3 as opening_index_m3,
       removal.index_m3 as removal_index_m3
from named
join installation i using (installation_id)
join meter m using (meter_id)
join point p using (point_id)
left join lateral (
    select r.index_m3 from reading r
    where r.installation_id = i.installation_id and r.source = 'exchange_install'
    order by r.read_at, r.reading_id limit 1
) opening on true
left join lateral (
    select r.index_m3 from reading r
    where r.installation_id = i.installation_id and r.source = 'exchange_removal'
    order by r.read_at desc, r.reading_id desc limit 1
) removal on true

-- name: party_ids
select party_id, party_no from party where party_no = any(:keys)

-- name: account_ids
select account_id, account_no from account where account_no = any(:keys)

-- name: contract_ids
select contract_id, contract_no from contract where contract_no = any(:keys)

-- name: point_ids
select point_id, point_no from point where point_no = any(:keys)

-- name: connection_ids
select connection_id, connection_no from connection where connection_no = any(:keys)

-- name: meter_ids
select meter_id, meter_no from meter where meter_no = any(:keys)

-- name: emails
select a.account_no, e.address as email, e.state, e.confirmation_kind, e.confirmed_at, lower(e.valid) as valid_from,
       upper(e.valid) as valid_until
from email_address e
join account a using (account_id)
where a.account_no = any(:keys) and not isempty(e.valid)

-- name: end_account_party
update account_party ap
set valid = daterange(lower(ap.valid), :valid_until), ended_by = :ended_by
from account a
where a.account_id = ap.account_id and a.account_no = :account_no and ap.role = :role
  and lower(ap.valid) = :valid_from and upper_inf(ap.valid)

-- name: end_contract
update contract set valid = daterange(lower(valid), :valid_until), ended_by = :ended_by
where contract_no = :contract_no and upper_inf(valid)

-- name: remove_installation
update installation set removed_on = :removed_on, ended_by = :ended_by, ended_change_id = :change_id
where installation_id = :installation_id and removed_on is null

-- name: quantities
-- What the named contracts say of services that no meter counts.
select c.contract_no, q.service, q.basis, q.norm, q.persons, q.m3_month, lower(q.valid) as valid_from,
       upper(q.valid) as valid_until
from contract_quantity q
join contract c using (contract_id)
where c.contract_no = any(:keys) and not isempty(q.valid)
order by c.contract_no, q.service, lower(q.valid)

-- name: end_quantity
update contract_quantity q
set valid = daterange(lower(q.valid), :valid_until), ended_by = :ended_by, ended_change_id = :change_id
from contract c
where c.contract_id = q.contract_id and c.contract_no = :contract_no and q.service = :service
  and lower(q.valid) = :valid_from and upper_inf(q.valid)

-- name: route_stops
-- The newest place in a walk of each point.
select distinct on (s.point_id) s.stop_id, p.point_no, s.route, s.seq, s.place, s.note, lower(s.valid) as valid_from,
       upper(s.valid) as valid_until
from route_stop s
join point p using (point_id)
where p.point_no = any(:keys) and not isempty(s.valid)
order by s.point_id, lower(s.valid) desc

-- name: end_route_stop
update route_stop set valid = daterange(lower(valid), :valid_until) where stop_id = :stop_id and upper_inf(valid)
