"""Loggers of a run's values."""
