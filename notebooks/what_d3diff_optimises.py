# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does D3Diff optimise?
# D3Diff is *mask + alpha x score*. Here it is taken apart on a toy language in which every text, every mask and every
# order can be enumerated, so that bounds and likelihoods are exact and no noise blurs the picture.
#
# With `L_m` the mean cross-entropy of a masked token where `m` tokens are masked, each loss is a weighted sum of
# `L_1 ... L_N`. All that distinguishes the losses is the weights.

# %%
# %matplotlib inline
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.noise_schedules.cosine_mdlm import CosineMdlmSchedule
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule

plt.rcParams["figure.dpi"] = 110
SCHEDULES = {
    "cosine": CosineMaskgitSchedule(),
    "linear": LinearSchedule(),
    "cosine of MDLM": CosineMdlmSchedule(eps=0.0),
}

# %% [markdown]
# ## The weights
# A schedule masks each token with a probability `q(t)`, so `m` of `N` tokens are masked with a binomial probability
# `P(m)`. The mask term is a mean over masked tokens: its weight of `L_m` is `P(m) m / E[m]`. The score term weighs each
# masked token by `w(t) = q'(t) / q(t)`: its weight of `L_m` is the integral of `w(t) P(m | t) m`.
#
# That integral is 1 for every `m` and every schedule: the score term is `L_1 + ... + L_N`, whatever the noise.

# %%
N = 64
places, quadrature = np.polynomial.legendre.leggauss(400)
t = torch.tensor(places / 2 + 0.5)
quadrature = torch.tensor(quadrature / 2)
m = torch.arange(1, N + 1, dtype=torch.float64)
log_choose = torch.tensor([math.log(math.comb(N, int(k))) for k in m], dtype=torch.float64)


def weights(schedule):
    """Weights of L_1 ... L_N in the mask term and in the score term."""
    q, w = schedule.masked(t)[:, None], schedule.weight(t)[:, None]
    chance = (log_choose + m * q.log() + (N - m) * torch.log1p(-q)).exp()
    expected = (quadrature[:, None] * chance * m).sum()
    return (quadrature[:, None] * chance * m).sum(0) / expected, (quadrature[:, None] * w * chance * m).sum(0)


figure, axes = plt.subplots(1, 3, figsize=(13, 3.2), layout="constrained")
for name, schedule in SCHEDULES.items():
    mask, score = weights(schedule)
    print(f"{name:10}: weights in the score term from {score.min():.4f} to {score.max():.4f}")
    axes[0].plot(m, mask, label=name)
    axes[1].plot(m, score, label=name)
mask, score = weights(SCHEDULES["cosine"])
axes[2].plot(m, mask, color="black", label="mask")
for alpha in (0.001, 0.01, 0.1):
    axes[2].plot(m, mask + alpha * 256 / N * score, label=f"D3Diff, alpha {alpha:g}")
titles = ("mask term", "score term, nats per picture", "D3Diff with the cosine schedule")
for axis, title in zip(axes, titles, strict=True):
    axis.set(title=title, xlabel="masked tokens m of 64")
    axis.legend(fontsize=8)
axes[0].set_ylim(0)
axes[1].set_ylim(0, 1.5)
axes[2].set_yscale("log")
plt.show()

# %% [markdown]
# The cosine schedule's mask term hardly looks at nearly finished pictures (small `m`), on which the last steps of a
# sampler depend. The score term adds the same weight everywhere. It also is an upper bound of the negative
# log-likelihood, so its value means something: the mask term's does not.
#
# Weighted, the score term adds up to `alpha x 256` beside a mask term that adds up to 1:

# %%
for alpha in (0.001, 0.01, 0.1):
    print(f"alpha {alpha:g}: the score term has {alpha * 256:.2f} times the weight of the mask term")

# %% [markdown]
# ## A toy language
# Four places, three codes: 81 texts with random, correlated probabilities. A model gives a distribution at every
# masked place of each of the 256 partly masked texts.

# %%
V, L = 3, 4
TEXTS = torch.tensor(list(itertools.product(range(V), repeat=L)))
STATES = torch.tensor(list(itertools.product(range(V + 1), repeat=L)))
BASE = torch.tensor([(V + 1) ** (L - 1 - i) for i in range(L)])
generator = torch.Generator().manual_seed(3)
data = (2.0 * torch.randn(len(TEXTS), generator=generator, dtype=torch.float64)).softmax(0)
entropy = float(torch.special.entr(data).sum())
print(f"entropy of the texts: {entropy:.4f} nats, the least that any bound can reach")

# every text under every set of masked places: x0, xt and the places
SETS = torch.tensor([s for s in itertools.product((False, True), repeat=L) if any(s)])
x0 = TEXTS[:, None].expand(-1, len(SETS), -1)
xt = torch.where(SETS, V, x0)
state = (xt * BASE).sum(-1)
count = SETS.sum(1)


def level_losses(logits):
    """L_1 ... L_N, exact over all texts and masks."""
    nats = -logits.log_softmax(-1)[state].gather(-1, x0[..., None])[..., 0]
    of_set = (nats * SETS).sum(-1) / count
    return torch.stack([(data[:, None] * of_set)[:, count == k].mean(1).sum() for k in range(1, L + 1)])


