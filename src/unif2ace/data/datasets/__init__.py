"""Data sets that can be selected with `dataset=[...]`: one a file."""
