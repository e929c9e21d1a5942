"""Metrics of a system's outputs: one metric a file, chosen with `metric=[...]` of ``unif2ace-evaluate``."""
