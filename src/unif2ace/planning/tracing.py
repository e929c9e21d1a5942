"""One training step on fake tensors, counted: what it computes, what it keeps, and what it needs at its peak."""

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
    """One micro-batch of one rank. Memory in bytes.

    Attributes:
        forward: Floating-point operations of the forward pass, frozen networks left out.
        backward: Of the backward pass, with what it computes again.
        frozen: Of the frozen networks.
        casts: Copies of weights in a narrower type, which autocast keeps until the backward pass ends.
        layers: What the network keeps for the backward pass, without weights and casts.
        logits: What head and losses keep.
        peak: The most that lives at one time beside weights, their gradients and what the optimiser holds.
        columns: Tokens of all rows, with padding; 0 without text.
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
        subject: What is planned; its batch is dealt to the ranks.
        ranks: Those that see different data.
        tensor: Those that share each layer.
        checkpoint: Whether blocks are computed again in the backward pass; None: as configured.
        load: How tokens fall on experts.

    Raises:
        ConfigError: If rows cannot be dealt evenly.
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
    """One forward and backward pass of a module, real or fake, counted.

    Args:
        module: Has its network, and a Trainer with losses.
        batch: To train on.
        precision: Of the forward pass.
        frozen: Work of networks that are not trained, by name; all but the image tokenizer's is part of the step.
    """
    frozen, meter = frozen or {}, Meter(module, *getattr(module, "_frozen", {}).values())
    after = module.net.register_forward_hook(lambda *_: setattr(meter, "part", "logits"))
    with meter.counting():
        with meter.keeping(), precision:
            step = module.step_output(batch)
            total = sum(loss.weight * term.mean for loss, term in module.terms(step))
        forward, kept = meter.work, meter.kept()
        columns = 0 if step.unified is None else step.unified.sequence.ids.numel()
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
    """What Lightning wraps a step in.

    Args:
        precision: As the Trainer takes it.
    """
    import torch

    if not precision.endswith("-mixed"):
        return nullcontext()
    return torch.autocast("cpu", torch.bfloat16 if precision.startswith("bf16") else torch.float16)
