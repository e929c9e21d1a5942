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
# # Guidance, samplers and steps
# One network, many ways to draw samples from it. Which settings show what the prompt says, at which variety and price?
# A classifier that had no part in the model looks whether each face shows what its prompt states.
#
# `MODEL` is the quickstart's run if there is one, else the model in the package.

# %%
# %matplotlib inline
import time
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import unif2ace
from unif2ace.attributes import TAXONOMY
from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.samplers.ancestral import AncestralSampler
from unif2ace.diffusion.samplers.first_hitting import FirstHittingSampler
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.diffusion.samplers.remdm import RemdmSampler
from unif2ace.evaluation.evaluator import load_evaluator

plt.rcParams["figure.dpi"] = 110
torch.set_grad_enabled(False)

RUNS = [Path(above, "logs/quickstart/unified") for above in (".", "..")]
MODEL = next((str(run) for run in RUNS if (run / "weights.safetensors").is_file()), "builtin")
model = unif2ace.load(MODEL).model
evaluator = load_evaluator("builtin")

PROMPTS = {
    "A man with a beard.": ["beard"],
    "A smiling woman with red lipstick.": ["smile", "lipstick"],
    "A woman with long blond hair.": ["long_hair", "blond_hair"],
    "A person with glasses and black hair.": ["eyeglasses", "black_hair"],
}
EACH = 2
LABELS = list(TAXONOMY.labels)


def faces_of(**options):
    """Faces of all prompts, the share of stated attributes that they show, their spread, and seconds per face."""
    prompts, start = [prompt for prompt in PROMPTS for _ in range(EACH)], time.perf_counter()
    faces = model.generate(prompts, seeds=range(len(prompts)), **options)
    seconds = (time.perf_counter() - start) / len(prompts)
    seen = evaluator.sees(faces)[0]
    stated = [(n, LABELS.index(label)) for n, prompt in enumerate(prompts) for label in PROMPTS[prompt]]
    shown = sum(bool(seen[n, column]) for n, column in stated) / len(stated)
    spread = faces.reshape(len(PROMPTS), EACH, -1).float().std(1).mean()
    return faces, shown, float(spread), seconds


def show(rows):
    """Faces by setting: the first of each prompt."""
    _, axes = plt.subplots(len(rows), len(PROMPTS), figsize=(1.5 * len(PROMPTS), 1.55 * len(rows)), squeeze=False)
    for line, (name, faces) in zip(axes, rows.items(), strict=True):
        for axis, face in zip(line, faces[::EACH], strict=True):
            axis.imshow(face.permute(1, 2, 0).numpy())
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=8)
    for axis, prompt in zip(axes[0], PROMPTS, strict=True):
        axis.set_title(prompt.replace(" with ", "\nwith ").replace(" wearing ", "\nwearing "), fontsize=6)
    plt.tight_layout(pad=0.3)
    plt.show()


# %% [markdown]
# ## Guidance
# The logits are (1 + w) conditional - w unconditional. More guidance follows the prompt more closely, and gives less
# variety: the spread is the standard deviation of pixels between faces of one prompt. Two faces of a prompt measure it
# roughly, a larger `EACH` better.

# %%
GUIDANCE = (0.0, 2.0, 4.0, 8.0)
by_guidance = {w: faces_of(guidance=w) for w in GUIDANCE}
show({f"w = {w:g}": found[0] for w, found in by_guidance.items()})
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
axes[0].plot(GUIDANCE, [found[1] for found in by_guidance.values()], "o-")
axes[0].set(xlabel="guidance w", ylabel="stated attributes that are seen", ylim=(0, 1.03))
axes[1].plot(GUIDANCE, [found[2] for found in by_guidance.values()], "o-", color="#c2571a")
axes[1].set(
    xlabel="guidance w", ylabel="spread, of 255", ylim=(0, 1.1 * max(found[2] for found in by_guidance.values()))
)
plt.show()

# %% [markdown]
# ## Steps
# MaskGIT samples all masked tokens at every step and keeps the most confident: few steps decide many tokens at once,
# as if they were independent.

# %%
STEPS = (1, 2, 4, 8, 16)
by_steps = {steps: faces_of(sampler=MaskgitSampler(steps=steps)) for steps in STEPS}
show({f"steps = {steps}": found[0] for steps, found in by_steps.items()})
figure, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
axes[0].plot(STEPS, [found[1] for found in by_steps.values()], "o-")
axes[0].set(xlabel="steps", xscale="log", ylabel="stated attributes that are seen", ylim=(0, 1.03))
axes[1].plot(STEPS, [found[3] for found in by_steps.values()], "o-", color="#2e8b57")
axes[1].set(xlabel="steps", xscale="log", yscale="log", ylabel="seconds per face")
for axis in axes:
    axis.set_xticks(STEPS, [str(steps) for steps in STEPS])
plt.show()

# %% [markdown]
# ## Samplers
# *Ancestral* sampling reverses the noise process step by step, and *first hitting* does so exactly, one token at a
# time. *ReMDM* masks some tokens again, so that a mistake can be mended. All use the same network.

# %%
schedule = CosineMaskgitSchedule()
SAMPLERS = {
    "MaskGIT, 16": MaskgitSampler(steps=16),
    "ancestral, 16": AncestralSampler(schedule, steps=16),
    "ReMDM, 16": RemdmSampler(schedule, steps=16),
    "first hitting": FirstHittingSampler(),
}
by_sampler = {name: faces_of(sampler=sampler) for name, sampler in SAMPLERS.items()}
show({name: found[0] for name, found in by_sampler.items()})
print(f"{'':16}{'seen':>8}{'spread':>9}{'seconds per face':>19}")
for name, (_, shown, spread, seconds) in by_sampler.items():
    print(f"{name:16}{shown:8.2f}{spread:9.1f}{seconds:19.2f}")

# %% [markdown]
# Eight faces say little: the standard error of a share of 14 stated attributes is about 0.1. `unif2ace-evaluate`
# measures with hundreds of faces and gives intervals; `guidance=4 sampler=ancestral` select what was shown here.
