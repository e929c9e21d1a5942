"""Quantizers: from vectors to codes and back. One per file, selected with `quantizer=...`."""
