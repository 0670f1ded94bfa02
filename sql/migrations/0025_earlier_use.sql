-- An invoice compares its use with earlier ones of the account: these are found by account, not among all of the town's.
create index invoice_by_account on invoice (account_id);
