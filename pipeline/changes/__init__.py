"""Changes that people ask for: proposed, decided on by a second person where one is needed, applied, looked up."""
