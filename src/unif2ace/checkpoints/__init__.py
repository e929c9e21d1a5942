"""Atomic checkpoints: one directory per saved step, with a hash of each file."""
