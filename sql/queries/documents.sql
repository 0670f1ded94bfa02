-- name: invoices_to_render
-- The next invoices of a chunk that have no document yet.
select i.invoice_id, i.invoice_no, i.issue_date, i.content, i.sha256
from invoice i
join snapshot_account s using (cycle_id, account_id)
where i.cycle_id = :cycle_id and s.chunk_no = :chunk_no
  and not exists (select 1 from document d where d.invoice_id = i.invoice_id and d.kind = 'invoice')
order by i.sequence
limit :most

-- name: documents_of_chunk
select count(*) as documents, coalesce(sum(d.pages), 0) as pages, coalesce(sum(d.size_bytes), 0) as bytes
from document d
join invoice i using (invoice_id)
join snapshot_account s using (cycle_id, account_id)
where i.cycle_id = :cycle_id and s.chunk_no = :chunk_no and d.kind = 'invoice'

-- name: insert_pack
insert into pack (cycle_id, archive_key, sha256, size_bytes, documents, template_version, fonts_sha256, zlib_version,
                  lock_sha256, event_at)
values (:cycle_id, :archive_key, :sha256, :size_bytes, :documents, :template_version, :fonts_sha256, :zlib_version,
        :lock_sha256, business_now())
on conflict (archive_key) do nothing

-- name: find_pack
select pack_id, sha256 from pack where archive_key = :archive_key

-- name: insert_documents
insert into document (invoice_id, kind, duplicate_on, sha256, size_bytes, pages, template_version, archive_key, pack_id,
                      offset_bytes, event_at)
select given.invoice_id, case when cast(:duplicate_on as date) is null then 'invoice' else 'duplicate' end,
       :duplicate_on, given.sha256, given.size_bytes, given.pages, p.template_version, p.archive_key, p.pack_id,
       given.offset_bytes, business_now()
from unnest(cast(:invoice_ids as bigint[]), cast(:sha256s as text[]), cast(:sizes as integer[]),
            cast(:pages as integer[]), cast(:offsets as bigint[]))
     as given (invoice_id, sha256, size_bytes, pages, offset_bytes)
join pack p on p.pack_id = :pack_id
on conflict (invoice_id, kind, duplicate_on) do nothing
returning invoice_id

-- name: mark_archived
update delivery d
set state = 'archived', document_id = doc.document_id, updated_at = clock_timestamp()
from document doc
where doc.invoice_id = d.invoice_id and doc.kind = 'invoice' and d.state = 'planned' and d.purpose = 'invoice'
  and d.invoice_id = any(:invoice_ids)
returning d.delivery_id

-- name: lone_documents_of_cycle
-- Documents that are objects of their own.
select d.archive_key, i.invoice_no
from document d
join invoice i using (invoice_id)
where i.cycle_id = :cycle_id and d.kind = 'invoice' and d.pack_id is null
order by d.archive_key

-- name: packs_of_cycle
select pack_id, archive_key, size_bytes, documents
from pack
where cycle_id = :cycle_id
order by archive_key

-- name: documents_of_pack
select i.invoice_no, d.offset_bytes, d.size_bytes, d.sha256
from document d
join invoice i using (invoice_id)
where d.pack_id = :pack_id
order by d.offset_bytes

-- name: documents_of_invoice
-- Every document that shows an invoice, with what rendered it; the invoice's own comes first.
select d.document_id, d.kind, d.duplicate_on, d.sha256, d.size_bytes, d.archive_key, d.offset_bytes, d.template_version,
       p.fonts_sha256, p.zlib_version, p.lock_sha256, i.invoice_no, i.content, i.sha256 as invoice_sha256
from document d
join invoice i using (invoice_id)
left join pack p using (pack_id)
where i.invoice_no = :invoice_no
order by d.duplicate_on nulls first

-- name: documents_of_cycle
-- The next documents of a cycle after one of them, as above.
select d.document_id, d.kind, d.duplicate_on, d.sha256, d.size_bytes, d.archive_key, d.offset_bytes, d.template_version,
       p.fonts_sha256, p.zlib_version, p.lock_sha256, i.invoice_no, i.content, i.sha256 as invoice_sha256
from document d
join invoice i using (invoice_id)
left join pack p using (pack_id)
where i.cycle_id = :cycle_id and d.document_id > :after
order by d.document_id
limit :most
