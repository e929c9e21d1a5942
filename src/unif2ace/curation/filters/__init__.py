"""Filters of found faces, one file each; see ``configs/filter``."""
