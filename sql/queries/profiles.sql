-- name: approvals
-- Who looked at what these bytes of a profile make of a file, the first look first.
select approval_id, profile, file_name, file_sha256, approved_by, approved_via, note, event_at
from profile_approval
where profile = :profile and profile_sha256 = :profile_sha256
order by approval_id

-- name: insert_approval
insert into profile_approval (profile, profile_sha256, content, file_name, file_sha256, approved_by, approved_via, note,
                              event_at)
values (:profile, :profile_sha256, :content, :file_name, :file_sha256, :approved_by, :approved_via, :note,
        business_now())
on conflict (profile, profile_sha256, file_sha256) do nothing
