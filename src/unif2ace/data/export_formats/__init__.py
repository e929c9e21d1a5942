"""Export formats for other projects: one per file, each an `ExportFormat` of `base.py`."""
