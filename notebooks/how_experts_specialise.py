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
# # How do experts specialise?
# A grouped mixture of experts has two levels and two groups. At the *token level* each token chooses routed experts of
# its group, one for sequences that generate (Gen), one for sequences that answer (Und). At the *sequence level* each
# picture chooses from copies, zero, noise (Gen), or the visual encoders (Und), and all its tokens follow.
# This notebook shows who chooses whom, in the form of figure 5 of the paper, and what the choices depend on.
#
# `MODEL` is the quickstart's run if there is one, else the model in the package.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, display

import unif2ace
from unif2ace.callbacks.expert_usage import evenness
from unif2ace.language import write_caption
from unif2ace.nets.moe.sequence import SequenceLevel
from unif2ace.report.blocks.charts import Charts
from unif2ace.report.charts.bubble_chart import BubbleChart
from unif2ace.report.charts.svg import style
from unif2ace.synthetic import render, sample_face

plt.rcParams["figure.dpi"] = 110
torch.set_grad_enabled(False)

RUNS = [Path(above, "logs/quickstart/unified") for above in (".", "..")]
MODEL = next((str(run) for run in RUNS if (run / "weights.safetensors").is_file()), "builtin")
model = unif2ace.load(MODEL).model
GEN, UND = 0, 1

faces = [sample_face(seed) for seed in range(900_000, 900_048)]
pictures = torch.from_numpy(render(faces, model.image_size)).permute(0, 3, 1, 2)
codes = model.encode(pictures)
texts, length = model.ids([write_caption(face.record, 0, "short") for face in faces])
generator = torch.Generator().manual_seed(0)


def generating(share):
    """Routers while faces are generated, with a share of the tokens masked."""
    masked = torch.where(torch.rand(codes.shape, generator=generator) < share, model.num_codes, codes)
    return model.net(model.layout.text_to_image(texts, length, masked, codes)).routers


def answering(question):
    """Routers while a question about every face is read."""
    return model.net(*model.asked(pictures, [question] * len(faces))).routers


def shares(routers, level, group):
    """Share of the tokens (or pictures) that chose each expert, (layers, experts)."""
    return np.stack([(s.assigned[group] / s.count[group]).numpy() for s in routers if s.level == level])


level = next((m for m in model.net.modules() if isinstance(m, SequenceLevel)), None)
NAMES = level.names if level else ((), ())
assert any(s.level == "token" for s in generating(0.5)), "this network is dense: take one trained with moe=grouped"

# %% [markdown]
# ## Who is chosen, by layer
# The area of a circle is the share of the tokens (of the pictures, at the sequence level) that chose the expert. In the
# paper's figure 5, choices at the sequence level are nearly all or nothing in each layer.

# %%
QUESTION = "Describe this face."
charts = []
for title, routers, group in (("generation", generating(0.5), GEN), ("understanding", answering(QUESTION), UND)):
    for kind in ("token", "sequence"):
        if any(s.level == kind for s in routers):
            table = shares(routers, kind, group)
            names = [f"{name} {n + 1}" for n, name in enumerate(NAMES[group])] if kind == "sequence" else None
            names = names or [str(n + 1) for n in range(table.shape[1])]
            charts.append(BubbleChart(f"{kind} level, {title}", names, table.tolist(), 1 - group))
display(HTML(f"<style>{style()} .charts {{display: flex; flex-wrap: wrap}}</style>{Charts(charts).html()}"))

# %% [markdown]
# ## How even is that?
# 1: all experts of a group are chosen equally often; 0: always the same ones.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8), layout="constrained", sharey=True)
for axis, kind in zip(axes, ("token", "sequence"), strict=True):
    for title, routers, group in (("generation", generating(0.5), GEN), ("understanding", answering(QUESTION), UND)):
        if any(s.level == kind for s in routers):
            axis.plot(evenness(torch.from_numpy(shares(routers, kind, group))), "o-", label=title)
    axis.set(title=f"{kind} level", xlabel="layer", ylim=(0, 1.05))
axes[0].set_ylabel("evenness")
axes[0].legend(fontsize=8)
plt.show()

# %% [markdown]
# ## Do choices depend on the noise?
# The same faces with few and with all tokens masked. If experts specialise in noise levels, the shares move.

# %%
LEVELS = (0.05, 0.25, 0.5, 0.75, 1.0)
by_level = {share: generating(share) for share in LEVELS}
token = np.stack([shares(routers, "token", GEN) for routers in by_level.values()])  # (levels, layers, experts)
depth = token.shape[1]
figure, axes = plt.subplots(1, depth, figsize=(2.1 * depth, 2.6), layout="constrained", sharey=True)
for layer, axis in enumerate(np.atleast_1d(axes)):
    axis.plot(LEVELS, token[:, layer], "o-", markersize=3)
    axis.set(title=f"layer {layer}", xlabel="masked share")
np.atleast_1d(axes)[0].set_ylabel("share of tokens, by expert")
plt.show()
moved = np.abs(token[-1] - token[0]).sum(-1) / 2
print("share of the choices that change from 5 % to 100 % masked, by layer:", np.round(moved / token[0].sum(-1), 2))

# %% [markdown]
# At the sequence level, *noise* blends in the embedding of the noise level:

# %%
if level:
    whole = np.stack([shares(routers, "sequence", GEN) for routers in by_level.values()])
    figure, axes = plt.subplots(
        1, len(NAMES[GEN]), figsize=(2.6 * len(NAMES[GEN]), 2.6), layout="constrained", sharey=True
    )
    for expert, axis in enumerate(axes):
        for layer in range(whole.shape[1]):
            axis.plot(LEVELS, whole[:, layer, expert], "o-", markersize=3, label=f"layer {layer}")
        axis.set(title=f"{NAMES[GEN][expert]} {expert + 1}", xlabel="masked share", ylim=(-0.03, 1.03))
    axes[0].set_ylabel("share of pictures")
    axes[0].legend(fontsize=6)
    plt.show()

# %% [markdown]
# ## Do choices depend on the question?
# The shares of the understanding group for several questions about the same faces, minus their mean over questions.

# %%
QUESTIONS = (
    "Describe this face.",
    "Is the person wearing glasses?",
    "What color is the person's hair?",
    "Is he smiling?",
)
asked = np.stack([shares(answering(question), "token", UND) for question in QUESTIONS])
apart = asked - asked.mean(0)
limit = np.abs(apart).max()
figure, axes = plt.subplots(1, len(QUESTIONS), figsize=(13, 2.6), layout="constrained", sharey=True)
for axis, question, table in zip(axes, QUESTIONS, apart, strict=True):
    shown = axis.imshow(table, vmin=-limit, vmax=limit, cmap="RdBu_r", aspect="auto")
    axis.set(xlabel="expert", xticks=range(table.shape[1]), yticks=range(len(table)))
    axis.set_title(question, fontsize=8)
axes[0].set_ylabel("layer")
figure.colorbar(shown, ax=axes, label="share of tokens, minus mean")
plt.show()
