"""A step over shards: nothing finished is done again, and a killed run gives the same bytes in the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from unif2ace.curation.inputs import ShardInput
from unif2ace.curation.journal import Journal, read_journal
from unif2ace.curation.part import StepPart
from unif2ace.curation.running import estimate_step, run_step
from unif2ace.curation.step import Step, StepResult, StepUsage, with_metadata
from unif2ace.data.shards import Metadata, Sample, SampleFault, ShardReader, ShardWriter, encode_jpeg, has_index
from unif2ace.errors import ConfigError, DataError
from unif2ace.synthetic import render, sample_face

NUMBER, PER_SHARD = 23, 5


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("step") / "faces"
    image = encode_jpeg(render([sample_face(1)], 32)[0])
    with ShardWriter(folder, PER_SHARD) as writer:
        for n in range(NUMBER):
            writer.write(Sample(f"face-{n:03d}", image, "jpg", Metadata("test", "CC0-1.0", caption=f"face {n}")))
    return folder


class Shout(Step[Sample]):
    """Writes captions in capitals, leaves out every seventh sample, and counts its calls in a file."""

    name = "shout"

    def __init__(self, calls: Path, before: Callable[[Sample, int], None] = lambda sample, calls: None) -> None:
        self.calls, self.before = calls, before

    def describe(self) -> dict[str, object]:
        return {"case": "upper"}

    def run(self, item: Sample) -> StepResult:
        with self.calls.open("a") as file:
            file.write(f"{item.key}\n")
        self.before(item, len(self.calls.read_text().split()))
        if int(item.key[-3:]) % 7 == 6:
            raise SampleFault("refused", "every seventh")
        caption = (item.metadata.caption or "").upper()
        return StepResult((with_metadata(item, self.name, caption=caption),), usage=StepUsage(1, 10, 5, 0.5))


class BatchedShout(Shout):
    """The same in batches, in threads."""

    batch_size = 3
    concurrency = 4


def _bytes(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix in (".tar", ".json", ".npy", ".jsonl")}


@pytest.fixture(scope="module")
def expected(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("expected")
    done = run_step(Shout(folder / "calls"), ShardInput(faces), folder / "out")
    assert (done.done, done.finished, done.outcomes) == (NUMBER, True, {"kept": 20, "refused": 3})
    assert done.usage == StepUsage(20, 200, 100, 10.0)
    return _bytes(folder / "out")


def test_results_are_in_the_order_of_the_input(faces: Path, expected: dict[str, bytes], tmp_path: Path):
    done = run_step(BatchedShout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out")
    assert done.finished
    assert _bytes(tmp_path / "out") == expected
    reader = ShardReader(tmp_path / "out")
    assert reader.keys() == [f"face-{n:03d}" for n in range(NUMBER) if n % 7 != 6]
    assert reader[0].metadata.caption == "FACE 0"
    assert reader[0].metadata.provenance["steps"] == ["shout"]
    assert run_step(Shout(tmp_path / "none"), ShardInput(faces), tmp_path / "out").done == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", [Shout, BatchedShout])
def test_a_killed_run_goes_on(faces: Path, expected: dict[str, bytes], tmp_path: Path, kind: type[Shout]):
    calls, out, kills = tmp_path / "calls", tmp_path / "out", 0
    for at in (1, 4, 9, 17, 26):
        child = os.fork()
        if child == 0:
            try:
                step = kind(calls, lambda sample, n, at=at: os.kill(os.getpid(), signal.SIGKILL) if n >= at else None)
                run_step(step, ShardInput(faces), out)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
    assert kills >= 4
    assert run_step(kind(calls), ShardInput(faces), out).finished
    assert _bytes(out) == expected
    assert len(calls.read_text().split()) <= NUMBER + kills * kind.batch_size * kind.concurrency


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_line_loses_its_sample_only(tmp_path: Path, cut: int):
    path = tmp_path / "a.journal.jsonl"
    for key in ("a", "b"):
        with Journal(path, "r") as journal:
            journal.add(key, StepResult.refused("no_face", "none" * 60))
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(path, "r") as journal:
        assert "a" in journal
        assert "b" not in journal
        journal.add("b", StepResult.refused("small", "x"))
    assert [(key, result.outcome) for key, result, _ in read_journal(path)] == [("a", "no_face"), ("b", "small")]
    path.write_bytes(b"{broken\n" + path.read_bytes())
    with pytest.raises(DataError, match="line 1 is damaged; remove this line"):
        Journal(path, "r")


def test_an_error_keeps_what_is_in_flight(faces: Path, expected: dict[str, bytes], tmp_path: Path):
    def down(sample: Sample, calls: int) -> None:
        if sample.key == "face-008":
            raise DataError("the endpoint is down")

    with pytest.raises(DataError, match="is down"):
        run_step(BatchedShout(tmp_path / "calls", down), ShardInput(faces), tmp_path / "out")
    before = (tmp_path / "calls").read_text().split()
    run_step(BatchedShout(tmp_path / "again"), ShardInput(faces), tmp_path / "out")
    assert _bytes(tmp_path / "out") == expected
    again = set((tmp_path / "again").read_text().split())
    assert again & set(before) <= {"face-008", "face-007", "face-006"}, "only the batch that failed is done again"


def test_parts_make_the_whole(faces: Path, expected: dict[str, bytes], tmp_path: Path):
    runs = [
        run_step(Shout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out", StepPart.parse(f"{n}/3"))
        for n in (3, 1, 2)
    ]
    assert [run.finished for run in runs] == [False, False, True]
    assert _bytes(tmp_path / "out") == expected
    with pytest.raises(ConfigError, match=r"part=4/3: write i/n"):
        StepPart.parse("4/3")


def test_an_estimate_counts_what_is_left(faces: Path, tmp_path: Path):
    run_step(Shout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out", StepPart(1, 5))
    found = estimate_step(Shout(tmp_path / "none"), ShardInput(faces), tmp_path / "out")
    assert (found.samples, found.finished) == (NUMBER - PER_SHARD, PER_SHARD)
    estimate_step(Shout(tmp_path / "none"), ShardInput(faces), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "none").exists()


def test_other_settings_are_refused(faces: Path, tmp_path: Path):
    class Whisper(Shout):
        def describe(self) -> dict[str, object]:
            return {"case": "lower"}

    run_step(Shout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out", StepPart(1, 5))
    with pytest.raises(DataError, match=r"unfinished .* with other settings: settings.case was 'upper' and is 'lower'"):
        run_step(Whisper(tmp_path / "calls"), ShardInput(faces), tmp_path / "out")


def test_another_input_is_refused(faces: Path, tmp_path: Path):
    run_step(Shout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out")
    with pytest.raises(DataError, match=r"finished .* with other settings: its input changed \(shards\). Restore"):
        run_step(Shout(tmp_path / "calls"), ShardInput(tmp_path / "out"), tmp_path / "out")


def test_a_result_that_no_shard_can_hold_is_left_out(faces: Path, tmp_path: Path):
    class Empty(Shout):
        def run(self, item: Sample) -> StepResult:
            return StepResult((with_metadata(item, self.name, caption=""),))

    with pytest.raises(DataError, match=r"all 23 samples were left out \(invalid 23\)"):
        run_step(Empty(tmp_path / "calls"), ShardInput(faces), tmp_path / "out")
    assert not has_index(tmp_path / "out")
    reasons = [result.reason for _, result, _ in read_journal(tmp_path / "out" / "shard-000000.journal.jsonl")]
    assert "caption" in reasons[0]


def test_ray_gives_the_same_bytes(faces: Path, expected: dict[str, bytes], tmp_path: Path):
    ray = pytest.importorskip("ray", reason="needs the extra ray: make test-extras runs this")
    from unif2ace.curation.ray import run_step_on_ray

    before = signal.getsignal(signal.SIGTERM)
    places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]  # the steps of this test
    variables = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, places))}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=variables)
    try:
        with pytest.raises(DataError, match="is down"):
            run_step_on_ray(DownShout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out")
        done = run_step_on_ray(Shout(tmp_path / "again"), ShardInput(faces), tmp_path / "out")
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)  # Ray sets its own
    assert done.finished
    assert 0 < done.done < NUMBER, "the shards without the error were finished before"
    assert _bytes(tmp_path / "out") == expected


class DownShout(Shout):
    """Its endpoint fails for one sample."""

    def run(self, item: Sample) -> StepResult:
        if item.key == "face-008":
            raise DataError("the endpoint is down")
        return super().run(item)


def test_a_missing_ray_is_named(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from unif2ace.curation import ray

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(ray, "import_module", missing)
    with pytest.raises(ConfigError, match=r"runner=ray: Ray is not installed; pip install 'ray\[data\]'"):
        ray.run_step_on_ray(Shout(tmp_path / "calls"), ShardInput(faces), tmp_path / "out")
