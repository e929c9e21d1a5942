"""Importers convert the weights of other projects. Run an importer with `unif2ace-checkpoint import NAME SOURCE`."""
