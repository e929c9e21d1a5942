"""Toys whose laws are known by enumeration: a table for a denoiser, exact laws of samplers, chi-square. No tests here.

States of a row are numbers in base V + 1, the first token the most significant; V stands for masked.
"""

from __future__ import annotations

from itertools import permutations, product

import torch
from torch import Tensor


class Table:
    """A denoiser that looks up any state of L tokens of V codes; counts its calls."""

    def __init__(self, V: int = 3, L: int = 3, seed: int = 0, scale: float = 0.7) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.V, self.L, self.calls = V, L, 0
        raw = scale * torch.randn((V + 1) ** L, L, V, generator=generator, dtype=torch.float64)
        self.log_p = raw.log_softmax(-1)
        self.base = (V + 1) ** torch.arange(L - 1, -1, -1)
        self.states = torch.tensor(list(product(range(V + 1), repeat=L)))
        self.x0 = torch.tensor(list(product(range(V), repeat=L)))

    def __call__(self, x_BN: Tensor, t_B: Tensor) -> Tensor:
        assert t_B.shape == x_BN.shape[:1]
        assert bool(((t_B >= 0) & (t_B <= 1)).all())
        self.calls += 1
        return self.log_p[self.number(x_BN)]

    def number(self, x_BN: Tensor) -> Tensor:
        return (x_BN * self.base).sum(-1)

    def masks(self, rows: int) -> Tensor:
        return torch.full((rows, self.L), self.V)

    def of_x0(self, law: Tensor) -> Tensor:
        """The part of a law over states that has no mask, in the order of `x0`."""
        return law[self.number(self.x0)]

    def chain(self, kernels: list[Tensor], start: Tensor | None = None) -> Tensor:
        """Law over states after steps in which tokens move independently; kernels (states, L, V + 1)."""
        law = torch.zeros(len(self.states), dtype=torch.float64)
        law[self.number(self.masks(1))[0] if start is None else self.number(start)] = 1
        for kernel in kernels:
            joint = law[:, None] * kernel[:, 0]
            for i in range(1, self.L):
                joint = (joint[:, :, None] * kernel[:, i, None]).flatten(1)
            law = joint.sum(0)
        return law

    def kernel(self, reveal: float, again: float = 0.0) -> Tensor:
        """Masked tokens are revealed with a probability, visible ones masked with another."""
        kernel = torch.zeros(*self.states.shape, self.V + 1, dtype=torch.float64)
        masked = self.states == self.V
        kernel[masked] = torch.nn.functional.pad(reveal * self.log_p[masked].exp(), (0, 1), value=1 - reveal)
        visible = torch.nn.functional.one_hot(self.states, self.V + 1).double() * (1 - again)
        visible[..., self.V] += again
        kernel[~masked] = visible[~masked]
        return kernel

    def any_order(self) -> Tensor:
        """Law of `x0` if codes are drawn one by one in a uniformly random order."""
        law = torch.zeros(len(self.x0), dtype=torch.float64)
        orders = list(permutations(range(self.L)))
        for order in orders:
            x, log_p = self.masks(len(self.x0)), torch.zeros(len(self.x0), dtype=torch.float64)
            for i in order:
                log_p += self.log_p[self.number(x), i].gather(1, self.x0[:, i : i + 1])[:, 0]
                x[:, i] = self.x0[:, i]
            law += log_p.exp() / len(orders)
        return law


class BatchRNG:
    """Randomness of many rows at once: quick, where rows need not be independent of the batch."""

    def __init__(self, rows: int, seed: int = 0) -> None:
        self.rows, self.generator = rows, torch.Generator().manual_seed(seed)

    def uniform(self, number: int) -> Tensor:
        return torch.rand(self.rows, number, generator=self.generator, dtype=torch.float64)

    def categorical(self, probability: Tensor, where_BN: Tensor | None = None) -> Tensor:
        """By an exponential race, not by the code under test."""
        race = torch.empty(probability.shape, dtype=torch.float64).exponential_(generator=self.generator)
        return (probability.double() / race).argmax(-1)


def p_value(table: Table, x_BN: Tensor, law: Tensor) -> float:
    """Probability of so large a chi-square, if codes follow a law over `x0`."""
    assert abs(float(law.sum()) - 1) < 1e-12
    seen = torch.bincount(table.number(x_BN), minlength=len(table.states))
    assert int(table.of_x0(seen).sum()) == len(x_BN), "masked codes were returned"
    expected = law * len(x_BN)
    assert float(expected.min()) > 5
    chi2 = ((table.of_x0(seen) - expected) ** 2 / expected).sum()
    return float(torch.special.gammaincc(torch.tensor((len(law) - 1) / 2, dtype=torch.float64), chi2 / 2))
