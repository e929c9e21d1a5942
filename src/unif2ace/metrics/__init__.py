"""Validation metrics. One per file, selected with `metric=[...]`."""
