"""What `python -m harness data` finds out about the datasets, and prints."""
