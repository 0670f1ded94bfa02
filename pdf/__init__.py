"""Invoices and letters as PDF bytes: drawn on reportlab's canvas, the same input giving the same bytes."""
