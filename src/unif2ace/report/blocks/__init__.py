"""Blocks of a report. Each block can be written as HTML and as Markdown."""
