"""Loggers of a run's numbers."""
