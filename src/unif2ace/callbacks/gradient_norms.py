"""Gradient norms of each part of the network, before clipping."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.gradients import gradient_norm

PARTS = {
    "embedding": r"^net\.(code_embedding\.)?embedding\.",
    "head": r"^net\.(code_embedding\.)?(head|bias)\.",
    "attention": r"\.attention\.",
    "router": r"\.router\.",
    "shared": r"\.token_moe\.shared\.",
    "routed": r"\.token_moe\.routed\.",
    "sequence": r"\.sequence_moe\.",
    "feed_forward": r"\.token_moe\.",
    "norms": r"^net\.(blocks\..*_)?norm\.",
    "conditioning": r"^net\.conditioning\.",
}
"""Parts of the unified network and patterns of their parameters' names; the first match counts. Other parameters belong
to their network's child module: ``encoder``, ``quantizer`` and ``decoder`` of a tokenizer, or ``discriminator``."""


class GradientNorms(pl.Callback):
    """Logs the Euclidean norm of all gradients, and of each part, as ``gradient/PART``.

    Gradients are measured before clipping: accumulated, averaged over ranks, and unscaled. The squared norms of sharded
    gradients are summed over shards, so all ranks take part.

    Args:
        every_n_steps: Steps between two measurements.

    Raises:
        ConfigError: If `every_n_steps` is below 1.
    """

    def __init__(self, every_n_steps: int = 50) -> None:
        if every_n_steps < 1:
            raise ConfigError(f"callbacks.gradient_norms.every_n_steps={every_n_steps}: it must be at least 1")
        self.every_n_steps = every_n_steps

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Logs the norms every `every_n_steps` steps."""
        if (trainer.global_step + 1) % self.every_n_steps:
            return
        norms = norms_by_part(pl_module.named_parameters())
        if trainer.loggers and trainer.is_global_zero:
            values = dict(zip(norms, torch.stack([*norms.values()]).tolist(), strict=True))  # waits for the device
            for logger in trainer.loggers:
                logger.log_metrics({f"gradient/{part}": v for part, v in values.items()}, trainer.global_step)


def norms_by_part(parameters: Iterable[tuple[str, nn.Parameter]]) -> dict[str, Tensor]:
    """Norms by part, ``total`` first, float () each; equal on all ranks, which must all call it.

    Args:
        parameters: Parameters by name, of any shape (...); those without a gradient count as 0.
    """
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            parts.setdefault(part_of(name), []).append(parameter)
    device = next((members[0].device for members in parts.values()), torch.device("cpu"))
    norms = {part: gradient_norm(parts[part]).to(device).float() for part in sorted(parts)}
    return {"total": torch.linalg.vector_norm(torch.stack([*norms.values()])), **norms}


def part_of(name: str, parts: Mapping[str, str] = PARTS) -> str:
    """The part that a parameter belongs to.

    Args:
        name: Name in the module, such as ``net.blocks.0.attention.qkv.weight``.
        parts: Patterns by part.
    """
    for part, pattern in parts.items():
        if re.search(pattern, name):
            return part
    network, _, rest = name.partition(".")
    return rest.partition(".")[0] if network == "net" and rest else network
