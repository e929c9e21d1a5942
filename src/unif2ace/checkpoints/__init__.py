"""Atomic checkpoints: a directory for each step, with the hashes of its files."""
