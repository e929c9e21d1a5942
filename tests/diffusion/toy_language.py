"""A language of V codes and L places whose every probability can be enumerated, float64.

The model is a table: for each of the (V + 1)^L partly masked texts, a distribution at each place. State s is a text
read as a number in base V + 1, V for masked.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

V, L = 3, 3
STATES = torch.tensor(list(itertools.product(range(V + 1), repeat=L)))
TEXTS = torch.tensor(list(itertools.product(range(V), repeat=L)))
SETS = [s for number in range(1, L + 1) for s in itertools.combinations(range(L), number)]
"""The masked places, all non-empty sets."""
_BASE = torch.tensor([(V + 1) ** (L - 1 - i) for i in range(L)])


def table(seed: int, sharpness: float = 1.5) -> Tensor:
    """Logits of a random model, float64 ((V + 1)^L, L, V)."""
    generator = torch.Generator().manual_seed(seed)
    return sharpness * torch.randn(len(STATES), L, V, generator=generator, dtype=torch.float64)


def state(text: Tensor) -> Tensor:
    """Numbers of texts (..., L)."""
    return (text * _BASE).sum(-1)


def masked(x0: Tensor, places: tuple[int, ...]) -> Tensor:
    """A text with some places masked."""
    xt = x0.clone()
    xt[list(places)] = V
    return xt


def entropies(logits: Tensor, x0: Tensor) -> dict[tuple[int, ...], Tensor]:
    """Cross-entropy summed over the masked places, of each set of them."""
    log_p = logits.log_softmax(-1)
    return {s: sum(-log_p[state(masked(x0, s)), i, x0[i]] for i in s) for s in SETS}


def subset_bound(logits: Tensor, x0: Tensor) -> Tensor:
    """The bound in continuous time, nats, by its closed form: a sum over sets, whatever the schedule."""
    weight = {s: math.factorial(len(s) - 1) * math.factorial(L - len(s)) / math.factorial(L) for s in SETS}
    return sum(weight[s] * e for s, e in entropies(logits, x0).items())


def any_order_likelihood(logits: Tensor, x0: Tensor) -> Tensor:
    """Probability of a text where places are revealed one by one, in a random order."""
    log_p, total = logits.log_softmax(-1), torch.zeros(())
    for order in itertools.permutations(range(L)):
        xt, log = torch.full((L,), V), torch.zeros((), dtype=torch.float64)
        for i in order:
            log = log + log_p[state(xt), i, x0[i]]
            xt[i] = x0[i]
        total = total + log.exp()
    return total / math.factorial(L)


def step_likelihoods(logits: Tensor, alphas: Tensor) -> Tensor:
    """Probability of every state after ancestral steps from all masked; alphas from 1 down to 0."""
    p = logits.softmax(-1)
    law = torch.zeros(len(STATES), dtype=torch.float64)
    law[-1] = 1
    for s, t in zip(alphas[:-1].flip(0), alphas[1:].flip(0), strict=True):
        unmask = (s - t) / (1 - t)
        kernel = torch.zeros(len(STATES), L, V + 1, dtype=torch.float64)
        for i in range(L):
            hidden = STATES[:, i] == V
            kernel[hidden, i, :V], kernel[hidden, i, V] = unmask * p[hidden, i], 1 - unmask
            kernel[~hidden, i, STATES[~hidden, i]] = 1
        law = torch.einsum("s,sa,sb,sc->abc", law, kernel[:, 0], kernel[:, 1], kernel[:, 2]).flatten()
    return law


def step_bounds(logits: Tensor, x0: Tensor, alphas: Tensor) -> tuple[Tensor, Tensor]:
    """L1, the bound of those steps, and L2, the sum over steps of the masked cross-entropy; nats."""
    tight, loose = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for s, t in itertools.pairwise(alphas):
        expected = sum((1 - t) ** len(a) * t ** (L - len(a)) * e for a, e in entropies(logits, x0).items())
        tight, loose = tight + (s - t) / (1 - t) * expected, loose + expected
    return tight, loose
