"""Corrections of issued invoices: runs that are opened, rated, approved and issued like a cycle."""
