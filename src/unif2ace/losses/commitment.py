"""Distance between encoder vectors and their codes. Shapes: B samples, C channels, h x w cells."""

from __future__ import annotations

from unif2ace.losses.base import LossCallback, over_rows
from unif2ace.types import LossTerm, StepOutput


class CommitmentLoss(LossCallback):
    r"""Pulls the encoder's vectors (B, C, h, w) to their codes, and codes to vectors (VQ-VAE, arXiv 1711.00937, eq. 3).

    Formula, for a vector z, its code e and the stopped gradient sg:
    :math:`\beta\,\lVert z - sg[e] \rVert^2 + c\,\lVert sg[z] - e \rVert^2`. Each norm is a mean over channels and
    cells, so it is C times smaller than the equation's sum over channels. The first term trains the encoder, the second
    the codes. The second term has no gradient if codes are not trained by gradient (``update=ema``, `LFQ`, `FSQ`).

    Args:
        weight: Factor of the term.
        beta: Factor of the first term, 0 or more.
        codebook: c, factor of the second term, 0 or more.
    """

    name = "commitment"
    needs = "quantized"

    def __init__(self, weight: float = 1.0, beta: float = 0.25, codebook: float = 1.0) -> None:
        super().__init__(weight)
        self.beta, self.codebook = beta, codebook

    def compute(self, step: StepOutput) -> LossTerm:
        """The sum of one value per sample; accumulation and several ranks give the whole batch's value."""
        assert step.quantized is not None
        z_BCHW, codes_BCHW = step.quantized.z, step.quantized.codes
        of_encoder_B = (z_BCHW - codes_BCHW.detach()).square().flatten(1).mean(1)
        of_codes_B = (z_BCHW.detach() - codes_BCHW).square().flatten(1).mean(1)
        return over_rows(self.beta * of_encoder_B + self.codebook * of_codes_B, step)
