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
# # A tour of the data
# Synthetic faces with exact attributes, their captions and questions, and the batches of a training step.
# Everything here is rendered on the spot: nothing is downloaded, and no real person is shown.

# %%
# %matplotlib inline
import tempfile
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt

from unif2ace.attributes import TAXONOMY
from unif2ace.language import ask_questions, compose_caption, write_caption
from unif2ace.synthetic import render, sample_face

plt.rcParams["figure.dpi"] = 110


def show(images, titles=None, columns=8, side=1.5):
    rows = -(-len(images) // columns)
    _, axes = plt.subplots(
        rows, columns, figsize=(side * columns, side * rows * (1.15 if titles else 1)), squeeze=False
    )
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(images):
            axis.imshow(images[index])
            if titles:
                axis.set_title(titles[index], fontsize=8)
    plt.tight_layout(pad=0.3)
    plt.show()


# %% [markdown]
# ## Faces from a seed
# A face is rendered from a typed record of attributes. Equal seeds give equal pixels, in any batch and any process.

# %%
faces = [sample_face(seed) for seed in range(24)]
show(render(faces, 128))

# %% [markdown]
# The *person* seed fixes the identity; the face seed varies expression, clothes, accessories, pose and light.

# %%
same_person = [sample_face(seed, person=7) for seed in range(100, 108)]
show(render(same_person, 128))

# %% [markdown]
# ## One attribute at a time
# `replace` changes an attribute and leaves everything else as it is.

# %%
face = sample_face(3)
for name, values in {
    "hair_colour": TAXONOMY.fields["hair_colour"].choices,
    "emotion": TAXONOMY.fields["emotion"].choices,
    "head_turn": TAXONOMY.fields["head_turn"].choices,
}.items():
    plain = face.replace(hat=False, mask=False, sunglasses=False, bald=False)
    show(
        render([plain.replace(**{name: value}) for value in values], 128), [f"{name}: {v}" for v in values], len(values)
    )

# %% [markdown]
# ## The record and visibility
# `drawn` holds every attribute of the face, `record` only the visible ones: sunglasses hide the colour of the eyes, so
# the record has null there, and no caption or question ever mentions it.

# %%
hidden = sample_face(3).replace(eyeglasses=False, sunglasses=True)
show(render([sample_face(3).replace(sunglasses=False), hidden], 192), ["without", "with sunglasses"], 2, 2.5)
{field.name: (hidden.drawn[field.name], hidden.record[field.name]) for field in TAXONOMY.groups["eyes"]}

# %% [markdown]
# The 46 labels that classifiers and scores use are derived from the record.

# %%
labels = faces[0].record.labels
print("true: ", ", ".join(n for n, v in labels.items() if v))
print("null: ", ", ".join(n for n, v in labels.items() if v is None))

# %% [markdown]
# ## Captions and questions
# A grammar writes them from the record: they state only what is visible and true.

# %%
for seed in (1, 5):
    face = sample_face(seed)
    show(render([face], 192), columns=1, side=2.2)
    print(write_caption(face.record, seed), "\n")
    print("short:", write_caption(face.record, seed, "short"), "\n")
    for question in ask_questions(face.record, seed):
        print(f"  {question.kind:7} {question.question}  {question.answer}")

# %% [markdown]
# The statements of a caption are known exactly, including absences. Scores of generated faces are measured by them.

# %%
compose_caption(sample_face(5).record, 5).stated

# %% [markdown]
# ## A data set on disk
# Shards are WebDataset tars with an index: length, random access, exact resume. `unif2ace-data build` writes the same.

# %%
from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.shards import ShardReader
from unif2ace.data.sources.synthetic import SyntheticSource

folder = Path(tempfile.mkdtemp()) / "faces"
build_shards(SyntheticSource(num_samples=400, size=64), folder, BuildOptions(validation=0.1))
reader = ShardReader(folder / "train")
print(len(reader), "samples; the first is", reader[0].key)

# %%
from unif2ace.data.shards.statistics import collect_statistics

statistics = collect_statistics(folder / "train")
print(statistics.to_text())

# %% [markdown]
# ## Batches of a training step
# A task makes training samples from stored samples; `batch_size` is the number of its samples per step.

# %%
from unif2ace.data.datamodule import FaceDataModule
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.tasks.text_to_image import TextToImageTask
from unif2ace.data.tasks.understanding import UnderstandingTask
from unif2ace.types import Task

data = FaceDataModule(
    {"faces": ShardDataset(folder)},
    {"text_to_image": TextToImageTask(batch_size=4, caption="short"), "understanding": UnderstandingTask(batch_size=4)},
)
batch = next(iter(data.train_dataloader()))
tokenizer = data.text_tokenizer
show(batch.image.permute(0, 2, 3, 1).numpy(), [Task(t).name.lower() for t in batch.task.tolist()], 8)
for task, text, length, loss in zip(batch.task, batch.text, batch.text_length, batch.text_loss, strict=True):
    prompt = tokenizer.decode(text[:length][~loss[:length]].tolist())
    answer = tokenizer.decode(text[:length][loss[:length]].tolist())
    print(f"{Task(int(task)).name.lower():14} {prompt}  ->  {answer or '(the image)'}")

# %%
print("text tokens per sample:", batch.text_length.tolist(), "of a vocabulary of", tokenizer.vocab_size)
print("true (1), false (0) and unknown (-1) labels per sample:")
for labels in batch.attributes.tolist():
    print("  ", dict(sorted(Counter(labels).items(), reverse=True)))
