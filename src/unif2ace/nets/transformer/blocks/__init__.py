"""Transformer blocks: the order of attention and the two expert layers."""
