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
# # A tour of the unified model
# One transformer generates faces from captions and answers questions about faces. This notebook uses the model in the
# package, on tensors; `unif2ace.load("logs/my_run")` loads any other.

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import torch

import unif2ace
from unif2ace.language import write_caption
from unif2ace.synthetic import render, sample_face

plt.rcParams["figure.dpi"] = 110
torch.set_grad_enabled(False)
model = unif2ace.load().model


def show(faces, titles=None, columns=8, side=1.5):
    rows = -(-len(faces) // columns)
    tall = side * rows * (1.2 if titles else 1)
    _, axes = plt.subplots(rows, columns, figsize=(side * columns, tall), squeeze=False)
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(faces):
            axis.imshow(np.asarray(faces[index]).transpose(1, 2, 0))
            if titles:
                axis.set_title(titles[index], fontsize=8)
    plt.tight_layout(pad=0.3)
    plt.show()


# %% [markdown]
# ## Faces from captions
# A face depends on its prompt and its seed, and on nothing else in the batch.

# %%
prompt = "A smiling woman with long red hair and glasses."
show(model.generate([prompt] * 16, seeds=range(16)))

# %% [markdown]
# One seed, one word changed at a time.

# %%
colours = ["black", "brown", "blond", "red", "gray"]
for who in ("woman", "man"):
    prompts = [f"A {who} with {colour} hair." for colour in colours]
    show(model.generate(prompts, seeds=[3] * len(prompts)), colours, columns=len(colours))

# %% [markdown]
# ## Samplers and guidance
# *Guidance* w: the logits are (1 + w) conditional - w unconditional. More guidance follows the prompt more closely and
# gives less variety.

# %%
for guidance in (0.0, 1.0, 2.0, 5.0):
    faces = model.generate([prompt] * 8, seeds=range(8), guidance=guidance)
    spread = faces.float().std(0).mean()
    show(faces, [f"w = {guidance:g}, spread {spread:.0f}", *[""] * 7])

# %% [markdown]
# *Samplers* trade network calls for quality. All of them use the same network.

# %%
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.samplers.ancestral import AncestralSampler
from unif2ace.diffusion.samplers.first_hitting import FirstHittingSampler
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.diffusion.samplers.remdm import RemdmSampler

schedule = CosineMaskgitSchedule()
samplers = {
    "MaskGIT, 4 steps": MaskgitSampler(steps=4),
    "MaskGIT, 16 steps": MaskgitSampler(steps=16),
    "ancestral, 32 steps": AncestralSampler(schedule, steps=32),
    "first hitting": FirstHittingSampler(),
    "ReMDM, 32 steps": RemdmSampler(schedule, steps=32),
}
for name, sampler in samplers.items():
    show(model.generate([prompt] * 8, seeds=range(8), sampler=sampler), [name, *[""] * 7])

# %% [markdown]
# ## Editing a given face
# The tokens of one part are masked and resampled with a prompt; the others are kept.

# %%
from unif2ace.diffusion.inpainting import inpaint, keep_tokens, mask_tokens
from unif2ace.diffusion.samplers.base import PerSampleRNG

face = sample_face(11).replace(hat=False, bald=False)
picture = torch.from_numpy(render([face], model.image_size)).permute(0, 3, 1, 2)
codes, num_codes = model.encode(picture), model.net.vocabulary.codebook_size
side = model.image_size // model.tokenizer.factor

keep = torch.ones(1, model.image_size, model.image_size, dtype=torch.bool)
keep[:, : model.image_size // 2] = False
start = inpaint(codes, keep_tokens(keep, side, side), num_codes)
wishes = ["A man with red hair.", "A person wearing a hat.", "A person with black hair and glasses."]
new = model.generate(wishes, seeds=[0, 1, 2], start=start.repeat(3, 1))
show([picture[0], model.reconstruct(picture)[0], *new], ["given", "its tokens", *wishes], columns=5, side=2)

# %%
shares = (0.2, 0.4, 0.6, 0.8)
starts = torch.cat([mask_tokens(codes, share, num_codes, PerSampleRNG([5])) for share in shares])
show(
    model.generate([write_caption(face.record, 0)] * 4, seeds=[5] * 4, start=starts),
    [f"{share:.0%} resampled" for share in shares],
    columns=4,
    side=2,
)

# %% [markdown]
# ## Captions and answers

# %%
faces = [sample_face(seed) for seed in range(200, 204)]
pictures = torch.from_numpy(render(faces, model.image_size)).permute(0, 3, 1, 2)
show(pictures, columns=4, side=2)
for caption in model.caption(pictures):
    print("-", caption, "\n")

# %%
question = "What color is the person's hair?"
for face, answer in zip(faces, model.ask(pictures, [question] * len(faces)), strict=True):
    print(f"{answer:30} true: {face.record['hair_colour']}")

# %% [markdown]
# `choose` returns the probability of each given answer.

# %%
for choice in model.choose(pictures, ["Is the person wearing glasses?"] * len(faces), ["Yes", "No"]):
    print(choice.answer, {k: round(v, 3) for k, v in choice.probabilities.items()})

# %% [markdown]
# ## Expert usage
# Each layer has two groups of routed experts, one for sequences that generate (T2I) and one for sequences that answer
# (MMU).

# %%
texts, length = model.ids([write_caption(face.record, 0) for face in faces])
codes = model.encode(pictures)
masked = torch.full_like(codes, num_codes)
drawing = model.layout.text_to_image(texts, length, masked, codes)
reading = model.asked(pictures, [question] * len(faces))
routers = {"draws": model.net(drawing).routers, "answers": model.net(*reading).routers}
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
for group, (axis, (task, stats)) in enumerate(zip(axes, routers.items(), strict=True)):
    table = np.stack([(s.assigned[group] / s.count[group]).numpy() for s in stats if s.level == "token"])
    shown = axis.imshow(table, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axis.set(title=task, xlabel="expert", ylabel="layer", xticks=range(table.shape[1]), yticks=range(len(table)))
figure.colorbar(shown, ax=axes, label="share of tokens")
plt.show()
