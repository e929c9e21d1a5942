"""`unif2ace-evaluate` on a unified model: its scores, written down with what made them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from unif2ace.commands.evaluate import SYNTAX, evaluate
from unif2ace.engine import compose, instantiate
from unif2ace.engine.resolvers import attribute_groups
from unif2ace.engine.weights import save_weights
from unif2ace.errors import ConfigError
from unif2ace.inference import loading

_spec = importlib.util.spec_from_file_location("scored", Path(__file__).parents[1] / "evaluation" / "scored_models.py")
assert _spec is not None
assert _spec.loader is not None
scored: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scored)

CLASSIFIER: dict[str, Any] = {
    "_target_": "unif2ace.nets.attributes.AttributesNet", "_partial_": True, "groups": attribute_groups(),
}  # fmt: skip


class _Model(scored.Knower):  # type: ignore[misc, name-defined]
    """Knows the truth, and which sampler it was given."""

    def generate(self, prompts, seeds, *, sampler, guidance, best_of):
        self.used = type(sampler).__name__, guidance, best_of
        return super().generate(prompts, seeds)

    def drop_encoders(self, names):
        self.dropped = list(names)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of a unified model with the evaluator and the data beside it; what is loaded from it knows all."""
    for split, count in (("train", 4), ("val", 40)):
        scored.write_faces(tmp_path / "faces" / split, count)
    torch.manual_seed(0)
    evaluators = [instantiate(CLASSIFIER)() for _ in range(2)]
    used, _ = (
        save_weights(tmp_path / f"{name}.safetensors", net, kind="attributes", config=CLASSIFIER)
        for name, net in zip(("used", "evaluator"), evaluators, strict=True)
    )
    run = tmp_path / "run"
    weights = save_weights(run / "weights.safetensors", {"a": torch.ones(1)}, kind="unified", config={})
    dataset = {"a": {"_target_": "unif2ace.data.datasets.shards.ShardDataset", "folder": str(tmp_path / "faces")}}
    (run / "config.yaml").write_text(OmegaConf.to_yaml({"dataset": dataset}))
    model = _Model(tmp_path / "faces" / "val")
    model.release = SimpleNamespace(unified=weights, components={"attributes": used})
    monkeypatch.setattr(loading, "load_model", lambda *_, **__: model)
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))
    run.joinpath("model.txt").write_text("")
    return run


def _evaluate(run: Path, *words: str) -> dict[str, float | None]:
    small = ["scores.samples=40", "scores.num_questions=100", "scores.diverse=4", "scores.seeds=2", "scores.at_least=2"]
    return evaluate(compose("evaluate", SYNTAX.overrides([str(run), "device=cpu", *small, *words])))


def test_scores_are_printed_and_written_with_evaluator_split_and_intervals(
    run: Path, capsys: pytest.CaptureFixture[str]
):
    evaluator = run.parent / "evaluator.safetensors"
    values = _evaluate(
        run, f"evaluator={evaluator}", "sampler=ancestral", "guidance=3", "best_of=2", "drop_encoders=[classifier]"
    )
    assert values["answers"] == pytest.approx(1)
    assert values["captions"] == pytest.approx(1)
    assert loading.load_model("").used == ("AncestralSampler", 3, 2)
    assert loading.load_model("").dropped == ["classifier"]
    out = run / "evaluation"
    assert {"evaluation.json", "generated.png", "understood.png", "scores.png"} <= {p.name for p in out.iterdir()}
    written = json.loads((out / "evaluation.json").read_text())
    assert written["values"] == values
    assert (written["split"], written["pictures"], written["weights"]["kind"]) == ("val", 40, "unified")
    assert len(written["evaluator"]["fingerprint"]) == 64
    assert written["drop_encoders"] == ["classifier"]
    assert written["sampler"]["steps"] == 128
    assert (written["guidance"], written["best_of"]) == (3, 2)
    assert written["options"]["samples"] == 40
    assert set(written["questions"]) == {"yes_no", "which", "what", "count"}
    assert written["attributes"]["smile"]["stated"] >= 2
    low, high = written["intervals"]["caption_f1"]
    assert low <= values["caption_f1"] <= high
    assert str(run.parent) not in (out / "evaluation.json").read_text()
    said = capsys.readouterr().out
    for text in ("unified", "agreement", "answers_yes_no", "caption_false", "how many", "shuffled", "40 pictures of"):
        assert text in said


def test_the_evaluator_must_know_such_faces_and_not_be_part_of_the_model(run: Path):
    with pytest.raises(ConfigError, match=r"evaluator=builtin learned from synthetic faces of 64x64 .*another source"):
        _evaluate(run)
    used = run.parent / "used.safetensors"
    with pytest.raises(ConfigError, match="the model itself uses"):
        _evaluate(run, f"evaluator={used}")
    assert _evaluate(run, f"evaluator={used}", "same_evaluator=true")["answers"] == pytest.approx(1)


def test_the_kind_is_known_of_a_run_a_release_and_the_built_in_model(run: Path, tmp_path: Path):
    assert SYNTAX.overrides([str(run)])[0] == "kind=unified"
    assert SYNTAX.overrides(["builtin"]) == ["kind=unified", "ckpt='builtin'"]
    release = tmp_path / "release"
    save_weights(release / "unified.safetensors", {"a": torch.ones(1)}, kind="unified", config={})
    assert SYNTAX.overrides([str(release)])[0] == "kind=unified"
