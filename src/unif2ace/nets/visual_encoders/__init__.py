"""Frozen visual encoders of the image for understanding, one per file, and the resampler of their features."""
