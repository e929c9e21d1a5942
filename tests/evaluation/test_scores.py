"""Scores of models that are known to be perfect, blind or constant; the same again for the same seed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from scored_models import EVALUATOR, Constant, Knower, write_faces

from unif2ace.data.shards import ShardReader
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import read_weights, save_weights
from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import gather, others
from unif2ace.evaluation.evaluator import load_evaluator
from unif2ace.evaluation.scores import score
from unif2ace.evaluation.sheets import draw_sheets
from unif2ace.evaluation.unified_scores import ScoreOptions, UnifiedScores

FACES = 150
HOW = ScoreOptions(samples=FACES, num_questions=700, diverse=8, seeds=3, resamples=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("scored") / "val", FACES).parent


@pytest.fixture(scope="module")
def perfect(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> UnifiedScores:
    return score(Knower(folder / "val"), EVALUATOR, folder, tmp_path_factory.mktemp("perfect"), HOW)


def test_who_knows_all_scores_one(perfect: Any):
    values = perfect.values
    for name in (
        "agreement",
        "answers",
        "answers_yes_no",
        "answers_what",
        "answers_which",
        "answers_count",
        "paraphrases",
        "paraphrases_untrained",
        "paraphrases_plain",
        "paraphrases_topic",
        "paraphrases_same",
        "captions",
    ):
        assert values[name] == pytest.approx(1), name
    assert values["agreement_raw"] == values["agreement_ceiling"] == values["agreement_reconstructed"] < 0.96
    assert values["caption_precision"] == 1
    assert values["caption_false"] == values["caption_unparsed"] == values["caption_unverifiable"] == 0
    assert values["caption_f1"] == values["caption_f1_reference"]
    assert values["diversity_pixels"] == values["diversity_features"] == 0
    answered = perfect.metrics["answers"].answered
    assert all(one.right for one in answered)
    assert {one.question.kind for one in answered} == {"yes_no", "what", "which", "count"}


def test_who_knows_half_scores_half_and_who_knows_nothing_scores_about_zero(folder: Path, tmp_path: Path):
    half, none = (
        score(Knower(folder / "val", knows), EVALUATOR, folder, tmp_path / str(knows), HOW).values
        for knows in (0.5, 0.0)
    )
    for name in ("agreement", "answers", "captions"):
        assert half[name] == pytest.approx(0.5, abs=0.13), name
        assert none[name] == pytest.approx(0, abs=0.13), name
    assert none["diversity_pixels"] == pytest.approx(1, abs=0.1)
    assert none["caption_false"] > 2 * half["caption_false"] * 0.8 > 0
    assert none["caption_false_share"] > 0.3


def test_the_average_face_and_constant_words_score_zero_or_less(folder: Path, tmp_path: Path):
    for answer in ("Yes.", "No.", "Brown.", "Two."):
        found = score(Constant(folder / "val", answer), EVALUATOR, folder, tmp_path / answer, HOW)
        assert found.values["agreement"] == pytest.approx(0, abs=1e-9)
        assert found.values["answers"] <= 1e-9
        if answer in ("Yes.", "No."):
            assert found.values["answers_yes_no"] == pytest.approx(0, abs=1e-9)
            assert found.values["paraphrases"] == 0
            assert found.values["paraphrases_same"] == 1
    assert found.values["captions"] == pytest.approx(0, abs=0.02)
    assert math.isnan(found.values["diversity_pixels"])
    assert found.values["caption_unparsed"] == 0.5
    assert found.values["caption_distinct_1"] < 0.02


def test_the_same_seed_gives_the_same_scores_and_another_one_another_eval_set(folder: Path, tmp_path: Path):
    how = replace(HOW, samples=40, num_questions=60, num_paraphrases=4)

    def scored(name: str, knows: float = 0.7, **changes: int) -> UnifiedScores:
        options = replace(how, **changes)
        return score(Knower(folder / "val", knows), EVALUATOR, folder, tmp_path / name, options)

    first, again = scored("first"), scored("again")
    assert repr(first.scores) == repr(again.scores)  # nan is nan
    assert scored("other", seed=1).eval_set.keys != first.eval_set.keys
    assert scored("batched", 1.0, batch_size=7).values == scored("whole", 1.0).values


def test_every_value_says_what_it_was_measured_with(perfect: Any):
    beside = {name: text for texts in perfect.described.values() for name, text in texts.items()}
    assert beside.keys() <= perfect.values.keys()
    assert EVALUATOR.fingerprint[:12] in beside["agreement"]
    assert f"{FACES} captions of val" in beside["agreement"]
    assert f"questions on {FACES} faces of val" in beside["answers"]
    assert f"{FACES} faces of val" in beside["captions"]
    assert "yes/no questions in other words" in beside["paraphrases"]
    shown, agreement = perfect.tables, perfect.metrics["agreement"]
    rows = len(agreement.attribute_rows())
    assert shown["attributes"].row_count == rows == int(agreement.found.measured.sum()) > 15
    assert shown["questions"].row_count == 5
    assert shown["paraphrases"].row_count == 10


def test_sheets_show_faces_text_and_bars(perfect: UnifiedScores, folder: Path, tmp_path: Path):
    few = replace(HOW, samples=30, num_questions=40, num_paraphrases=4)
    files = draw_sheets(score(Constant(folder / "val"), EVALUATOR, folder, tmp_path / "some", few), tmp_path)
    assert [file.name for file in files] == ["generated.png", "understood.png", "scores.png", "prompts.txt"]
    assert all(min(Image.open(file).size) > 300 for file in files[:3])
    assert len(files[3].read_text(encoding="utf-8").splitlines()) == 8  # prompts of several seeds
    rows = [json.loads(line) for line in (tmp_path / "understood.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 10
    assert all((tmp_path / row["picture"]).is_file() for row in rows)
    assert {type(one["right"]) for row in rows for one in row["answers"]} == {bool}
    alone = replace(perfect.options, samples=30, num_questions=0, num_paraphrases=0, diverse=2, seeds=1, at_least=1000)
    model = Knower(folder / "val")
    nothing = score(model, EVALUATOR, folder, tmp_path / "alone", alone)  # nothing can be measured, and nothing fails
    assert math.isnan(nothing.values["agreement"])
    assert "answers" not in nothing.values
    assert math.isnan(nothing.values["diversity_pixels"])
    draw_sheets(nothing, tmp_path / "nothing")


@pytest.mark.parametrize("name", ["diverse", "seeds", "batch_size"])
def test_options_that_draw_nothing_are_named(name: str):
    with pytest.raises(ConfigError, match=r"scores\.num_paraphrases=-1: it must be 0 or more"):
        ScoreOptions(num_paraphrases=-1)
    with pytest.raises(ConfigError, match=f"scores.{name}=0: it must be 1 or more"):
        ScoreOptions(**{name: 0})


def test_material_is_drawn_from_all_readers_and_questions_that_cannot_be_scored_are_counted(folder: Path):
    readers = [ShardReader(folder / "val")]
    eval_set = gather(readers, 1000, 100_000)
    assert len(eval_set) == FACES
    asked = sum(len(readers[0].decoded(n).metadata.qa) for n in range(FACES))
    assert len(eval_set.questions) + eval_set.unscored == asked
    assert eval_set.unscored > 0
    with pytest.raises(ConfigError, match="at least 2"):
        gather(readers, 1, 10)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_everybody_gets_another_ones_face(count: int):
    found = others(count, 0)
    assert sorted(found) == list(range(count))
    assert all(place != other for place, other in enumerate(found))
    assert others(count, 0) == found


def test_an_evaluator_that_the_model_uses_is_refused_in_any_precision(tmp_path: Path):
    config = {"_target_": "unif2ace.nets.attributes.AttributesNet", "_partial_": True, "groups": ["a"] * 46}
    torch.manual_seed(0)
    net, other = instantiate(config)(), instantiate(config)()
    save = {"kind": "attributes", "config": config}
    mine = save_weights(tmp_path / "mine.safetensors", net, **save)
    save_weights(tmp_path / "half.safetensors", net, dtype="float16", **save)
    save_weights(tmp_path / "other.safetensors", other, **save)
    used = {"attributes": read_weights(mine.path)}
    for name in ("mine", "half"):
        with pytest.raises(ConfigError, match="the model itself uses"):
            load_evaluator(tmp_path / f"{name}.safetensors", used)
    assert load_evaluator(mine.path, used, same=True, device="cpu").fingerprint == mine.fingerprint
    evaluator = load_evaluator(tmp_path / "other.safetensors", used, device="cpu")
    assert evaluator.fingerprint != mine.fingerprint
    seen, features = evaluator.sees(torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8), batch_size=2)
    assert (seen.shape, seen.dtype, len(features)) == ((3, 46), torch.bool, 3)
