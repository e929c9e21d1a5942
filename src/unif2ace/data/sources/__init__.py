"""Where faces come from: one importer a file, each offering the `Source` protocol of `base.py`."""
