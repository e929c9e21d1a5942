"""Noise schedules: the probability alpha_t that a token is untouched at time t, one a file."""
