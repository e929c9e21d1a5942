"""Checkpoints that are there whole or not at all: a directory for each step, with the hashes of its files."""
