"""Networks that tell real pictures from made ones: one a file, swapped with `discriminator=...`."""
