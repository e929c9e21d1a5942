"""Readers of published benchmarks' question files: one per file, each a `QuestionFile` of `base.py`."""
