"""Question files of published benchmarks: one reader a file, each with the `QuestionFile` protocol of `base.py`."""
