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
# # What does the tokenizer keep?
# The transformer never sees pixels: an image is 64 codes of a codebook, and what the codes lose, no model can draw or
# read. This notebook shows what comes back of a face, which attributes survive, and how the codes are used.
#
# `MODEL` is the quickstart's run if there is one, else the model in the package.

# %%
# %matplotlib inline
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import unif2ace
from unif2ace.evaluation.evaluator import load_evaluator
from unif2ace.synthetic import render, sample_face

plt.rcParams["figure.dpi"] = 110
torch.set_grad_enabled(False)

RUNS = [Path(above, "logs/quickstart/unified") for above in (".", "..")]
MODEL = next((str(run) for run in RUNS if (run / "weights.safetensors").is_file()), "builtin")
model = unif2ace.load(MODEL).model
side, number = model.image_size, model.image_size // model.tokenizer.factor
print(f"{MODEL}: {side} x {side} pixels, {number} x {number} codes of {model.num_codes}")

# %% [markdown]
# ## Pictures to codes and back
# Faces that the tokenizer was not trained on, what comes back, and the absolute difference, three times as strong.

# %%
faces = [sample_face(seed) for seed in range(900_000, 900_096)]
pictures = torch.from_numpy(render(faces, side)).permute(0, 3, 1, 2)
back = model.reconstruct(pictures)
apart = (pictures.float() - back.float()).abs()
rows = {"face": pictures, "from its codes": back, "3 x difference": (3 * apart).clamp(max=255)}
figure, axes = plt.subplots(3, 8, figsize=(12, 4.8))
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, image in zip(line, images, strict=False):
        axis.imshow(image.permute(1, 2, 0).byte().numpy())
        axis.axis("off")
    line[0].set_title(name, fontsize=9, loc="left")
plt.tight_layout(pad=0.3)
plt.show()

# %% [markdown]
# *PSNR* is the mean squared error on a logarithmic scale, in decibels. The worst faces say more than the mean.

# %%
psnr = 10 * torch.log10(255**2 / (apart**2).flatten(1).mean(1))
order = psnr.argsort()
print(f"PSNR: mean {psnr.mean():.1f} dB, worst {psnr.min():.1f}, best {psnr.max():.1f}")
figure, axes = plt.subplots(2, 8, figsize=(12, 3.3))
for column, index in enumerate([*order[:4].tolist(), *order[-4:].tolist()]):
    for line, images in enumerate((pictures, back)):
        axes[line, column].imshow(images[index].permute(1, 2, 0).numpy())
        axes[line, column].axis("off")
    axes[0, column].set_title(f"{psnr[index]:.1f} dB", fontsize=9)
plt.tight_layout(pad=0.3)
plt.show()

# %% [markdown]
# ## Which attributes survive?
# A classifier that had no part in the tokenizer looks at the faces and at what comes back. A bar is the balanced
# accuracy: the mean share of faces with and without the attribute that it recognises. The gap between the two bars is
# what the codes lose.

# %%
evaluator = load_evaluator("builtin")
names = list(faces[0].record.labels)
records = [face.record.labels for face in faces]
true = np.array([[-1 if record[name] is None else int(record[name]) for name in names] for record in records])


def balanced(seen):
    """Balanced accuracy of each attribute that at least five faces have and five have not."""
    found = {}
    for column, name in enumerate(names):
        groups = [seen[true[:, column] == value, column] == value for value in (0, 1)]
        if min(map(len, groups)) >= 5:
            found[name] = float(np.mean([group.mean() for group in groups]))
    return found


before, after = (balanced(evaluator.sees(images)[0].numpy().astype(int)) for images in (pictures, back))
worst = sorted(before, key=lambda name: after[name] - before[name])
figure, axis = plt.subplots(figsize=(7, 0.2 * len(worst) + 0.8), layout="constrained")
place = np.arange(len(worst))[::-1]
axis.barh(place + 0.2, [before[name] for name in worst], 0.4, color="#c9d6ea", label="face")
axis.barh(place - 0.2, [after[name] for name in worst], 0.4, color="#30507f", label="from its codes")
axis.set(yticks=place, xlim=(0.4, 1), xlabel="balanced accuracy of the classifier")
axis.set_yticklabels([name.replace("_", " ") for name in worst], fontsize=7)
axis.legend(fontsize=8, loc="lower right")
plt.show()
means = [np.mean(list(values.values())) for values in (before, after)]
print(f"mean over {len(worst)} attributes: {means[0]:.3f} before, {means[1]:.3f} after")

# %% [markdown]
# ## Where does a code act?
# One code of a face is replaced by each of 32 random ones. The map is the mean absolute change of each pixel: the
# decoder's receptive field. A code that acts far beyond its own square lets neighbours help each other.

# %%
codes = model.encode(pictures[:1])
generator = torch.Generator().manual_seed(0)
figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained")
axes[0].imshow(back[0].permute(1, 2, 0).numpy())
axes[0].set_title("the face", fontsize=9)
for axis, (row, column) in zip(axes[1:], ((1, 1), (number // 2, number // 2), (number - 2, number // 2)), strict=True):
    changed = codes.repeat(32, 1)
    changed[:, row * number + column] = torch.randint(model.num_codes, (32,), generator=generator)
    change = (model.decode(changed).float() - back[0].float()).abs().mean((0, 1))
    axis.imshow(change.numpy(), cmap="magma")
    cell = model.tokenizer.factor
    axis.add_patch(plt.Rectangle((column * cell - 0.5, row * cell - 0.5), cell, cell, fill=False, color="white"))
    axis.set_title(f"row {row}, column {column}: up to {change.max():.0f} of 255", fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Are all codes used?
# *Perplexity* is the number of codes that, used equally, would have the same entropy.

# %%
counts = torch.bincount(model.encode(pictures).flatten(), minlength=model.num_codes).float()
share = counts / counts.sum()
perplexity = torch.special.entr(share).sum().exp()
print(f"{(counts > 0).sum()} of {model.num_codes} codes in {len(faces)} faces; perplexity {perplexity:.0f}")
figure, axis = plt.subplots(figsize=(8, 2.4), layout="constrained")
axis.plot(share.sort(descending=True).values.numpy(), color="#30507f")
axis.set(xlabel="codes, most frequent first", ylabel="share of all tokens", yscale="log")
plt.show()
