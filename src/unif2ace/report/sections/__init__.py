"""Sections of a report, one class each; a section without data is left out."""
