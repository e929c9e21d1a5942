"""Formats that a data set is written in for other projects: one a file, each an `ExportFormat` of `base.py`."""
