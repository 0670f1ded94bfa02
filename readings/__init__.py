"""Reading files in: source profiles, parsing, row errors."""
