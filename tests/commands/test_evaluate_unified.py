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
from PIL import Image

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

    image_size = scored.SIDE

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
    with pytest.raises(
        ConfigError, match=r"evaluator=builtin was trained on synthetic faces of 64x64 .*another source"
    ):
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


SMALL = ["scores.samples=40", "scores.num_questions=60", "scores.num_paraphrases=0", "scores.at_least=2"]


def _evaluate_outputs(run: Path, *words: str, more: Path | None = None) -> dict[str, float | None]:
    faces = ["dataset=shards", f"dataset.shards.folder={run.parent / 'faces'}"]
    own = f"evaluator={run.parent / 'evaluator.safetensors'}"
    return evaluate(compose("evaluate", SYNTAX.overrides([own, "device=cpu", *faces, *SMALL, *words]), more))


def test_outputs_of_another_system_are_scored_from_plain_files(run: Path, tmp_path: Path):
    asked, folder = tmp_path / "asked", tmp_path / "theirs"
    folder.mkdir()
    assert _evaluate_outputs(run, f"export={asked}") == {}
    model = loading.load_model("")
    rows = [json.loads(line) for line in (asked / "prompts.jsonl").read_text().splitlines()]
    for number, row in enumerate(rows):
        pixels = model.images[model.by_caption[row["prompt"]]].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((32, 32), Image.Resampling.NEAREST).save(
            folder / f"{row['key']}.webp", quality=1
        )
        assert (asked / "pictures" / f"{row['key']}.png").is_file(), number
    captions = [{"key": row["key"], "caption": row["prompt"]} for row in rows]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, captions)) + "\n")
    pictures = {row["key"]: model.images[model.by_caption[row["prompt"]]] for row in rows}
    answers = []
    for row in map(json.loads, (asked / "questions.jsonl").read_text().splitlines()):
        (said,) = model.ask(pictures[row["key"]][None], [row["question"]])
        answers.append({**row, "answer": said})
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)) + "\n")
    values = _evaluate_outputs(run, f"outputs={folder}", "metric=[agreement,answers,captions]")
    assert values["answers"] == values["captions"] == pytest.approx(1)
    written = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    assert written["system"] == "theirs"
    assert written["counts"]["answers"] == 40

    (folder / "captions.jsonl").write_text(json.dumps(captions[0]) + "\n")
    with pytest.raises(
        ConfigError, match=r"metric=captions needs captions, but .*theirs lacks 39 files or lines: captions\."
    ):
        _evaluate_outputs(run, f"outputs={folder}", "metric=[answers,captions]")
    with pytest.raises(ConfigError, match=r"give only one of them"):
        _evaluate_outputs(run, str(run), f"outputs={folder}")


def test_the_same_checkpoint_twice_is_identical_and_the_second_time_nothing_is_made(run: Path):
    words = [f"evaluator={run.parent / 'evaluator.safetensors'}", "metric=[answers,captions]"]
    trees = []
    for turn in range(2):
        _evaluate(run, *words)
        trees.append(json.loads((run / "evaluation" / "evaluation.json").read_text()))
        trees[turn].pop("date")
        if not turn:
            loading.load_model("").ask = loading.load_model("").caption = None
    assert trees[0] == trees[1]
    kept = json.loads((run / "evaluation" / "replicates.json").read_text())
    assert len(kept["captions"]) == 1000
    assert (run / "evaluation" / "samples.jsonl").read_text().count("\n") == 40
    (manifest,) = (run / "evaluation" / "outputs").glob("*/manifest.json")
    made = json.loads(manifest.read_text())
    assert made["weights"] == loading.load_model("").release.unified.fingerprint
    assert made["eval_set"]["prompts"] == trees[0]["eval_set"]["prompts"]


METRIC = '''
"""Share of captions that are loud."""

from unif2ace.errors import ConfigError
from unif2ace.evaluation.metrics.base import OutputMetric


class LoudnessMetric(OutputMetric):
    """Share of captions with an exclamation mark."""

    needs = frozenset({"captions"})

    def __init__(self, weights: str = "") -> None:
        self.weights = weights

    def prepare(self, setting):
        super().prepare(setting)
        if self.weights:
            raise ConfigError(f"metric.loudness.weights={self.weights}: there is no such file; give loudness.pt")

    def update(self, eval_set, outputs):
        self.keys, self.loud = eval_set.keys, [float("!" in outputs.caption(key)) for key in eval_set.keys]

    def compute(self):
        import torch

        from unif2ace.metrics.scores import bootstrap_mean

        return {"loudness": bootstrap_mean(torch.tensor(self.loud), self.setting.resamples, self.setting.seed)}

    def samples(self):
        return {"loudness": dict(zip(self.keys, self.loud, strict=True))}

    def figure(self, path):
        path.write_bytes(b"drawn")
        return True
'''


