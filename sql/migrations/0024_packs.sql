-- Packs: one object of the archive holds the documents of a chunk, and each document is a range of its bytes. A document
-- of before has no pack and is an object of its own.

-- made by: what the bytes depend on beside the invoice; a document can be rendered again only with the same.
create table pack (
    pack_id           bigint generated always as identity primary key,
    cycle_id          bigint references cycle,
    archive_key       text not null unique,
    sha256            text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes        bigint not null check (size_bytes > 0),
    documents         integer not null check (documents > 0),
    template_version  text not null,
    fonts_sha256      text not null,
    zlib_version      text not null,
    lock_sha256       text not null,
    event_at          timestamptz not null,
    recorded_at       timestamptz not null default clock_timestamp(),
    unique (pack_id, archive_key)
);
create index pack_of_cycle on pack (cycle_id);

alter table document
    drop constraint document_archive_key_key,
    add column pack_id bigint,
    add column offset_bytes bigint check (offset_bytes >= 0),
    add constraint in_a_pack_or_alone check ((pack_id is null) = (offset_bytes is null)),
    add constraint document_lies_in_its_pack foreign key (pack_id, archive_key) references pack (pack_id, archive_key);
create unique index document_place on document (archive_key, offset_bytes) nulls not distinct;
create index document_of_pack on document (pack_id);

create trigger append_only before update or delete on pack for each row execute function refuse_change();
create trigger append_only_truncate before truncate on pack for each statement execute function refuse_change();
grant select on pack to obieg_app, obieg_auditor;
grant insert on pack to obieg_app;
