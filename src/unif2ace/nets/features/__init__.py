"""Frozen networks whose features compare pictures: one a file, swapped with `features=...`."""
