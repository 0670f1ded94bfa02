"""The use-cases: one module per step of a billing cycle, each runnable without Airflow."""
