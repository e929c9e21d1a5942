"""The attribute classifier: which of the 46 attributes a face shows."""

from __future__ import annotations

from unif2ace.errors import ConfigError
from unif2ace.modules.base import TrainingModule
from unif2ace.types import Batch, StepOutput


class AttributesModule(TrainingModule):
    """Trains a network from images uint8 (B, 3, H, W) to logits (B, A); see `TrainingModule` for the arguments."""

    kind = "attributes"

    def step_output(self, batch: Batch) -> StepOutput:
        """The forward pass that losses and metrics read.

        Raises:
            ConfigError: If the batch has no images.
        """
        if batch.image is None:
            raise ConfigError("the attribute classifier trains on images: set task=image and data.inputs=pixels")
        assert self.net is not None
        return StepOutput(batch, attribute_logits=self.net(batch.image))
