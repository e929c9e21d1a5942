"""Discrete diffusion over image codes: noise schedules, forward processes, score formulas, samplers. No networks.

Time t runs from 0 (clean) to 1 (all noise).

Shapes: G samples, N image tokens, K codes.
"""
