"""Importers: one for each project whose weights can be read. `unif2ace-checkpoint import NAME SOURCE` runs one."""
