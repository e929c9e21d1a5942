"""BLEU, ROUGE and CIDEr-D of captions as metrics."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from scored_models import write_faces

from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import EvalSet, gather, open_split
from unif2ace.evaluation.metrics.base import Setting
from unif2ace.evaluation.metrics.bleu import BleuMetric
from unif2ace.evaluation.metrics.cider import CiderMetric
from unif2ace.evaluation.metrics.rouge import RougeMetric
from unif2ace.evaluation.outputs import Outputs

BEST = {BleuMetric: ("bleu", 100), RougeMetric: ("rouge_l", 1), CiderMetric: ("cider", 10)}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    return gather(open_split(write_faces(tmp_path_factory.mktemp("faces"), 12)), 12, 5)


@pytest.mark.parametrize("metric", BEST)
def test_the_references_are_perfect_and_other_words_are_not(metric, faces: EvalSet, tmp_path: Path):
    name, best = BEST[metric]
    values = []
    for captions in (faces.captions, ["Nothing of the kind."] * len(faces)):
        rows = [{"key": key, "caption": text} for key, text in zip(faces.keys, captions, strict=True)]
        (tmp_path / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = metric()
        found.prepare(Setting(resamples=20))
        found.update(faces, Outputs(tmp_path))
        values.append(found.compute()[name])
        assert next(iter(found.compute())) == name
        assert found.describe()[name]
    assert values[0].value == pytest.approx(best)
    assert values[1].value < 0.1 * best


@pytest.mark.parametrize(("metric", "package"), [(BleuMetric, "sacrebleu"), (RougeMetric, "rouge_score")])
def test_a_missing_package_is_said_before_any_work(metric, package: str, monkeypatch: pytest.MonkeyPatch):
    for name in ("sacrebleu.metrics", "rouge_score.rouge_scorer"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=package.replace("_", ".")):
        metric().prepare(Setting())
