"""Counts one training step on fake tensors: compute, saved tensors, and peak memory."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unif2ace.planning.meter import Meter
from unif2ace.planning.stand_ins import Load, as_on_gpu, checkpointing, divided, experts, probed, routed
from unif2ace.planning.subject import Subject

if TYPE_CHECKING:
    from unif2ace.types import Batch


@dataclass(frozen=True, slots=True)
class Traced:
    """Counts of one micro-batch of one rank; memory in bytes.

    Attributes:
        forward: Floating-point operations of the forward pass, without frozen networks.
        backward: Floating-point operations of the backward pass, including recomputation.
        frozen: Floating-point operations of the frozen networks.
        casts: Weights cast to a narrower dtype, which autocast keeps until the backward pass ends.
        layers: Tensors that the network saves for the backward pass, without weights and casts.
        logits: Tensors that head and losses save.
        peak: Maximum of live memory besides weights, gradients and optimizer state.
        columns: Tokens of all sequences, with padding; 0 without text.
    """

    forward: int
    backward: int
    frozen: int
    casts: int
    layers: int
    logits: int
    peak: int
    columns: int


def trace(
    subject: Subject, ranks: int = 1, tensor: int = 1, checkpoint: bool | None = None, load: Load = "balanced"
) -> Traced:
    """Counts one micro-batch.

    Args:
        subject: The planned module; its batch is divided among the ranks.
        ranks: Number of data-parallel ranks.
        tensor: Number of tensor-parallel ranks.
        checkpoint: Whether gradient checkpointing is on; None for the configured value.
        load: Distribution of tokens over experts.

    Raises:
        ConfigError: If the batch cannot be divided evenly.
    """
    net, batch = subject.module.net, subject.batch(ranks)
    with ExitStack() as stack:
        if checkpoint is not None:
            stack.enter_context(checkpointing(net, checkpoint))
        stack.enter_context(divided(net, tensor, subject.mode))
        stack.enter_context(routed(net, load))
        stack.enter_context(experts(net, subject.gpu, "16" in subject.precision))
        if subject.gpu:
            stack.enter_context(as_on_gpu(net))
        else:
            probed(subject.precision)
        return measure(subject.module, batch, autocast(subject.precision), subject.frozen_work(batch))


def measure(
    module: Any, batch: Batch, precision: AbstractContextManager[Any], frozen: dict[str, int] | None = None
) -> Traced:
    """Counts one forward and backward pass of a module, real or fake.

    Args:
        module: A module with its network, and a Trainer with losses.
        batch: Batch to train on.
        precision: Context of the forward pass.
        frozen: Compute of frozen networks, by name; all except the image tokenizer's is part of the step.
    """
    frozen, meter = frozen or {}, Meter(module, *getattr(module, "_frozen", {}).values())
    after = module.net.register_forward_hook(lambda *_: setattr(meter, "part", "logits"))
    with meter.counting():
        with meter.keeping(), precision:
            step = module.step_output(batch)
            total = sum(loss.weight * term.mean for loss, term in module.terms(step))
        forward, kept = meter.work, meter.kept()
        columns = 0 if step.unified is None else step.unified.sequences.tokens("ids").numel()
        del step
        total.backward()
    after.remove()
    for parameter in module.parameters():
        parameter.grad = None
    within = sum(work for name, work in frozen.items() if name != "image_tokenizer")
    return Traced(
        forward - within,
        meter.work - forward,
        sum(frozen.values()),
        **kept,
        peak=meter.peak,
        columns=columns,
    )


def autocast(precision: str) -> AbstractContextManager[Any]:
    """The autocast context that Lightning uses for a step.

    Args:
        precision: The Trainer's precision.
    """
    import torch

    if not precision.endswith("-mixed"):
        return nullcontext()
    return torch.autocast("cpu", torch.bfloat16 if precision.startswith("bf16") else torch.float16)
