-- name: find_cycle
select cycle_id, cycle_key, kind, purpose, lower(period) as period_start, upper(period) as period_until, route_set,
       revision, issue_date, payment_days, dry_run, chunk_accounts, state, started_by, started_via, airflow_run_id,
       reversed_by
from cycle
where cycle_key = :cycle_key

-- name: find_cycle_for_share
select cycle_id, cycle_key, kind, purpose, lower(period) as period_start, upper(period) as period_until, route_set,
       revision, issue_date, payment_days, dry_run, chunk_accounts, state, started_by, started_via, airflow_run_id,
       reversed_by
from cycle
where cycle_key = :cycle_key
for share

-- name: find_cycle_for_update
select cycle_id, cycle_key, kind, purpose, lower(period) as period_start, upper(period) as period_until, route_set,
       revision, issue_date, payment_days, dry_run, chunk_accounts, state, started_by, started_via, airflow_run_id,
       reversed_by
from cycle
where cycle_key = :cycle_key
for update

-- name: find_cycle_of_run
select cycle_key from cycle where airflow_run_id = :airflow_run_id

-- name: find_live_cycle
select cycle_key, state from cycle
where period = daterange(:start, :until) and route_set = :route_set and state not in ('rejected', 'dry')
  and kind = 'regular' and reversed_by is null

-- name: next_revision
select coalesce(max(revision), 0) + 1 from cycle
where period = daterange(:start, :until) and route_set = :route_set

-- name: known_routes
select distinct route from account_details where upper_inf(valid) order by route

-- name: insert_cycle
insert into cycle (cycle_key, kind, purpose, period, route_set, revision, issue_date, payment_days, dry_run,
                   chunk_accounts, state, started_by, started_via, airflow_run_id, event_at)
values (:cycle_key, coalesce(:kind, case when cast(:purpose as text) is null then 'regular' else 'off_cycle' end), :purpose,
        daterange(:start, :until), :route_set, :revision, :issue_date, :payment_days, :dry_run,
        :chunk_accounts, 'opened', :started_by, :started_via, :airflow_run_id, business_now())
returning cycle_id

-- name: insert_cycle_accounts
insert into cycle_account (cycle_id, account_id, event_at, recorded_by)
select :cycle_id, account_id, business_now(), :recorded_by
from unnest(cast(:account_ids as bigint[])) as chosen (account_id)

-- name: move_cycle
update cycle set state = :target where cycle_id = :cycle_id and state = :source

-- name: last_body
select body from evidence where subject = :subject and kind = :kind order by seq desc limit 1

-- name: list_cycles
select cycle_key, purpose, lower(period) as period_start, upper(period) as period_until, route_set, revision,
       issue_date, dry_run, state, started_by, airflow_run_id, event_at
from cycle
order by cycle_id

-- name: insert_input_file
insert into input_file (sha256, kind, name, content) values (:sha256, :kind, :name, :content)
on conflict do nothing

-- name: insert_cycle_input
insert into cycle_input (cycle_id, sha256) values (:cycle_id, :sha256) on conflict do nothing

-- name: cycle_inputs
select f.sha256, f.kind, f.name, f.content
from cycle_input c join input_file f using (sha256)
where c.cycle_id = :cycle_id
order by f.kind, f.name

-- name: insert_approval
insert into approval (cycle_id, decision, decided_by, decided_via, note, totals_sha256, event_at)
values (:cycle_id, :decision, :decided_by, :decided_via, :note, :totals_sha256, business_now())

-- name: find_approval
select decision, decided_by, decided_via, note, totals_sha256, event_at from approval where cycle_id = :cycle_id

-- name: step_runs
select step, chunk, counts, sums, sha256, actor, dag_id, airflow_run_id, try_number, code_version, tariff_sha256s,
       started_at, event_at, recorded_at
from step_run
where cycle_id = :cycle_id
order by step_run_id
