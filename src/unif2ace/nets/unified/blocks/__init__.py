"""Blocks of the transformer: how attention and the two layers of experts follow each other."""
