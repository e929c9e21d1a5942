"""What documents and comments say to type for a group composes, and one callback is added by one word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unif2ace.engine import compose
from unif2ace.errors import ConfigError

ROOT = Path(__file__).parents[1]
FILES = sorted(
    f for pattern in ("*.md", "docs/**/*.md", "configs/**/*.yaml", "src/**/*.py") for f in ROOT.glob(pattern)
)
SNIPPET = re.compile(
    r"(?<![\w.])(\+?(?:callbacks|logger|loss|metric|task|visual_encoder|lr_scheduler|moe)=\[?\w[\w,]*\]?)"
)


def _snippets() -> set[str]:
    found = {snippet for file in FILES for snippet in SNIPPET.findall(_prose(file))}
    found = {s for s in found if "," not in s or "[" in s}  # the values of a sweep are composed with their command
    return {s for s in found if s.count("[") == s.count("]") and "NAME" not in s}


def _prose(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".yaml":
        return "\n".join(line.partition("#")[2] for line in text.splitlines())
    if file.suffix == ".py":  # what messages quote
        return " ".join(re.findall(r"`[^`\n]+`", text))
    text = re.sub(r"(?m)^.*engine\.allow=.*$", "", text)  # of a package of the reader's own
    return re.sub(r"(?m)^\|.*\b0\.1\b.*$|^\| (?:group|choice|experiment) \|.*$", "", text)  # old names


@pytest.mark.parametrize("snippet", sorted(_snippets()))
def test_a_snippet_composes(snippet: str):
    compose("train", ["experiment=unified/synthetic", snippet])


def test_no_text_shows_a_list_that_cannot_be_typed():
    told = [f"{file.relative_to(ROOT)}" for file in FILES if re.search(r"\w=\[\.\.\.,", file.read_text())]
    assert told == []


@pytest.mark.parametrize("experiment", ["attributes/synthetic", "tokenizer/synthetic", "unified/synthetic"])
@pytest.mark.parametrize("words", [["+callbacks=model_summary"], ["+callbacks=[model_summary,gradient_norms]"]])
def test_a_callback_is_added_to_those_of_the_experiment(experiment: str, words: list[str]):
    before = compose("train", [f"experiment={experiment}"])
    after = compose("train", [f"experiment={experiment}", *words])
    assert after.callbacks.keys() == before.callbacks.keys() | set(
        re.findall(r"model_summary|gradient_norms", words[0])
    )


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["callbacks.ema.decay=0.5"], ["+callbacks=ema", "callbacks.ema.decay=0.5"]),
        (["experiment=tokenizer/quickstart", "logger=[csv]", "logger.tensorboard.name=x"], []),
        (["callbacks=[]", "+callbacks=ema"], ["callbacks=[ema]"]),
        (["+callbacks=ema", "+callbacks=calibrate"], ["+callbacks=[ema,calibrate]"]),
        (["+loss=ar"], ["loss=[ar]"]),
        (["loss.ar.weight=2"], ["loss=[ar]", "loss.ar.weight=2"]),
    ],
)
def test_a_wrong_way_is_answered_with_one_that_works(words: list[str], remedy: list[str]):
    with pytest.raises(ConfigError) as answered:
        compose("train", words)
    group = remedy[0].partition("=")[0].lstrip("+") if remedy else "logger"
    assert f"{group}=[" in str(answered.value) or f"`+{group}=" in str(answered.value)
    compose("train", remedy)
