"""The pure core: what is billed, why, and at what price. Standard library only; no clock, no database."""
