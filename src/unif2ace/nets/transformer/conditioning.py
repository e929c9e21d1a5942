"""Inputs of the network besides the tokens: the noise level and visual features.

Shapes: B sequences, L positions, N image tokens, M vectors of F values per image, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.noise_level import NoiseLevel
from unif2ace.nets.visual_encoders.resampler import Resampler
from unif2ace.types import Condition, TokenSequence

NOISE = "noise"
"""Name of the noise level among the conditions."""


class Conditioning(nn.Module):
    """Resamples visual features (B, M, F) to the image span (B, N, D) and encodes the noise level (B, 1, D).

    Args:
        visual_dims: F of each visual encoder, by name.
        wanted: Names of conditions that some layer reads. Others get no parameters, because data-parallel training does
            not allow unused ones.
        dim: D.
        num_image_tokens: N.
    """

    def __init__(
        self, visual_dims: Mapping[str, int], wanted: Collection[str], dim: int, num_image_tokens: int
    ) -> None:
        super().__init__()
        self._dims = dict(visual_dims)
        self.noise_level = NoiseLevel(dim) if NOISE in wanted else None
        resamplers = {n: Resampler(f, dim, num_image_tokens) for n, f in visual_dims.items() if n in wanted}
        self.resamplers = nn.ModuleDict(resamplers)

    def forward(self, sequence: TokenSequence, features: Mapping[str, Condition]) -> dict[str, Condition]:
        """Conditions by name, values (B, N, D), or (B, 1, D) for the noise level.

        In training every condition is computed in every step, whatever the sequences contain: ranks that shard the
        network wait for each other's calls.

        Args:
            sequence: Whole sequences.
            features: Visual features by encoder, values (B, M, F); a missing encoder is present in no sequence.

        Raises:
            ConfigError: If the network was not built for an encoder.
        """
        if unknown := features.keys() - self._dims.keys():
            raise ConfigError(f"visual encoders {sorted(unknown)}: the network was built for {sorted(self._dims)}")
        batch, device = len(sequence.ids), sequence.ids.device
        found: dict[str, Condition] = {}
        if self.noise_level is not None:
            visible_B = torch.ones(batch, device=device) if sequence.visible is None else sequence.visible
            found[NOISE] = self.noise_level(visible_B)
        for name, resampler in self.resamplers.items():
            condition = features.get(name)
            if condition is None and not torch.is_grad_enabled():
                continue  # no expert can choose it, and no gradient is needed
            if condition is None:
                nothing_BMF = torch.zeros(batch, 1, self._dims[name], device=device)
                condition = Condition(nothing_BMF, torch.zeros(batch, dtype=torch.bool, device=device))
            found[name] = resampler(condition)
        return found


def add_conditions(x_BLD: Tensor, sequence: TokenSequence, conditions: Mapping[str, Condition]) -> Tensor:
    """Adds visual features, values (B, N, D), to the image tokens of the residual stream (B, L, D)."""
    for name, condition in conditions.items():
        if name != NOISE:
            values_BND = torch.where(condition.present[:, None, None], condition.values, 0).to(x_BLD.dtype)
            x_BLD = x_BLD.scatter_add(1, sequence.image_token_positions[..., None].expand_as(values_BND), values_BND)
    return x_BLD
