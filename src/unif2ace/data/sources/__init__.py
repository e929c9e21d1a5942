"""Sources of faces: one importer a file, each with the `Source` protocol of `base.py`."""
