"""Image tokenizers and what they are trained with: one architecture a file, swapped with `net=...`."""
