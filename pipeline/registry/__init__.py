"""The parts of the registry import: rows, meters, writing."""
