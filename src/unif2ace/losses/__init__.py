"""Losses as Lightning callbacks: one objective a file, swapped with `loss=[...]`."""
