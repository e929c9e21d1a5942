"""Outputs are made once: a run that was killed goes on, and gives what an unbroken one gives."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from scored_models import EVALUATOR, Knower, write_faces

from unif2ace.data.shards import ShardReader
from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.eval_set import EvalSet, gather
from unif2ace.evaluation.making import Maker, eval_set_fields, outputs_folder
from unif2ace.evaluation.outputs import Outputs, resized
from unif2ace.evaluation.scores import score
from unif2ace.evaluation.unified_scores import ScoreOptions

HOW = ScoreOptions(
    samples=20, num_questions=30, num_paraphrases=2, diverse=4, seeds=3, batch_size=6, resamples=50, at_least=2
)
NEEDS: Any = ("generated", "diverse", "reconstructed", "answers", "unseen", "paraphrases", "captions", "likelihoods")


class _Counted(Knower):
    """Counts what it makes, and kills its process before a batch."""

    def __init__(self, folder: Path, kill_at: int | None = None) -> None:
        super().__init__(folder)
        self.batches, self.items, self.kill_at = 0, 0, kill_at

    def _count(self, items: Any) -> None:
        if self.batches == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.batches += 1
        self.items += len(items)

    def generate(self, prompts, seeds):
        self._count(prompts)
        return super().generate(prompts, seeds) ^ torch.tensor(seeds, dtype=torch.uint8).view(-1, 1, 1, 1)

    def caption(self, images):
        self._count(images)
        return super().caption(images)

    def ask(self, images, questions, *, max_new=64):
        self._count(images)
        return super().ask(images, questions, max_new=max_new)

    def reconstruct(self, images):
        self._count(images)
        return images

    def likelihood_bound(self, images, prompts, index, draws):
        self._count(images)
        return torch.tensor(index, dtype=torch.float64) / 10


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("made") / "val", 20)


@pytest.fixture(scope="module")
def eval_set(faces: Path) -> EvalSet:
    return gather([ShardReader(faces)], HOW.samples, HOW.num_questions, "long", 0, HOW.num_paraphrases)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def whole(faces: Path, eval_set: EvalSet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, _Counted]:
    folder, model = tmp_path_factory.mktemp("whole") / "outputs", _Counted(faces)
    Maker(model, eval_set, HOW, folder).make(NEEDS, {"weights": "a"})
    return folder, model


@pytest.mark.parametrize("kill_at", [0, 3, 7, 16, 24])
def test_a_killed_run_goes_on_makes_nothing_twice_and_gives_the_same_bytes(
    kill_at: int, faces: Path, eval_set: EvalSet, whole: tuple[Path, _Counted], tmp_path: Path
):
    folder, (unbroken, all_of_it) = tmp_path / "outputs", whole
    assert kill_at < all_of_it.batches
    if not (child := os.fork()):
        Maker(_Counted(faces, kill_at), eval_set, HOW, folder).make(NEEDS, {"weights": "a"})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    for file in folder.glob("*.jsonl"):
        file.write_bytes(file.read_bytes() + b'{"key": "cut')  # what a process was writing when the machine stopped
    model = _Counted(faces)
    Maker(model, eval_set, HOW, folder).make(NEEDS, {"weights": "a"})
    assert model.batches == all_of_it.batches - kill_at
    assert _files(folder) == _files(unbroken)
    again = _Counted(faces, kill_at=0)
    Maker(again, eval_set, HOW, folder).make(NEEDS, {"weights": "a"})
    assert again.items == 0


def test_outputs_of_other_weights_or_faces_are_refused_and_lie_in_another_folder(
    eval_set: EvalSet, whole: tuple[Path, _Counted], faces: Path, tmp_path: Path
):
    with pytest.raises(ConfigError, match="were made with weights=a, but this evaluation has weights=b"):
        Maker(_Counted(faces), eval_set, HOW, whole[0]).make(NEEDS, {"weights": "b"})
    fields = [eval_set_fields(one, HOW) for one in (eval_set, eval_set.subset(range(19)))]
    assert len({outputs_folder(tmp_path, {"eval_set": one}) for one in fields}) == 2
    assert {name for name in fields[0] if fields[0][name] != fields[1][name]} >= {"keys", "pictures", "prompts"}


def test_likelihoods_and_answers_with_a_limit_are_read_back(eval_set: EvalSet, whole: tuple[Path, _Counted]):
    outputs = Outputs(whole[0])
    assert outputs.likelihood(eval_set.keys[3])["nelbo"] == 0.3
    one = eval_set.paraphrases[0]
    key = eval_set.keys[one.sample]
    assert outputs.answer(key, one.text, 24) in ("yes", "no")
    with pytest.raises(DataError, match="has no line for"):
        outputs.answer(key, one.text)  # asked with a limit only
    assert [outputs.number_generated(key) for key in eval_set.keys] == [3] * 4 + [1] * 16
    assert not any(outputs.missing(need, eval_set) for need in NEEDS)


def test_damaged_lines_name_file_and_line(eval_set: EvalSet, tmp_path: Path):
    (tmp_path / "captions.jsonl").write_text('{"key": "a", "caption": "b"}\n{"key": 3}\n')
    with pytest.raises(DataError, match=r'captions\.jsonl:2: each line needs \{"key": "\.\.\.", "caption"'):
        Outputs(tmp_path).caption("a")
    (tmp_path / "answers.jsonl").write_text("no\n")
    with pytest.raises(DataError, match=r"answers\.jsonl:1 is not JSON"):
        Outputs(tmp_path).answer("a", "b")
    with pytest.raises(DataError, match="there is no such folder"):
        Outputs(tmp_path / "nowhere")


def test_subgroups_and_corruptions_break_the_main_values_down(faces: Path, tmp_path: Path):
    model = Knower(faces)
    model.ask = lambda images, questions, max_new=64: ["yes" if images.sum() else "no"] * len(questions)  # type: ignore
    model.caption = lambda images: ["A man smiles."] * len(images)  # type: ignore[method-assign]
    options = {"subgroups": ["smile", "gender"], "robustness": ["low_light"], "num_paraphrases": 0, "resamples": 20}
    how = ScoreOptions(**{**{name: getattr(HOW, name) for name in HOW.__slots__}, **options})
    found = score(model, EVALUATOR, faces.parent, tmp_path, how)
    groups = {name.partition("/")[2] for name in found.scores if name.startswith("captions/")}
    assert {"smile", "no_smile", "gender=man", "gender=woman"} < groups
    assert {f"low_light-{strength}" for strength in range(1, 6)} < groups
    parts = [found.described["captions"][f"captions/gender={who}"] for who in ("man", "woman")]
    assert sum(int(text.split()[0]) for text in parts) <= 20
    with pytest.raises(ConfigError, match=r"there is no 'smiles' .did you mean 'smile'"):
        ScoreOptions(subgroups=["smiles"])
    with pytest.raises(ConfigError, match="there is no 'noise'"):
        ScoreOptions(robustness=["noise"])


def test_pictures_of_another_size_are_resized_with_antialiasing():
    board = torch.zeros(3, 32, 32, dtype=torch.uint8)
    board[:, ::2] = 255
    small = resized(board, (8, 8))
    assert small.shape == (3, 8, 8)
    assert small[:, 2:6].float().std() < 10  # stripes become gray
    assert resized(board, (32, 32)) is board


def test_a_manifest_is_whole_or_damaged(whole: tuple[Path, _Counted], tmp_path: Path):
    assert json.loads((whole[0] / "manifest.json").read_text()) == {"weights": "a"}
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json is not JSON"):
        _ = Outputs(tmp_path).manifest
