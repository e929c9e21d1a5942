"""Sections of a report, one class each. A section without data is left out."""
