"""Loggers, which record the metrics and media of a training run."""
