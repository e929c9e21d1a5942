"""The field's words stay: old keys, groups, presets, identifiers and phrases do not come back; a class name is one
class.

What replaced each old name stands in `unif2ace.engine.renamed_keys` and in CHANGELOG.md.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.engine.renamed_keys import CHOICES, GROUPS, KEYS, new_choice, new_key
from unif2ace.errors import ConfigError

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "unif2ace"
MAY_SAY = {"CHANGELOG.md", "tests/test_names.py"}
"""Files that speak of old names; the tables of old names and what weights in the package say of themselves do too."""
ENDINGS = {".py", ".yaml", ".md", ".ipynb", ".toml"}

OLD_DATA = dict.fromkeys(
    (
        "src/unif2ace/curation/collect/collect.py",
        "src/unif2ace/data/shards/schema.py",
        "src/unif2ace/data/sources/webdataset.py",
        "tests/curation/collect/test_collect.py",
    ),
    frozenset({"licence"}),
)
"""Words that data of before has: these files still read it."""

IDENTIFIERS = set(
    """
AttributeFeatures AttributesFeatures BalanceLoss BoundMetric CodeRows ConditionEncoder FaceModel ImageBoundLoss
ImageView Noised PaperBlock ProceduralDataset ProceduralSource Remembered RowDraws RunRecord TextToImageView
UnderstandingView ZLoss PROCEDURAL_RATES answer_said bound_noise bound_of_rows caption_share code_rows
codes_of_tokens condition_dims condition_dropout cut_heads_ cut_weight_ early_conditions expert_hidden first_weights
gather_in image_columns image_positions licence licences place_of_rows reduce_in run_record same_judge share_codes
silence_ text_std withhold withheld word_rows
""".split()  # noqa: SIM905
)

KEY_PATTERNS = (
    r"(?<![\w.])(view|condition|scheduler|judge|vary|patience)=",
    r"(?<![\w.])(schedule|process)=(linear|cosine|geometric|log_linear|absorbing|uniform|hybrid)",
    r"(?<![\w.])(dataset|source)=\[?procedural",
    r"(?<![\w.])block=paper",
    r"(?<![\w.])loss=\[[^\]]*\b(balance|z)\b(?!_)",
    r"(?<!\w)view\.\w+\.(rows|turns|flip|caption)",
    r"(?<!\w)condition\.(attributes|identity|open_clip|timm)",
    r"(?<!\w)process\.draw",
    r"(?<!\w)data\.(read|tokenizer|views)\b",
    r"(?<!\w)net\.(checkpoint|directions|tie)\b",
    r"(?<!\w)net\.grounding=",
    r"(?<!\w)moe\.(hidden|experts|gen|und|scale)\b(?!_|/)",
    r"(?<!\w)loss\.(balance|z)\b",
    r"(?<!\w)loss\.d3diff\.(columns|scale)\b",
    r"(?<!\w)loss\.ar\.first_weight",
    r"(?<!\w)metric\.(bound|attributes\.by)\b",
    r"(?<!\w)sampler\.(law|counted)\b",
    r"configs/(view|condition|schedule|process|scheduler|frame)/",
    r"(tokenizer|attributes|unified)/embedded\b",
    r"\b(tokenizer/described|tokenizer/fine|attributes/compact|attributes/judge)\b",
)

PHRASES = (
    r"\bso many (are|of|steps|faces|pictures|text|losses|rows)\b",
    r"\bat most so many\b",
    r"that is kept (which|of which)",
    r"steps in a row that may be left out",
    r"words start as what is seen",
    r"by the model's own reading",
    r"\bsurest first\b",
    r"\btold from luck\b",
    r"was told to go",
    r"Nobody looks at padding",
    r"\bmeans what it says\b",
    r"and are never made",
)


def _texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    names = listed or [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if ".venv" not in p.parts]
    kept = (ROOT / n for n in names if n not in MAY_SAY and "/renamed_" not in n and "/builtin/" not in n)
    return [p for p in kept if p.suffix in ENDINGS and p.is_file()]


def test_old_names_and_phrases_do_not_come_back():
    pattern = re.compile("|".join((*KEY_PATTERNS, *PHRASES)), re.MULTILINE)
    wrong = []
    for file in _texts():
        text, name = file.read_text(encoding="utf-8"), str(file.relative_to(ROOT))
        words = (set(re.findall(r"\w+", text)) & IDENTIFIERS) - OLD_DATA.get(name, set())
        found = {*map(repr, words), *(repr(match[0]) for match in pattern.finditer(text))}
        if found:
            wrong.append(f"{name} says {', '.join(sorted(found))}: see docs/reference/glossary.md")
    assert not wrong, "\n".join(wrong)


def test_old_groups_are_gone():
    assert not [group for group in GROUPS if (ROOT / "configs" / group).exists() and group != "base"]


def test_a_public_class_name_is_one_class():
    where = defaultdict(list)
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(str(file.relative_to(SOURCE)))
    shared = {name: files for name, files in where.items() if len(files) > 1}
    assert not shared, f"one name, several classes: {shared}"


@pytest.mark.parametrize(("old", "new"), [*KEYS.items(), *GROUPS.items()])
def test_a_removed_key_is_known_by_its_new_name(old: str, new: str):
    assert new_key(old) == new
    assert new_key(new) is None, "a new name is not itself an old one"


@pytest.mark.parametrize("choice", CHOICES)
def test_a_removed_choice_is_known_by_its_new_one(choice: str):
    group, _, name = choice.partition("/")
    new = new_choice(group, name)
    assert new is not None
    new_group, _, new_name = new.partition("=")
    assert (ROOT / "configs" / new_group / f"{new_name}.yaml").is_file()


TYPED = [
    ("patience=3", "max_nonfinite_steps"),
    ("view=image", "task"),
    ("view.image.rows=8", r"task\.image\.batch_size"),
    ("data.read=tokens", r"data\.inputs"),
    ("moe.expert_hidden=8", r"moe\.expert_ffn_dim"),
    ("loss.d3diff.scale=paper", r"loss\.d3diff\.score_scale"),
    ("process.draw=exact", r"forward_process\.masking"),
    ("condition=attributes", "visual_encoder"),
    ("weights=builtin", "init_from"),
    ("experiment=unified/embedded", "experiment=unified/synthetic"),
    ("block=paper", "block=sequential"),
    ("loss=[balance]", "loss=load_balance"),
    ("process.schedule=linear", r"forward_process\.noise_schedule"),
    ("module.net.tie=true", r"net\.tie_embeddings"),
    ("callbacks.layers.max_depth=1", r"callbacks\.model_summary\.max_depth"),
    ("~net.tie", r"net\.tie_embeddings"),
    ("callbacks.checkpoint.keep=9", r"run_callbacks\.checkpoint\.keep"),
    ("callbacks=[progress,ema]", r"run_callbacks\.progress, which every run has by default,"),
    ("+net.image_positions=false", r"net\.image_pos_embed"),
    ("+patience=3", "max_nonfinite_steps"),
    ("+process=uniform", "forward_process"),
]


@pytest.mark.parametrize(("typed", "answer"), TYPED)
def test_an_old_word_on_the_command_line_is_answered_with_the_new_one(typed: str, answer: str):
    experiment = [] if typed.startswith("experiment") else ["experiment=unified/synthetic"]
    with pytest.raises(ConfigError, match=f"it is {answer} since 0.2"):
        compose("train", [*experiment, typed])


def test_an_old_word_is_answered_only_where_the_new_one_means_something():
    with pytest.raises(ConfigError) as found:
        compose("caption", ["patience=3"])
    assert "max_nonfinite_steps" not in str(found.value)


def test_new_names_are_keys_that_there_are():
    config = compose("train", ["experiment=unified/synthetic"])
    heads = {"evaluator", "same_evaluator", "drop_encoders", "components", "mask_ratio", "num_questions", "license"}
    others = heads | {"source", "sampler", "strategy", "steps", "scores", "metric", "loss", "callbacks"}
    for new in KEYS.values():
        head = new.partition(".")[0]
        assert head in config or head in others, new
        if head in ("net", "module", "moe", "data", "forward_process"):
            assert OmegaConf.select(config, new, default="missing") != "missing", new
