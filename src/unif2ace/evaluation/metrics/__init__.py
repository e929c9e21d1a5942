"""Metrics of a system's outputs: one metric per file, selected with `metric=[...]` of ``unif2ace-evaluate``."""
