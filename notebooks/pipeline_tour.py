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
# # A tour of the pipeline
# `unif2ace.load()` gives a pipeline that takes pictures of any kind and returns pictures and texts. It loads the model
# in the package; a run folder, a release folder or `owner/name` on the hub load others.

# %%
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from PIL import Image, ImageOps

import unif2ace

pipe = unif2ace.load()
pipe

# %% [markdown]
# ## Faces from text
# A face depends on its prompt and its seed. The faces of one call have consecutive seeds.

# %%
made = pipe("A smiling woman with red hair.", num_images=4, seed=0)
made

# %% [markdown]
# More guidance follows the prompt more closely. `best_of` keeps the sample whose prompt is the most likely caption.

# %%
pipe(["A man.", "A man with a beard."], seed=[3, 3], guidance_scale=4.0, best_of=2)

# %% [markdown]
# The steps of sampling: tokens that are not sampled yet are gray.

# %%
moments = []


def on_step(pipe, step, time, kept):
    moments.append(kept["images"][0])


pipe(
    "A man.",
    num_inference_steps=8,
    callback_on_step_end=on_step,
    callback_on_step_end_tensor_inputs=["images"],
)
Image.fromarray(np.concatenate([np.asarray(picture) for picture in moments], axis=1))

# %% [markdown]
# ## Pictures in
# A picture is a path, a PIL image, an array or a tensor, of any size. One picture gives one answer, a list a list.

# %%
face = made.images[0]
folder = Path(mkdtemp())
files = made.save(folder)  # PNG files that say how they were generated
question = "What color is the person's hair?"
forms = {"a path": files[0], "PIL": face, "an array": np.asarray(face) / 255, "larger": ImageOps.scale(face, 2)}
for form, picture in forms.items():
    print(f"{form:10}", pipe.ask(picture, question))

# %% [markdown]
# What the model sees, and what was done to a picture.

# %%
wide = ImageOps.expand(face, (40, 0), "white")
for picture in pipe.read([face, wide]):
    print(picture.name, picture.note)

# %% [markdown]
# ## Captions, answers, attributes

# %%
print(pipe.caption(face, length="short"))
print(pipe.ask(face, ["Is she old?", "Is she smiling?"]))
print(pipe.ask(face, "Is she smiling?", choices=["Yes", "No"]).probabilities)

# %% [markdown]
# `score` ranks texts for a picture, or pictures for a text. `attributes` gives the classifier's probabilities, which
# are calibrated.

# %%
texts = ["A woman.", "A man."]
print(dict(zip(texts, pipe.score(face, texts), strict=True)))
found = pipe.attributes(face)
for name in sorted(found, key=found.__getitem__, reverse=True)[:5]:
    print(f"{name:20} {found[name]:.3f}")

# %% [markdown]
# ## Variations
# A part of the tokens of a picture is sampled again.

# %%
pipe.variations(face, strength=0.6, num_images=4)

# %% [markdown]
# ## Tensors
# `pipe.model` has the same model on tensors: codes, likelihoods and samples; see the notebook `model_tour`.

# %%
codes = pipe.encode(face)
codes.shape, pipe.model.num_codes
