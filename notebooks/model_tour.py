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
# package, on tensors; `unif2ace.load("logs/my_run")` loads any other. Samplers, guidance and steps have a notebook of
# their own, `guidance_samplers_steps`, and so have the experts, `how_experts_specialise`.

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
prompt = "A smiling woman with long red hair wearing eyeglasses."
show(model.generate([prompt] * 16, seeds=range(16)))

# %% [markdown]
# One seed, one word changed at a time.

# %%
colours = ["black", "brown", "blond", "red", "gray"]
for who in ("woman", "man"):
    prompts = [f"A {who} with {colour} hair." for colour in colours]
    show(model.generate(prompts, seeds=[3] * len(prompts)), colours, columns=len(colours))

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
