"""Normalisation of the residual stream, and of queries and keys."""
