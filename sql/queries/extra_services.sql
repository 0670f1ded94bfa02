-- name: account_and_point
select a.account_id, p.point_id,
       exists (select 1 from contract c where c.account_id = a.account_id and c.point_id = p.point_id) as is_of_account
from (select 1) one
left join account a on a.account_no = :account_no
left join point p on p.point_no = :point_no

-- name: insert_service
insert into extra_service (account_id, point_id, item_code, quantity, performed_on, ordered_by, note, event_at,
                           recorded_by, recorded_via)
values (:account_id, :point_id, :item_code, :quantity, :performed_on, :ordered_by, :note, business_now(),
        :recorded_by, :recorded_via)
returning extra_service_id

-- name: cancel_service
insert into extra_service_cancelled (extra_service_id, reason, event_at, recorded_by, recorded_via)
values (:service_id, :reason, business_now(), :recorded_by, :recorded_via)

-- name: services
select e.extra_service_id as service, a.account_no, p.point_no, e.item_code, e.quantity, e.performed_on, e.ordered_by,
       e.note, e.recorded_by, coalesce(v.invoice_no, y.cycle_key) as document, x.recorded_by as cancelled_by,
       x.reason as cancelled_reason, e.account_id
from extra_service e
join account a using (account_id)
left join point p using (point_id)
left join extra_service_billed b using (extra_service_id)
left join invoice v on v.invoice_id = b.invoice_id
left join cycle y on y.cycle_id = b.cycle_id
left join extra_service_cancelled x using (extra_service_id)
where (cast(:account_no as text) is null or a.account_no = :account_no)
  and (cast(:service_id as bigint) is null or e.extra_service_id = :service_id)
  and (not :only_open or (b.extra_service_id is null and x.extra_service_id is null))
order by e.extra_service_id

-- name: cycle_that_charges
-- The live cycle that has the account among its frozen inputs.
select y.cycle_key
from snapshot_account s
join cycle y using (cycle_id)
where s.account_id = :account_id and y.state in ('frozen', 'checked', 'approved') and not y.dry_run
  and not exists (select 1 from hold h where h.cycle_id = s.cycle_id and h.account_id = s.account_id
                                         and h.stage = 'freeze')
limit 1
