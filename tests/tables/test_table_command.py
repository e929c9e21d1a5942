"""Cells of a table, run as ordinary commands: done ones are skipped, failures are reported, killed ones continue."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from unif2ace.commands import table as command
from unif2ace.engine import compose
from unif2ace.errors import ConfigError, Unif2aceError
from unif2ace.tables import running
from unif2ace.tables.definition import Row, TableCell
from unif2ace.tables.matching import Work
from unif2ace.tables.running import run_cell, state_of

FAKE = textwrap.dedent(
    """
    import json, pathlib, sys
    app, *words = sys.argv[1:]
    given = dict(word.partition("=")[::2] for word in words)
    with open("called.txt", "a") as file:
        print(app, given.get("run_dir") or given.get("out") or words[0], file=file)
    wide = "dense" not in " ".join(words)
    if app == "unif2ace-train":
        run = pathlib.Path(given["run_dir"])
        seed = int(given["seed"])
        if pathlib.Path("fails").exists() and "sequence" in run.parts:
            sys.exit("error: there is no memory left")
        (run / "experts").mkdir(parents=True, exist_ok=True)
        (run / "config.yaml").write_text(f"seed: {seed}\\n")
        (run / "metrics.csv").write_text(f"step,val/nelbo\\n9,{5 + seed - wide}\\n")
        panel = {"level": "sequence", "group": "und", "task": "understanding", "experts": ["copy", "face"],
                 "frequency": [[1.0, 0.0], [0.5, 0.5]]}
        if "grouped" in run.parts:
            (run / "experts" / "step-9.json").write_text(json.dumps({"format": 1, "step": 9, "panels": [panel]}))
    if app == "unif2ace-evaluate":
        out = pathlib.Path(given["out"])
        out.mkdir(parents=True)
        seed = int(out.parent.name.partition("=")[2])
        value = 0.1 * seed + 0.2 * wide
        tree = {"values": {"agreement": value}, "split": "val", "weights": {"kind": "unified"}}
        (out / "evaluation.json").write_text(json.dumps(tree))
        (out / "replicates.json").write_text(json.dumps({"agreement": [value - 0.01, value + 0.01]}))
    """
)


@pytest.fixture(autouse=True)
def _fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))
    monkeypatch.setattr(running, "process_of", lambda line: [sys.executable, "-S", "-c", FAKE, *line])
    monkeypatch.setattr(command, "row_work", lambda row, *_: Work(1000 + len(row.name), 10, 5, "k=8" * bool(row.match)))


@pytest.fixture(scope="module")
def config() -> DictConfig:
    return compose("table", ["table=table4", "rows=[dense,sequence,grouped]", "seeds=[0,1]", "out=out"])


def _with(config: DictConfig, **changes: Any) -> DictConfig:
    changed = config.copy()
    for key, value in changes.items():
        changed[key] = value
    return changed


def _called() -> list[str]:
    lines = Path("called.txt").read_text().splitlines() if Path("called.txt").is_file() else []
    return [line for line in lines if not line.startswith("unif2ace-data")]


def _tree() -> Any:
    return json.loads(Path("out/table.json").read_text())


def test_a_failed_cell_does_not_lose_the_others_and_is_tried_again(config: DictConfig):
    Path("fails").touch()
    with pytest.raises(Unif2aceError, match=r"2 cells failed: sequence seed 0, sequence seed 1;"):
        command.table(config)
    tree = _tree()
    assert tree["failed"] == [f"sequence seed {seed}: there is no memory left" for seed in (0, 1)]
    rows = {row["name"]: row for row in tree["rows"]}
    assert [cell["status"] for row in rows.values() for cell in row["cells"]] == ["done"] * 2 + ["failed"] * 2 + [
        "done"
    ] * 2
    assert "sequence seed 0: there is no memory left" in Path("out/table.md").read_text()
    Path("fails").unlink()
    Path("called.txt").unlink()
    command.table(config)
    assert _called() == [
        f"unif2ace-{what} out/cells/sequence/seed={seed}{tail}"
        for seed in (0, 1)
        for what, tail in (("train", ""), ("evaluate", "/evaluation"))
    ]
    assert _tree()["failed"] == []


def test_the_table_has_means_errors_and_paired_differences(config: DictConfig, capsys: pytest.CaptureFixture[str]):
    command.table(config)
    rows = {row["name"]: row for row in _tree()["rows"]}
    assert rows["dense"]["differences"] == {}
    assert rows["dense"]["work"] == {"flops": 1005, "ratio": 1.0, "set": "k=8"}
    assert "k=8" in rows["dense"]["cells"][0]["commands"][0].split()
    assert rows["grouped"]["summary"]["agreement"] == {
        "n": 2, "mean": pytest.approx(0.25), "error": pytest.approx(0.05), "interval": pytest.approx([0.2405, 0.2595]),
    }  # fmt: skip
    apart = rows["grouped"]["differences"]["agreement"]
    assert apart["by_seed"] == pytest.approx([0.2, 0.2])
    assert apart["error"] == pytest.approx(0, abs=1e-9)
    assert rows["grouped"]["differences"]["val/nelbo"]["mean"] == pytest.approx(-1)
    with Path("out/table.csv").open(newline="") as file:
        lines = {(line["row"], line["value"]): line for line in csv.DictReader(file)}
    assert float(lines["grouped", "agreement"]["difference"]) == pytest.approx(0.2)
    markdown = Path("out/table.md").read_text()
    assert "smoke test" in markdown
    assert "| 0.25 ± 0.05 (0.241 to 0.26) |" in markdown
    assert "not comparable" in markdown
    assert "Frechet" not in markdown, "no cell has it"
    assert "both levels" in capsys.readouterr().out
    for entry in _tree()["experts"]:
        assert Path("out", entry["png"]).stat().st_size > 2000
        assert "sequence,und,1,2,face,0.5" in Path("out", entry["csv"]).read_text().splitlines()


def test_parts_share_the_folder_and_the_data_are_made_once(config: DictConfig):
    for number in (1, 2, 3):
        command.table(_with(config, part=f"{number}/3"))
        done = [cell["status"] for row in _tree()["rows"] for cell in row["cells"]].count("done")
        assert done == 2 * number
    made = [line for line in Path("called.txt").read_text().splitlines() if line.startswith("unif2ace-data")]
    assert [Path(line.split()[1]).name for line in made] == ["build", "tables_smoke_tokens"]


def test_a_dry_run_prints_the_commands_and_writes_nothing(config: DictConfig, capsys: pytest.CaptureFixture[str]):
    assert command.table(_with(config, dry=True)) == []
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("# dense: 1.005e-06 GFLOP per step, 1.000 of dense, 10 parameters, k=8")
    assert sum(line.startswith("unif2ace-train ") for line in lines) == 6
    assert not Path("out").exists()


def test_a_cell_of_other_settings_is_refused(config: DictConfig):
    command.table(_with(config, rows=["dense"], seeds=[0]))
    with pytest.raises(ConfigError, match=r"was made with other settings \(trainer.max_steps=7\): give another out"):
        command.table(_with(config, rows=["dense"], seeds=[0], train=["trainer.max_steps=7"]))


def test_a_cell_of_another_process_is_left_to_it(config: DictConfig):
    code = "import sys; from unif2ace.data.output_lock import output_lock\nwith output_lock(sys.argv[1], 'out', " \
        "single=True):\n    print('held', flush=True); sys.stdin.read()"  # fmt: skip
    words = [sys.executable, "-c", code, "out/cells/dense/seed=0"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        Path("out/cells/dense/seed=0").mkdir()
        Path("out/cells/dense/seed=0/cell.json").write_text('{"status": "started"}')
        command.table(_with(config, rows=["dense"], seeds=[0, 1]))
        other.communicate("")
    assert [cell["status"] for cell in _tree()["rows"][0]["cells"]] == ["running", "done"]
    assert not any("seed=0" in line for line in _called())


WAITS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print("on", flush=True)
time.sleep(60)
"""


