"""How clean codes are drawn from a denoiser, one sampler a file."""
