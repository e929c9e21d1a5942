"""Observers of a run: they look and write, and change nothing."""
