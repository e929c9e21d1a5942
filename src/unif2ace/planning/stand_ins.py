"""Replacements for what a step on fake tensors cannot do: choosing experts, and operations that only run on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

Load = Literal["balanced", "worst"]
"""Distribution of tokens over the routed experts: even, or all tokens on the same K experts of their group."""


@contextmanager
def routed(net: nn.Module, load: Load) -> Iterator[None]:
    """Inside the context, routers choose a fixed distribution with real values.

    Args:
        net: Network with the routers.
        load: Distribution of the tokens.
    """
    import torch

    from unif2ace.nets.moe.routers.base import Router, Routing

    def choose(router: nn.Module, inputs: tuple[Any, ...], routing: Routing) -> Routing:
        assert isinstance(router, Router)
        group_B, real_BL = inputs[1], inputs[2]
        n, k = router.num_experts, router.top_k
        place_BL = (
            torch.arange(real_BL.numel()).view(real_BL.shape) if load == "balanced" else torch.zeros_like(real_BL)
        )
        choice_BLK = (place_BL[..., None] * k + torch.arange(k)) % n + group_B[:, None, None] * n
        none = router.groups * n
        choice_BLK = choice_BLK.masked_fill(~real_BL[..., None], none)
        spare = routing.gate.shape[-1] - k  # of routers whose experts choose
        return replace(routing, expert=torch.nn.functional.pad(choice_BLK, (0, spare), value=none))

    hooks = [m.register_forward_hook(choose) for m in net.modules() if isinstance(m, Router)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def as_on_gpu(net: nn.Module) -> Iterator[None]:
    """Inside the context, attention saves the tensors that it saves on a GPU.

    Args:
        net: The network.
    """
    from unif2ace.nets.transformer.attentions import base as found

    attention: Any = found
    kernel = getattr(net, "kernel", None)
    before, attention.attend = attention.attend, _attend
    if kernel == "auto":
        net.kernel = "sdpa"  # type: ignore[assignment]
    try:
        yield
    finally:
        attention.attend = before
        if kernel is not None:
            net.kernel = kernel


@contextmanager
def experts(net: nn.Module, gpu: bool, half: bool) -> Iterator[None]:
    """Inside the context, the backend of routed experts is the one of the planned device.

    Args:
        net: A network with or without routed experts.
        gpu: Whether the planned device is a GPU.
        half: Whether matrix products are in 16 bits. `GroupedMMBackend` supports no other dtype on fake tensors; with
            other dtypes `CPUBackend` is used, which does not save copies of the tokens.
    """
    from unif2ace.nets.moe.backends.auto import AutoBackend
    from unif2ace.nets.moe.backends.cpu import CPUBackend
    from unif2ace.nets.moe.backends.grouped_mm import GroupedMMBackend
    from unif2ace.nets.moe.routed import RoutedExperts

    layers = [m._expert_backend for m in net.modules() if isinstance(m, RoutedExperts)]
    auto = [(layer, layer.inner) for layer in layers if isinstance(layer.inner, AutoBackend) and (gpu or not half)]
    for layer, _ in auto:
        layer.inner = GroupedMMBackend() if half else CPUBackend()
    try:
        yield
    finally:
        for layer, inner in auto:
            layer.inner = inner


def _attend(q_BHLd: Any, k_BJPd: Any, v_BJPd: Any, mask: Any, kernel: str) -> Any:
    """The fused kernel in the dtype of the heads; flex attention's block mask has a negligible size."""
    import torch

    if kernel == "math":
        from unif2ace.nets.transformer.kernels import attend

        return attend(q_BHLd, k_BJPd, v_BJPd, mask, "math")
    allowed = None if kernel == "flex" else mask.of(q_BHLd.shape[2], k_BJPd.shape[2], q_BHLd.device)
    with torch.autocast(q_BHLd.device.type, enabled=False):
        return torch.nn.functional.scaled_dot_product_attention(
            q_BHLd, k_BJPd, v_BJPd, attn_mask=allowed, enable_gqa=q_BHLd.shape[1] != k_BJPd.shape[1]
        )


def probed(precision: str) -> None:
    """Lets the network choose its attention kernel on this processor before counting starts.

    Args:
        precision: The Trainer's precision.
    """
    import torch

    from unif2ace.nets.transformer.kernels import fastest

    if "16" in precision:
        fastest("cpu", torch.bfloat16 if precision.startswith("bf16") else torch.float16, True)


@contextmanager
def divided(net: nn.Module, ranks: int, mode: Any) -> Iterator[None]:
    """Inside the context, layers hold the part of their weights that tensor parallelism leaves to one rank.

    Args:
        net: A network with fake weights.
        ranks: Number of tensor-parallel ranks; it divides the heads and the hidden dimensions.
        mode: The fake-tensor mode of the weights.
    """
    import torch

    from unif2ace.nets.sharding import Divisible

    parts = [layer for layer in net.modules() if isinstance(layer, Divisible)] if ranks > 1 else []
    cuts = [cut for layer in parts for cut in layer.divided_weights()]
    before = [layer._parameters[name] for layer, name, _ in cuts]
    for (layer, name, axis), weight in zip(cuts, before, strict=True):
        assert weight is not None
        shape = [n // ranks if a == axis else n for a, n in enumerate(weight.shape)]
        with mode:
            layer._parameters[name] = torch.nn.Parameter(torch.empty(shape, dtype=weight.dtype))
    try:
        yield
    finally:
        for (layer, name, _), weight in zip(cuts, before, strict=True):
            layer._parameters[name] = weight


@contextmanager
def checkpointing(net: nn.Module, flag: bool) -> Iterator[None]:
    """Inside the context, gradient checkpointing is on or off.

    Args:
        net: Network whose modules may have a flag ``gradient_checkpointing``.
        flag: Value of the flag.
    """
    modules: list[Any] = [m for m in net.modules() if hasattr(m, "gradient_checkpointing")]
    before = [m.gradient_checkpointing for m in modules]
    for module in modules:
        module.gradient_checkpointing = flag
    try:
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.gradient_checkpointing = value
