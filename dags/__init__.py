"""Schedules, order, retries and forms for Airflow; the work itself is in pipeline."""
