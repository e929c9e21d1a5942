"""Validation metrics: one metric a file, chosen with `metric=[...]`."""
