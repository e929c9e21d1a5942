"""Composes configurations with Hydra, builds their objects, and runs the commands. Only this package uses Hydra."""

from unif2ace.engine.compose import compose
from unif2ace.engine.instantiate import instantiate, instantiate_slots

__all__ = ["compose", "instantiate", "instantiate_slots"]
