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
# # Comparing two runs
# Is one model better than another, or just chance? Both make the same outputs about the same faces, so what is hard for
# both cancels: a *paired* difference is known much better than either value.
#
# `A` and `B` are two evaluations. By default they are made here: the quickstart's run and the model in the package, or,
# without a quickstart, the model in the package whole, and without guidance and its classifier's features.
# `unif2ace-evaluate` writes the same folders; give yours instead.

# %%
# %matplotlib inline
import json
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display
from IPython.utils.capture import capture_output

from unif2ace.commands.evaluate import evaluate
from unif2ace.comparing.comparison import compare
from unif2ace.comparing.run import read_runs
from unif2ace.engine import compose

plt.rcParams["figure.dpi"] = 110
OUT = Path(mkdtemp())
RUNS = [Path(above, "logs/quickstart/unified") for above in (".", "..")]
SETTINGS = [
    *("scores.samples=64", "scores.num_questions=128", "scores.num_paraphrases=0", "scores.diverse=1"),
    *("scores.seeds=1", "metric=[agreement,answers,captions]", "dataset=synthetic"),
    *("dataset.synthetic.num_samples=1300", "dataset.synthetic.workers=1"),
    f"dataset.synthetic.folder={OUT}/data",
]


def evaluated(name, *overrides):
    """An evaluation of 64 synthetic faces; more faces give narrower intervals."""
    with capture_output():  # the tables are compared below
        evaluate(compose("evaluate", ["kind=unified", f"out={OUT / name}", *SETTINGS, *overrides]))
    return OUT / name


trained = next((run for run in RUNS if (run / "weights.safetensors").is_file()), None)
if trained:
    A = evaluated("quickstart", f"ckpt={trained}", "guidance=4")
    B = evaluated("package", "ckpt=builtin", "guidance=4")
else:
    A = evaluated("weakened", "ckpt=builtin", "guidance=0", "drop_encoders=[classifier]")
    B = evaluated("whole", "ckpt=builtin")

# %% [markdown]
# ## Values and paired differences
# `compare` refuses results that were not measured in the same way. A star says that the 95 % interval of a difference
# excludes 0.

# %%
found = compare(read_runs([A, B]))
for table in (found.scores(), found.differences()):
    display(Markdown(table.markdown()))

# %% [markdown]
# ## Why pairing matters
# Both evaluations resample the same faces. Across resamples their values move together; the difference moves less.

# %%
one, two = ({name: np.array(values, float) for name, values in run.replicates.items()} for run in found.runs)
names = [name for name in ("agreement", "answers", "captions") if name in one and name in two]
for name in names:  # a resample of few faces may lack what a value needs
    finite = np.isfinite(one[name]) & np.isfinite(two[name])
    one[name], two[name] = one[name][finite], two[name][finite]
figure, axes = plt.subplots(1, len(names) + 1, figsize=(4 * (len(names) + 1), 3.4), layout="constrained")
for axis, name in zip(axes, names, strict=False):
    axis.plot(one[name], two[name], ".", markersize=2)
    low, high = min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])
    axis.plot([low, high], [low, high], color="gray", linewidth=0.8)
    correlation = np.corrcoef(one[name], two[name])[0, 1]
    axis.set(title=f"{name}: correlation {correlation:.2f}", xlabel=found.runs[0].name, ylabel=found.runs[1].name)
for place, name in enumerate(names):
    paired = two[name] - one[name]
    apart = np.random.default_rng(0).permutation(two[name]) - one[name]
    for shift, values, colour, label in ((0.12, paired, "#30507f", "paired"), (-0.12, apart, "#c9a06a", "unpaired")):
        low, middle, high = np.quantile(values, (0.025, 0.5, 0.975))
        axes[-1].plot([low, high], [place + shift] * 2, color=colour, linewidth=3, label=label if not place else None)
        axes[-1].plot([middle], [place + shift], "o", color=colour)
axes[-1].axvline(0, color="gray", linewidth=0.8)
axes[-1].set(yticks=range(len(names)), title=f"{found.runs[1].name} - {found.runs[0].name}, 95 %")
axes[-1].set_yticklabels(names)
axes[-1].legend(fontsize=8)
plt.show()

# %% [markdown]
# ## Where do they differ?
# The same face under both models: `samples.jsonl` holds the contribution of each face to the values that are means.

# %%
rows = [
    {row["key"]: row for row in map(json.loads, (run.folder / "samples.jsonl").read_text().splitlines())}
    for run in found.runs
]
shared = [
    name for name in rows[0][next(iter(rows[0]))] if name != "key" and any(name in row for row in rows[1].values())
]
figure, axes = plt.subplots(1, len(shared), figsize=(3.6 * len(shared), 3), layout="constrained", squeeze=False)
for axis, name in zip(axes[0], shared, strict=True):
    keys = [key for key in rows[0] if name in rows[0][key] and name in rows[1].get(key, {})]
    pairs = np.array([[rows[0][key][name], rows[1][key][name]] for key in keys])
    noise = np.random.default_rng(0).normal(0, 0.01, pairs.shape)
    axis.plot(*(pairs + noise).T, ".", alpha=0.6)
    better, worse = (pairs[:, 1] > pairs[:, 0]).sum(), (pairs[:, 1] < pairs[:, 0]).sum()
    axis.set(title=f"{name}: higher for {better}, lower for {worse} of {len(pairs)}", xlabel=found.runs[0].name)
    axis.title.set_fontsize(8)
axes[0, 0].set_ylabel(found.runs[1].name)
plt.show()

# %% [markdown]
# ## A page to share
# `unif2ace-report A B` shows the same with the faces and answers of both side by side.

# %%
from unif2ace.commands.report import report
from unif2ace.engine.words import quoted

page = report(compose("report", [f"runs=[{quoted(str(A))},{quoted(str(B))}]", f"out={OUT}/report/index.html"]))
