"""Discrete diffusion over image codes: schedules, corruption, score formulas, samplers. Tensors only, no networks.

Time t runs from 0 (clean) to 1 (all noise). Letters: G rows, N image tokens, K codes.
"""
