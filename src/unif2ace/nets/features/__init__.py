"""Frozen networks whose features compare images. One per file, selected with `features=...`."""
