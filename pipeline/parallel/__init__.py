"""The parallel run: past cycles of the old system computed again, compared, and worked down to zero."""
