"""What runs beside the use-cases: PostgreSQL, Airflow, the mailbox server."""
