"""Data sets for `dataset=[...]`: one per file."""
