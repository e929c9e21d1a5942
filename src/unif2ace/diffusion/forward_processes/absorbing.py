"""The absorbing process: corrupted tokens become the mask."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.diffusion.forward_processes.base import ForwardProcess


class AbsorbingProcess(ForwardProcess):
    r"""Masking: :math:`q(x_t | x_0) = \alpha_t \delta_{x_0} + (1 - \alpha_t) \delta_{mask}` for each token.

    D3PM's absorbing state (arXiv 2107.03006, section 3.1), in continuous time.
    """

    name = "absorbing"

    def replace(self, x0_GN: Tensor, chosen_GN: Tensor, uniform_GN: Tensor, num_codes: int) -> Tensor:
        """Codes (G, N) with the mask K where `chosen_GN` is True."""
        return torch.where(chosen_GN, num_codes, x0_GN)
