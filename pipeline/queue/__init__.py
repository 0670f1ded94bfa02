"""Readings that wait for a person: seen, decided one by one or many at once, estimated where nobody could read."""
