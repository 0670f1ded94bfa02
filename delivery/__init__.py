"""Messages and documents out: e-mail, paper packages, the archive."""