@pytest.fixture
def loudness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configurations with a metric of a package of one's own: one class, one yaml."""
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "loudness.py").write_text(METRIC)
    more = tmp_path / "more" / "metric"
    more.mkdir(parents=True)
    (more / "loudness.yaml").write_text("loudness:\n  _target_: mylab.loudness.LoudnessMetric\n  weights: ''\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return more.parent


def test_a_new_metric_is_one_class_and_one_yaml(run: Path, loudness: Path, capsys: pytest.CaptureFixture[str]):
    loading.load_model("").caption = lambda images: ["She smiles!"] * 10 + ["She smiles."] * (len(images) - 10)
    words = [str(run), "engine.allow=[mylab.]", "metric=[loudness,captions]", "scores.subgroups=[smile]"]
    values = _evaluate_outputs(run, *words, "scores.batch_size=40", more=loudness)
    assert values["loudness"] == 0.25
    assert "loudness/smile" in values
    written = json.loads((run / "evaluation" / "evaluation.json").read_text())
    low, high = written["intervals"]["loudness"]
    assert low < 0.25 < high
    assert "loudness" in capsys.readouterr().out
    assert (run / "evaluation" / "loudness.png").read_bytes() == b"drawn"
    assert '"loudness": 1.0' in (run / "evaluation" / "samples.jsonl").read_text()


def test_a_metric_that_lacks_weights_says_so_before_anything_is_made(run: Path, loudness: Path):
    loading.load_model("").caption = None
    words = [str(run), "engine.allow=[mylab.]", "metric=[loudness]", "metric.loudness.weights=x.pt"]
    with pytest.raises(ConfigError, match=r"metric\.loudness\.weights=x\.pt: there is no such file"):
        _evaluate_outputs(run, *words, more=loudness)
    assert not list(run.rglob("captions.jsonl"))


@pytest.mark.parametrize("metric", ["psnr", "attributes", "nelbo"])
def test_a_metric_of_a_validation_pass_does_not_apply_to_outputs(run: Path, metric: str):
    with pytest.raises(ConfigError, match=f"metric={metric} is only for image tokenizers and attribute classifiers"):
        _evaluate_outputs(run, str(run), f"metric=[{metric}]")


def test_the_questions_of_a_file_are_asked_and_matched_with_their_options(run: Path, tmp_path: Path):
    model = loading.load_model("")
    for number in range(4):
        Image.fromarray(model.images[number].permute(1, 2, 0).numpy()).save(tmp_path / f"{number}.png")
    base = {"question_type": "SCQ", "text": "Which hair?", "instruction": "Choose.", "options": ["Black", "Brown"]}
    rows = [{**base, "question_id": n, "image_id": f"{n}.png", "gt_answer": "Brown"} for n in range(3)]
    hidden = {"question_type": "TFQ", "text": "Does she smile?", "options": ["Yes", "No", "Information not visible"]}
    rows.append({**base, **hidden, "question_id": 3, "image_id": "3.png", "gt_answer": "Information not visible"})
    for row in rows:
        row["metadata"] = {"view": "Appearance", "attribute_level": "level 1", "image_source": "ours"}
    (tmp_path / "bench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = iter(["It is brown.", "Black", "purple", "Information not visible"])
    model.ask = lambda images, questions, max_new=64: [next(said) for _ in questions]
    words = [str(run), "question_file=face_bench", f"question_file.path={tmp_path / 'bench.jsonl'}"]
    values = _evaluate_outputs(run, *words, "metric=[choices]")
    assert values["choices"] == 0.5
    assert values["choices_not_visible"] == 1
    assert values["choices_unmatched"] == 0.25
    written = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert written["question_file"]["questions"] == 4
    with pytest.raises(ConfigError, match=r"metric=agreement needs faces with captions and attributes"):
        _evaluate_outputs(run, *words)
    with pytest.raises(ConfigError, match=r"metric=choices needs a question file"):
        _evaluate_outputs(run, str(run), "metric=[choices]")
