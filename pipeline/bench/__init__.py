"""What the software costs: stages of a cycle timed beside naive versions of them."""
