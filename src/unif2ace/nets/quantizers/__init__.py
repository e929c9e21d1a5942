"""Quantizers, which map vectors to codes and back. One per file, selected with `quantizer=...`."""
