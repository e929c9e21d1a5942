"""Importers of face images: one per file, each implements the `Source` protocol of `base.py`."""
