"""Samplers of clean codes from a denoiser. One per file."""
