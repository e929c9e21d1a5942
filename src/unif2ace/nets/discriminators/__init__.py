"""Discriminators of real and reconstructed images. One per file, selected with `discriminator=...`."""
