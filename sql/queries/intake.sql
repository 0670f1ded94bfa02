-- name: lock
-- One import at a time: what is a duplicate is decided outside the database.
select pg_advisory_xact_lock(hashtext('obieg.intake'))

-- name: accepted_file
select rows, accepted, accepted_warn, quarantined, rejected, duplicate
from import_file
where kind = :kind and sha256 = :sha256 and status = 'accepted'

-- name: accepted_rows
select r.line_no, r.raw, r.outcome, r.codes, r.note
from import_row r
join import_file f using (file_id)
where f.kind = :kind and f.sha256 = :sha256 and f.status = 'accepted'
order by r.line_no

-- name: refused_file
select file_id
from import_file
where kind = :kind and sha256 = :sha256 and status = 'refused' and refusal_text = :refusal_text

-- name: next_file
select nextval('import_file_file_id_seq')

-- name: insert_file
insert into import_file (file_id, kind, name, sha256, size_bytes, profile, status, refusal_code, refusal_text, rows,
                         accepted, accepted_warn, quarantined, rejected, duplicate, event_at, recorded_by)
overriding system value
values (coalesce(cast(:file_id as bigint), nextval('import_file_file_id_seq')), :kind, :name, :sha256, :size_bytes,
        :profile, :status, :refusal_code, :refusal_text, :rows, :accepted, :accepted_warn,
        :quarantined, :rejected, :duplicate, business_now(), :recorded_by)
returning file_id
