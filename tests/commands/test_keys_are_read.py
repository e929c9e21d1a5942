"""Every key that a command accepts is read: by the command, by a class, or by another key's interpolation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.engine.unread_keys import READ_BY_TRAINING, keys_read
from unif2ace.errors import ConfigError

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
KINDS = sorted(path.stem for path in (ROOT / "configs" / "kind").glob("*.yaml"))
CASES = [(name, "") for name in COMMANDS if name not in ("evaluate", "train")] + [("evaluate", kind) for kind in KINDS]
_READERS = {"tokenizer": ["features=classifier"], "import": ["visual_encoder=classifier", "moe=grouped"]}
_READERS["unified"] = ["metric=[distribution,vqa_score,vlm_score,statements]", "grader=language_model"]
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("commands", "engine", "planning", "tables")
    for path in sorted((ROOT / "src" / "unif2ace" / room).glob("*.py"))
)


@pytest.mark.parametrize(("command", "kind"), CASES)
def test_every_key_is_read(command: str, kind: str):
    config = compose(command, [f"kind={kind}"] * bool(kind) + _READERS.get(kind or command, []))
    text = OmegaConf.to_yaml(config)
    unread = [
        key
        for key in map(str, config)
        if key != "paths"  # places that all commands share, for values that are typed
        and not re.search(
            rf"\bconfig\.{key}\b|config\.get\(\"{key}\"|select\(config, \"{key}\"|config\[\"{key}\"", SOURCE
        )
        and not re.search(rf"\$\{{(oc\.select:)?{key}[.,}}]", text)
    ]
    assert not unread


@pytest.mark.parametrize("word", ["data.max_eval_samples=24", "callbacks=[]", "trainer.precision=16-mixed"])
def test_a_unified_model_is_not_evaluated_with_keys_that_its_scores_do_not_read(word: str):
    with pytest.raises(ConfigError, match=r"this command has no group|there is no key"):
        compose("evaluate", ["kind=unified", "ckpt=x", word])


@pytest.mark.parametrize(
    ("experiment", "word"),
    [
        ("tokenizer/synthetic", "moe=dense"),
        ("tokenizer/synthetic", "moe.num_experts=8"),
        ("tokenizer/synthetic", "forward_process=uniform"),
        ("attributes/synthetic", "codebook_size=16"),
        ("attributes/synthetic", "image_tokenizer=builtin"),
        ("unified/synthetic", "quantizer=lfq"),
    ],
)
def test_training_refuses_what_its_module_does_not_read(experiment: str, word: str):
    with pytest.raises(ConfigError, match=rf"^{word.partition('=')[0]} has no effect in this run"):
        compose("train", [f"experiment={experiment}", word])


@pytest.mark.parametrize("experiment", ["tokenizer/synthetic", "attributes/synthetic", "unified/synthetic"])
def test_training_takes_what_its_module_reads(experiment: str):
    read = {"tokenizer": "quantizer=lfq", "attributes": "image_size=32", "unified": "moe=dense"}
    for word in (read[experiment.partition("/")[0]], "seed=1", "lr_scheduler=none", "strategy=auto"):
        compose("train", [f"experiment={experiment}", word])


def test_no_key_of_training_is_read_by_no_module():
    names = ("tokenizer", "attributes", "unified")
    configs = [
        compose("train", [f"experiment={name}/synthetic", "visual_encoder=classifier"][: 1 + (name == "unified")])
        for name in names
    ]
    everywhere = set.intersection(
        *({str(key) for key in config if config[key] != {} and key not in keys_read(config)} for config in configs)
    )
    assert not everywhere
    for key in READ_BY_TRAINING - {"name", "paths", "dataset", "tags"}:  # tags are for loggers
        assert re.search(rf"\bconfig\.{key}\b|config\.get\(\"{key}\"", SOURCE), key
