"""Inputs of the network besides the tokens: the noise level and visual features.

Shapes: T tokens of all sequences, R sequences with an image, N image tokens, M vectors of F values per image, D width.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.noise_level import NoiseLevel
from unif2ace.nets.visual_encoders.resampler import Resampler
from unif2ace.types import Condition, SequenceParts

NOISE = "noise"
"""Name of the noise level among the conditions."""


class Conditioning(nn.Module):
    """Resamples visual features (R, M, F) to the image span (R, N, D) and encodes the noise level (R, 1, D).

    Args:
        visual_dims: F of each visual encoder, by name.
        wanted: Names of conditions that some layer reads. Other conditions get no parameters, because data-parallel
            training does not allow unused parameters.
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

    def forward(self, sequences: SequenceParts, features: Mapping[str, Condition]) -> dict[str, Condition]:
        """Conditions by name, values (R, N, D), or (R, 1, D) for the noise level.

        In training every condition is computed in every step, even if no sequence has it: the ranks of a sharded
        network must all make the same calls.

        Args:
            sequences: Whole sequences.
            features: Visual features by encoder, values (R, M, F). With fewer than R rows they belong to the last
                sequences. An encoder without an entry is present in no sequence.

        Raises:
            ConfigError: If the network was not built for an encoder in `features`.
        """
        if unknown := features.keys() - self._dims.keys():
            raise ConfigError(f"visual encoders {sorted(unknown)}: the network was built for {sorted(self._dims)} only")
        images, device = sequences.images, sequences.parts[0].ids.device
        rows = sum(len(part.ids) for part in sequences.parts) if images is None else len(images.task)
        found: dict[str, Condition] = {}
        if self.noise_level is not None:
            found[NOISE] = self.noise_level(torch.ones(rows, device=device) if images is None else images.visible)
        for name, resampler in self.resamplers.items():
            condition = features.get(name)
            if condition is None and not torch.is_grad_enabled():
                continue  # no expert can choose it, and no gradient is needed
            if condition is None:
                nothing_RMF = torch.zeros(rows, 1, self._dims[name], device=device)
                condition = Condition(nothing_RMF, torch.zeros(rows, dtype=torch.bool, device=device))
            found[name] = _of_last_rows(resampler(condition), rows)
        return found


def _of_last_rows(condition: Condition, rows: int) -> Condition:
    """Pads a condition of the last sequences to `rows` sequences, values (rows, N, D)."""
    before = rows - len(condition.present)
    if before <= 0:
        return condition
    pad = torch.nn.functional.pad
    return Condition(pad(condition.values, (0, 0, 0, 0, before, 0)), pad(condition.present, (before, 0)))


def add_conditions(x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition]) -> Tensor:
    """Adds visual features, values (R, N, D), to the image tokens of the residual stream (T, D)."""
    images = sequences.images
    for name, condition in conditions.items():
        if name != NOISE and images is not None:
            values_RND = torch.where(condition.present[:, None, None], condition.values, 0).to(x_TD.dtype)
            x_TD = x_TD.index_add(0, images.token.flatten(), values_RND.flatten(0, 1))
    return x_TD
