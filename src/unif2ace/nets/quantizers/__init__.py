"""From vectors to codes and back: one quantizer a file, swapped with `quantizer=...`."""
