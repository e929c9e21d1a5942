"""Counts compute and memory of a step, on real or fake tensors. Memory is the size of all live storages."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


class Meter:
    """Counts FLOPs, live bytes, and bytes saved for the backward pass.

    Args:
        modules: Modules whose weights, buffers and gradients are not counted.

    Attributes:
        work: Floating-point operations: two per multiply-add of matrix products and convolutions.
        peak: Maximum number of live bytes.
        part: Part to which tensors kept from now on are assigned.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self._own = {_key(t) for m in modules for t in (*m.parameters(), *m.buffers())}
        self._weights = {_key(p) for m in modules for p in m.parameters()}
        self._parameters = [p for m in modules for p in m.parameters()]
        self._living: dict[int, int] = {}
        self._casts: set[int] = set()
        self._kept: dict[int, tuple[str, int]] = {}
        self._now = self.peak = self.work = 0
        self.part = "layers"

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts operations and allocations inside the context."""
        from torch.utils._python_dispatch import TorchDispatchMode
        from torch.utils._pytree import tree_iter

        meter, formulas = self, _formulas()

        class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
            def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                kwargs = kwargs or {}
                out = func(*args, **kwargs)
                work = formulas.get(func.overloadpacket)
                if work is not None:
                    meter.work += work(*args, **kwargs, out_val=out)
                is_cast = func.overloadpacket._qualified_op_name == "aten::_to_copy" and _key(args[0]) in meter._weights
                for tensor in tree_iter(out):
                    if hasattr(tensor, "untyped_storage"):
                        meter._made(tensor, is_cast)
                return out

        trained: list[Any] = [p for p in self._parameters if p.requires_grad]
        hooks = [p.register_post_accumulate_grad_hook(self._gradient) for p in trained]
        with Counting():  # type: ignore[no-untyped-call]
            yield
        for hook in hooks:
            hook.remove()

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Counts tensors that autograd saves inside the context."""
        import torch

        with torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor):
            yield

    def kept(self) -> dict[str, int]:
        """Bytes that autograd keeps now, by part: ``casts`` of weights, ``layers`` and ``logits``."""
        parts = {"casts": 0, "layers": 0, "logits": 0}
        for part, size in self._kept.values():
            parts[part] += size
        return parts

    def _made(self, tensor: Tensor, is_cast: bool) -> None:
        storage, key = tensor.untyped_storage(), _key(tensor)
        if key in self._own or key in self._living:
            return
        self._living[key] = storage.nbytes()
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        if is_cast:
            self._casts.add(key)
        weakref.finalize(storage, self._gone, key).atexit = False

    def _gone(self, key: int) -> None:
        self._now -= self._living.pop(key, 0)
        self._kept.pop(key, None)
        self._casts.discard(key)
        self._own.discard(key)

    def _gradient(self, parameter: Tensor) -> None:
        """Stops counting the gradient of a parameter of any shape (...), which is planned separately."""
        assert parameter.grad is not None
        key = _key(parameter.grad)
        self._own.add(key)
        self._now -= self._living.pop(key, 0)

    def _keep(self, tensor: Tensor) -> Tensor:
        key = _key(tensor)
        if key not in self._own and key not in self._kept:
            self._kept[key] = "casts" if key in self._casts else self.part, tensor.untyped_storage().nbytes()
        return tensor


def _formulas() -> dict[Any, Any]:
    """Compute of each operation, including those that torch's own counter does not know."""
    import torch
    from torch.utils.flop_counter import flop_registry

    def attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
        return 2 * query[..., 0].numel() * key.shape[2] * (query.shape[3] + value.shape[3])

    def attention_backward(_: Any, query: Tensor, key: Tensor, value: Tensor, *__: Any, **___: Any) -> int:
        return 2 * query[..., 0].numel() * key.shape[2] * (3 * query.shape[3] + 2 * value.shape[3])

    def grouped(a_SX: Tensor, b: Tensor, *_: Any, **__: Any) -> int:
        return 2 * a_SX.numel() * b.shape[-1]  # one matrix per row; if both are 2-D, the gradient of the weights

    def added(_: Any, a: Tensor, b: Tensor, *__: Any, **___: Any) -> int:
        return 2 * a.numel() * b.shape[-1]

    aten = torch.ops.aten
    return {
        **flop_registry,
        aten._scaled_dot_product_flash_attention_for_cpu: attention,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_backward,
        aten._grouped_mm: grouped,
        aten.addmm_: added,
    }


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
