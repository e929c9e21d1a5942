"""Optimisers beyond those of torch."""
