"""Losses as Lightning callbacks. One per file, selected with `loss=[...]`."""
