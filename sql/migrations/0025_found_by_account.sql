-- An invoice compares its use with earlier ones of the account, and a chunk of corrections is rated account by account:
-- both are found by account, not among all of the town or run.
create index invoice_by_account on invoice (account_id);
create index correction_snapshot_by_account on correction_snapshot (cycle_id, account_id);
