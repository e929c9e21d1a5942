"""The Muon optimiser: momentum with orthogonalised updates of matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from unif2ace.errors import ConfigError
from unif2ace.hardware import fast_bfloat16
from unif2ace.optimizers.shards import of_whole, part


class Muon(Optimizer):
    r"""Muon for matrices and convolution kernels, and AdamW for all other parameters.

    Muon (K. Jordan et al., *Muon: An optimizer for hidden layers in neural networks*, 2024) updates a matrix W (m, n)
    with gradient g as follows. A convolution kernel is reshaped to (out, in * height * width).

    .. math:: M \leftarrow \mu M + (1 - \mu) g, \quad U = \mathrm{orth}((1 - \mu) g + \mu M), \quad
              W \leftarrow (1 - \eta \lambda) W - \eta \sqrt{\max(1, m / n)}\, U

    The function orth moves all singular values close to 1 with five Newton-Schulz steps, see `orthogonalise`. In
    parameter groups with ``stacked: True``, each parameter is a stack of matrices in its last two axes. AdamW updates
    the groups with ``orthogonal: False``, and all vectors and scalars, with the learning rate `adam_lr`.

    A matrix that is sharded over processes is gathered for orth, and each process keeps its shard of the result. If a
    stack is sharded along its leading axes, each process orthogonalises its own matrices. A learning-rate schedule
    scales both learning rates, because the ratio of `adam_lr` to `lr` is fixed.

    Args:
        params: Parameters or parameter groups.
        lr: Learning rate of Muon, :math:`\eta`, above 0.
        momentum: Momentum coefficient of Muon, :math:`\mu`, in [0, 1).
        weight_decay: Decoupled weight decay, :math:`\lambda`.
        adam_lr: Learning rate of AdamW, at least 0.
        betas: Decay rates of AdamW's first and second moments.
        eps: Term that AdamW adds to the denominator.

    Raises:
        ConfigError: If `lr`, `adam_lr` or `momentum` is out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        adam_lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        if lr <= 0 or adam_lr < 0 or not 0 <= momentum < 1:
            raise ConfigError(
                f"optimizer.lr={lr}, optimizer.adam_lr={adam_lr}, optimizer.momentum={momentum}: lr must be above 0, "
                "adam_lr at least 0, and momentum in [0, 1)"
            )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "adam_ratio": adam_lr / lr,
            "betas": tuple(betas),
            "eps": eps,
            "orthogonal": True,
            "stacked": False,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Performs one optimisation step.

        Args:
            closure: Function that recomputes the loss and gradients. Lightning passes the training step.

        Returns:
            The return value of `closure`; None without a closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if group["orthogonal"] and parameter.ndim > 1:
                    self._orthogonal_step(parameter, group)
                else:
                    self._adam_step(parameter, group)
        return loss

    def _orthogonal_step(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        own, momentum, weight = part(gradient), part(state["momentum"]), part(parameter)
        momentum.lerp_(own, 1 - group["momentum"])
        update = own.lerp(momentum, group["momentum"])
        stacked = group["stacked"]

        def direction(matrices: Tensor) -> Tensor:
            shape = (-1, *matrices.shape[-2:]) if stacked else (len(matrices), -1)
            return orthogonalise(matrices.reshape(shape)).reshape(matrices.shape)

        rows, columns = parameter.shape[-2:] if stacked else (len(parameter), parameter[0].numel())
        # with a zero gradient (an expert without tokens) orth would apply the decaying momentum at full step size
        axes = (-2, -1) if stacked else tuple(range(-parameter.ndim, 0))
        moves = own.ne(0).any(axes, keepdim=True)
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(
            of_whole(direction, update, parameter, matrix_axes=2 if stacked else parameter.ndim) * moves,
            alpha=-group["lr"] * max(1, rows / columns) ** 0.5,
        )

    def _adam_step(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        assert parameter.grad is not None
        if "step" not in state:
            state["step"] = torch.zeros((), device="cpu")
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        gradient, weight, mean, square = (part(x) for x in (parameter.grad, parameter, state["mean"], state["square"]))
        mean.lerp_(gradient, 1 - beta1)
        square.lerp_(gradient.square(), 1 - beta2)
        lr, steps = group["lr"] * group["adam_ratio"], int(state["step"])
        scale = (square / (1 - beta2**steps)).sqrt_().add_(group["eps"])
        weight.mul_(1 - lr * group["weight_decay"])
        weight.addcdiv_(mean, scale, value=-lr / (1 - beta1**steps))


WIDE = 3
"""Minimum n / m for which `orthogonalise` iterates on the Gram matrix. Five steps then need (40 + 4 n / m) m^3 FLOPs
instead of (10 + 20 n / m) m^3: 52 m^3 instead of 70 m^3 at n / m = 3."""


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Approximately orthogonalises a matrix: keeps singular vectors, and moves singular values to about 0.7 to 1.2.

    Each Newton-Schulz step maps a singular value s to a s + b s^3 + c s^5. The coefficients a, b and c raise small
    values quickly. If n is much larger than m, all steps are first combined into one polynomial of the small Gram
    matrix X X^T, which is then multiplied with the matrix X.

    Args:
        matrix: (..., m, n). A zero matrix stays zero. float64 is computed in float64. Other dtypes are computed in
            bfloat16 if the hardware is fast in bfloat16, and in float32 otherwise.
        steps: Number of Newton-Schulz steps.

    Returns:
        (..., m, n), in the dtype of `matrix`.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix
    if matrix.dtype != torch.float64:
        x = matrix.bfloat16() if fast_bfloat16(matrix.device.type) else matrix.float()
    tall = x.shape[-2] > x.shape[-1]
    wide = x.mT if tall else x
    wide = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    if x.dtype != torch.bfloat16 and wide.shape[-1] >= WIDE * wide.shape[-2]:  # the Gram matrix needs precision
        wide = _polynomial(wide @ wide.mT, steps, a, b, c) @ wide
    else:
        stack = wide.reshape(-1, *wide.shape[-2:])
        for _ in range(steps):  # products fused with sums take up to a third less time on a CPU
            gram = stack @ stack.mT
            stack = torch.baddbmm(stack, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), stack, beta=a)
        wide = stack.view(wide.shape)
    done: Tensor = wide.mT if tall else wide
    return done.to(matrix.dtype)


def _polynomial(gram: Tensor, steps: int, a: float, b: float, c: float) -> Tensor:
    """The matrix (..., m, m) by which all steps together multiply X, computed from its Gram matrix X X^T."""
    one = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    product = one.expand_as(gram)
    for _ in range(steps):
        factor = a * one + b * gram + c * gram @ gram
        product, gram = factor @ product, factor @ gram @ factor
    return product