def test_a_killed_cell_tells_its_training_and_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The training ends by itself, with a checkpoint; the next call runs the same command, which resumes."""
    cell = TableCell(Row("dense", "dense"), 0, tmp_path / "cells" / "dense" / "seed=0")
    monkeypatch.setattr(running, "process_of", lambda line: [sys.executable, "-S", "-c", WAITS])
    pid = os.fork()
    if pid == 0:  # the process that is killed
        try:
            run_cell(cell, [["unif2ace-train", "resume=auto"]])
        except SystemExit as end:
            os._exit(int(end.code or 0))
        os._exit(1)
    output = cell.folder / "cell.log"
    while not output.is_file() or "on\n" not in output.read_text():
        time.sleep(0.02)
    assert state_of(cell).status == "running"
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGTERM
    assert state_of(cell).status == "missing"
    monkeypatch.setattr(running, "process_of", lambda line: [sys.executable, "-S", "-c", "", *line])
    assert run_cell(cell, [["unif2ace-train", "resume=auto"]]).status == "done"
    assert state_of(cell).seconds is not None


def test_figure_5_shows_a_run_that_was_trained_before():
    (panel,) = [{"level": "token", "group": "gen", "task": "generation", "experts": ["1"], "frequency": [[1.0]]}]
    experts = Path("before/experts")
    experts.mkdir(parents=True)
    (experts / "step-0000009.json").write_text(json.dumps({"format": 1, "step": 9, "panels": [panel]}))
    Path("before/config.yaml").write_text("seed: 0\n")
    Path("before/metrics.csv").write_text("step,val/evenness/token/gen\n9,0.75\n")
    command.table(compose("table", ["table=figure5", "ckpts=[before]", "out=out"]))
    rows = {row["name"]: row for row in _tree()["rows"]}
    assert rows["before"]["summary"]["val/evenness/token/gen"]["mean"] == 0.75
    assert rows["before"]["cells"][0]["commands"] == []
    assert {entry["row"] for entry in _tree()["experts"]} == {"grouped", "before"}
