-- A reading file is written a part at a time, its rows before the totals that the file is recorded with: the rows name a
-- file that stands when the transaction ends.
alter table import_row alter constraint import_row_file_id_fkey deferrable initially deferred;
grant usage on sequence import_file_file_id_seq to obieg_app;
