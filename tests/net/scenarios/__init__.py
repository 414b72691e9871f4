"""The scenarios; each file holds one subject."""