def likelihood(logits):
    """Mean negative log-likelihood where places are revealed one by one in a random order, exact over all orders."""
    log_p = logits.log_softmax(-1)
    total = torch.full((len(TEXTS),), -torch.inf, dtype=torch.float64)
    for order in itertools.permutations(range(L)):
        now, log = torch.full_like(TEXTS, V), torch.zeros(len(TEXTS), dtype=torch.float64)
        for i in order:
            log = log + log_p[(now * BASE).sum(-1), i].gather(-1, TEXTS[:, i : i + 1])[:, 0]
            now[:, i] = TEXTS[:, i]
        total = torch.logaddexp(total, log)
    return float(-(data * (total - math.log(math.factorial(L)))).sum())


# %% [markdown]
# ## The bound is exact where the model is
# The true conditional distributions of the texts reach the entropy. Any disturbance raises the likelihood's value, and
# the bound stays above it.

# %%
joint = data.reshape((V,) * L)
truth = torch.zeros(len(STATES), L, V, dtype=torch.float64)
for number, text in enumerate(STATES.tolist()):
    seen = joint[tuple(slice(None) if code == V else slice(code, code + 1) for code in text)]
    for i in range(L):
        truth[number, i, : seen.shape[i]] = seen.sum([k for k in range(L) if k != i]).clamp(min=1e-300).log()
noise = torch.randn(truth.shape, generator=generator, dtype=torch.float64)
sizes = torch.linspace(0, 2, 21)
bounds = [float(level_losses(truth + size * noise).sum()) for size in sizes]
exact = [likelihood(truth + size * noise) for size in sizes]
print(f"the true model: bound {bounds[0]:.6f}, likelihood {exact[0]:.6f}, entropy {entropy:.6f}")
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(sizes, bounds, label="bound: L_1 + ... + L_N")
axis.plot(sizes, exact, label="exact, any order")
axis.axhline(entropy, color="gray", linestyle=":", label="entropy of the texts")
axis.set(xlabel="disturbance of the true logits", ylabel="nats per text")
axis.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## The same model, trained with each loss
# A model that can represent everything ends at the true distributions with any of the losses, because all weights are
# positive. A model that is too small must choose where to err, and the weights decide. Here a network of three hidden
# units is trained on the exact losses, from six starts.

# %%
N, m = L, torch.arange(1, L + 1, dtype=torch.float64)
log_choose = torch.tensor([math.log(math.comb(L, int(k))) for k in m], dtype=torch.float64)
mask, score = weights(SCHEDULES["cosine"])
OBJECTIVES = {
    "mask only": mask,
    "D3Diff, alpha 0.001": mask + 0.001 * 256 / L * score,
    "D3Diff, alpha 0.01": mask + 0.01 * 256 / L * score,
    "score only": score,
}
inputs = torch.nn.functional.one_hot(STATES, V + 1).flatten(1).double()


def trained(objective, seed, steps=300, hidden=3):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Linear(inputs.shape[1], hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, L * V)
    ).double()
    optimizer = torch.optim.Adam(net.parameters(), 0.05)
    curve = []
    for _ in range(steps):
        levels = level_losses(net(inputs).view(-1, L, V))
        loss = (objective * levels).sum() / objective.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(float(levels.detach().sum()))
    logits = net(inputs).view(-1, L, V).detach()
    return curve, level_losses(logits), likelihood(logits)


SEEDS = 6
found = {name: [trained(objective, seed) for seed in range(SEEDS)] for name, objective in OBJECTIVES.items()}
figure, axes = plt.subplots(1, 2, figsize=(12, 3.4), layout="constrained")
print(f"{'':22}{'bound':>18}{'exact likelihood':>20}     (mean +- standard error over {SEEDS} starts)")
for name, results in found.items():
    final = np.array([[float(levels.sum()), nats] for _, levels, nats in results])
    mean, error = final.mean(0), final.std(0, ddof=1) / math.sqrt(SEEDS)
    print(f"{name:22}{mean[0]:9.4f} +- {error[0]:.4f}{mean[1]:11.4f} +- {error[1]:.4f}")
    axes[0].plot(np.mean([curve for curve, _, _ in results], 0), label=name)
    axes[1].plot(range(1, L + 1), torch.stack([levels for _, levels, _ in results]).mean(0), "o-", label=name)
axes[0].axhline(entropy, color="gray", linestyle=":")
axes[0].set(
    xlabel="step", ylabel="bound, nats per text", ylim=(entropy - 0.02, entropy + 1), title="the bound while training"
)
axes[1].set(xlabel="masked places m", ylabel="L_m, nats", xticks=range(1, L + 1), title="where each model errs")
axes[1].legend(fontsize=8)
plt.show()

# %% [markdown]
# The differences are paired: each start is the same network. A positive value means that the loss ends with a worse
# likelihood than the score term alone.

# %%
reference = np.array([nats for _, _, nats in found["score only"]])
for name, results in found.items():
    apart = np.array([nats for _, _, nats in results]) - reference
    print(f"{name:22}{apart.mean():+.4f} +- {apart.std(ddof=1) / math.sqrt(SEEDS):.4f} nats per text")

# %% [markdown]
# What follows for real models: the score term is the likelihood bound, D3Diff adds a part of it to a loss that forgets
# small `m`, and how much it helps depends on how far the model is from being able to represent everything.
# `callbacks=[...,noise_levels]` plots the same `L_m` of a real run, and `unif2ace-report` shows them.
