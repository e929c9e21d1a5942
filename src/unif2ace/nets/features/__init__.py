"""Frozen networks whose features are used to compare images. One per file, selected with `features=...`."""
