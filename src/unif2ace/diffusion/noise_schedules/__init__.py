"""Noise schedules: the probability alpha_t that a token is not corrupted at time t. One per file."""
