"""From configuration to objects, safely, and the frame in which commands run. The only room that knows Hydra."""

from unif2ace.engine.compose import compose
from unif2ace.engine.instantiate import instantiate, instantiate_slots

__all__ = ["compose", "instantiate", "instantiate_slots"]
