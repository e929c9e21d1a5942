"""Reports each step of a sampler with the current image. Shapes: B samples, N = h w tokens, K codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PIL import Image

from unif2ace.errors import ConfigError
from unif2ace.inference.sampling_options import STEP_INPUTS, SamplingPlan

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.diffusion.samplers.base import Sampler
    from unif2ace.inference.unified_model import UnifiedModel

GRAY = 128
Report = Callable[[int, float, "Tensor", "Tensor"], None]
"""Called after each step with the step (from 0), its time t (from 1 to 0), the current codes and the most likely codes.

The current codes are int64 (B, N) with K for masked tokens. The most likely codes are int64 (B, N) in [0, K).
"""


def reporting_sampler(pipe: Any, model: UnifiedModel, plan: SamplingPlan) -> Sampler:
    """The sampler of a plan. If the options contain ``callback_on_step_end``, the sampler calls it after each step.

    Args:
        pipe: The pipeline, passed to the callback.
        model: Decodes the images.
        plan: The sampler and the options.

    Raises:
        ConfigError: If ``callback_on_step_end_tensor_inputs`` names an unknown input.
    """
    callback = plan.options.get("callback_on_step_end")
    if callback is None:
        return plan.sampler
    wanted = list(plan.options.get("callback_on_step_end_tensor_inputs", ()))
    if unknown := [name for name in wanted if name not in STEP_INPUTS]:
        raise ConfigError(f"callback_on_step_end_tensor_inputs={unknown}: give {' or '.join(STEP_INPUTS)}")

    def report(step: int, time: float, codes_BN: Tensor, likely_BN: Tensor) -> None:
        found: dict[str, Any] = {}
        if "codes" in wanted:
            found["codes"] = codes_BN.clone()
        if "images" in wanted:
            masked_BN = codes_BN == model.num_codes
            found["images"] = _as_pil(with_masks(model.decode(likely_BN), masked_BN.cpu()))
        callback(pipe, step, time, found)

    return observed(plan.sampler, report)


def observed(sampler: Sampler, report: Report) -> Sampler:
    """Wraps a sampler so that it reports each step. The sampled codes do not change."""
    from unif2ace.diffusion.samplers.base import Denoise, OnStep, RandomSource, Sampler

    class ObservedSampler(Sampler):
        """Reports the steps of a sampler."""

        def sample(self, denoise: Denoise, x_BN: Tensor, rng: RandomSource, on_step: OnStep | None = None) -> Tensor:
            """Clean codes, int64 (B, N); see `Sampler.sample`."""
            last: list[tuple[Tensor, Tensor]] = []

            def seen(codes_BN: Tensor, t_B: Tensor) -> Tensor:
                logits_BNK = denoise(codes_BN, t_B)
                last[:] = [(logits_BNK, t_B)]
                return logits_BNK

            def done(step: int, codes_BN: Tensor) -> None:
                logits_BNK, t_B = last[0]
                likely_BN = logits_BNK.argmax(-1).where(codes_BN == logits_BNK.shape[-1], codes_BN)
                report(step, float(t_B[0]), codes_BN, likely_BN)
                if on_step is not None:
                    on_step(step, codes_BN)

            return sampler.sample(seen, x_BN, rng, done)

    return ObservedSampler()


def with_masks(images: Tensor, masked_BN: Tensor) -> Tensor:
    """Paints the masked tokens of images gray.

    Args:
        images: uint8 (B, 3, S, S).
        masked_BN: Tokens that are not sampled yet, bool (B, N).

    Returns:
        uint8 (B, 3, S, S).
    """
    side = round(masked_BN.shape[1] ** 0.5)
    cell = images.shape[-1] // side
    masked_BHW = masked_BN.view(-1, 1, side, side).repeat_interleave(cell, 2).repeat_interleave(cell, 3)
    return images.masked_fill(masked_BHW.to(images.device), GRAY)


def _as_pil(images: Tensor) -> list[Image.Image]:
    """PIL images of uint8 (B, 3, H, W)."""
    return [Image.fromarray(pixels) for pixels in images.permute(0, 2, 3, 1).contiguous().numpy()]
