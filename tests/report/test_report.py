"""Reports from made-up folders: what is there is shown, what is broken is named, nothing is loaded from elsewhere."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from unif2ace.commands.report import SYNTAX, report
from unif2ace.engine import compose
from unif2ace.engine.instantiate import instantiate_slots
from unif2ace.errors import ConfigError, DataError
from unif2ace.report.charts.line_chart import ticks
from unif2ace.report.charts.series import MOST_POINTS, Series
from unif2ace.report.page import html_page, markdown_page
from unif2ace.report.report import NOT_SHOWN, write_report
from unif2ace.report.sections.base import Section
from unif2ace.report.sections.samples import SamplesSection

HOSTILE = "<script>alert('x')</script> & | \x00"
EVALUATION: dict[str, Any] = {
    "values": {"answers": 0.5, "agreement": None, "likelihood_bound": 5.25},
    "intervals": {"answers": [0.4, 0.6]},
    "metrics": {"answers": {"answers": "0.400 to 0.600; 20 questions"}},
    "split": "val",
    "pictures": 12,
    "eval_set": {"keys": "k"},
    "options": {"resamples": 10, "seed": 0},
    "weights": {"kind": "unified"},
}
PROMPT = f"A man {HOSTILE[:-1]}."


TITLES = [
    "Runs", "Faces from words", "Words about faces", "Scores", "Experts", "Losses", "Likelihood bounds", "Noise levels",
    "Throughput", "Figures", "Settings that differ", "Environment", "Commands",
]  # fmt: skip
SHOWN = [
    "3 of 3", "0.5 (0.400 to 0.600)", "+0.2500", "optimizer.lr", "step 10", "copy 1", "50%", "9.8.7", "12.5", "5.25",
    "✗ No", "✓ No", "false: beard", "true face", "layer 1, face 2: 0.500",
]  # fmt: skip


def _picture(path: Path, size: tuple[int, int] = (16, 16), colour: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def _run(folder: Path, answers: float = 0.5, colour: str = "red") -> Path:
    """A run with every file that a section reads."""
    folder.mkdir(parents=True)
    module = {"_target_": "unif2ace.modules.unified.UnifiedModule"}
    (folder / "config.yaml").write_text(yaml.safe_dump({"module": module, "optimizer": {"lr": answers}}))
    (folder / "metrics.csv").write_text(
        "step,train/loss,val/loss,val/nelbo,throughput/images\n1,3.0,,,\n2,2.0,2.5,6.5,12.5\n3,1.5,,,\n4,1."
    )
    (folder / "environment.json").write_text(json.dumps({"command": f"unif2ace-train {HOSTILE}", "torch": "9.8.7"}))
    (folder / "summary.txt").write_text("run          finished\nsteps        3 of 3\n\nmore  x\n")
    panel = {"level": "sequence", "group": "und", "task": "understanding", "experts": ["copy", "face"],
             "frequency": [[1.0, 0.0], [0.5, 0.5]]}  # fmt: skip
    for step in (2, 10):
        name = f"step-{step}.json"
        (folder / "experts").mkdir(exist_ok=True)
        (folder / "experts" / name).write_text(json.dumps({"format": 1, "step": step, "panels": [panel]}))
    (folder / "noise_levels").mkdir()
    curves = {"val": {"mask": [1.0, None], "score": [2.0, 4.0], "ratio": [2.0, 2.0]}}
    tree = {"step": 3, "levels": [0.25, 0.75], "curves": curves}
    (folder / "noise_levels" / "step-0000003.json").write_text(json.dumps(tree))
    evaluation = folder / "evaluation"
    for name in ("000-generated-0", "000-generated-1", "000-true"):
        _picture(evaluation / "faces" / f"{name}.png", colour=colour)
    _picture(evaluation / "scores.png", (1300, 26), "white")
    values = {**EVALUATION["values"], "answers": answers}
    (evaluation / "evaluation.json").write_text(json.dumps({**EVALUATION, "values": values}))
    (evaluation / "prompts.txt").write_text(f"{PROMPT}\n")
    asked = {"question": "Is he old?", "answer": "No", "truth": "Yes", "right": answers > 0.5}
    row = {"key": "0001", "picture": "faces/000-true.png", "caption": "A man.", "false": ["beard"], "answers": [asked]}
    (evaluation / "understood.jsonl").write_text(json.dumps(row) + "\n{cut")
    return folder


TABLE: dict[str, Any] = {
    "format": 1,
    "table": "table3",
    "title": "Loss ablation",
    "size": "smoke",
    "note": "nothing can be concluded",
    "baseline": "mask",
    "values": [{"name": "agreement", "title": "agreement", "meaning": "faces show their prompts", "better": "higher"},
               {"name": "frechet", "title": "FID", "meaning": "distance", "better": "lower"}],
    "experts": [{"row": "mask", "seed": seed, "json": "cells/mask/seed=0/experts/step-10.json"} for seed in (0, 1)],
    "rows": [
        {
            "name": "mask",
            "title": "mask only",
            "cells": [{"seed": 0, "folder": "cells/mask/seed=0", "status": "done"}],
            "work": {"flops": 1.25e10, "ratio": 1.0, "set": None},
            "summary": {"agreement": {"n": 3, "mean": 0.5, "error": 0.01, "interval": [0.48, 0.52]}},
            "paper": {"vqa": 0.879},
        },
        {
            "name": "both",
            "title": "D3Diff",
            "cells": [{"seed": 0, "status": "failed"}],
            "summary": {"agreement": {"n": 1, "mean": 0.625, "error": None, "interval": None}},
            "differences": {"agreement": {"n": 1, "mean": 0.125, "error": None, "interval": [0.1, 0.15]}},
        },
    ],
    "paper": {"values": [{"name": "vqa", "title": "VQAscore", "better": "higher"}], "note": "not comparable",
              "rows": [{"title": "Show-o", "values": {"vqa": 0.855}}]},
    "failed": ["D3Diff seed 0: out of memory"],
    "command": "unif2ace-table table3 size=smoke",
}  # fmt: skip


@cache
def _sections() -> list[Section]:
    """The sections of the command; composing takes longer than a report."""
    return list(instantiate_slots(compose("report", ["runs=[]"]).section, "section").values())


def _report(tmp_path: Path, *folders: Path, title: str = "T", **limits: Any) -> tuple[str, str]:
    page, text = write_report(folders, _sections(), tmp_path / "out" / "page.html", title=title, **limits)
    return page.read_text(encoding="utf-8"), text.read_text(encoding="utf-8")


def _section(page: str, title: str) -> str:
    return page.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return _run(tmp_path / "runs" / "a"), _run(tmp_path / "runs" / "b", 0.75, "blue")


def test_every_section_shows_what_the_runs_hold(two: tuple[Path, Path], tmp_path: Path):
    page, text = _report(tmp_path, *two)
    for title in TITLES:
        assert f"<h2>{title}</h2>" in page
        assert f"## {title}" in text
    for shown in SHOWN:
        assert shown in page
    for shown in ("| a | unified | finished | 3 of 3 |", "✗ No", "+0.2500", "9.8.7"):
        assert shown in text
    absent = ("Tables", "Stages")
    assert not any(f"<h2>{title}</h2>" in page for title in absent)


def test_a_table_has_intervals_differences_and_the_papers_numbers_in_grey(tmp_path: Path):
    folder = tmp_path / "table3"
    _run(folder / "cells" / "mask" / "seed=0")
    (folder / "table.json").write_text(json.dumps(TABLE))
    page, text = _report(tmp_path, folder)
    for shown in (
        "0.5 ± 0.01 (0.48 to 0.52)", "✓ +0.125 (+0.1 to +0.15)", "not comparable", "out of memory", "1.25e+10",
        "0 of 1",
        '<span class="faint">0.855</span>', '<span class="faint">mask only (paper)</span>', TABLE["command"],
    ):  # fmt: skip
        assert shown in page
    assert "| *Show-o* | *0.855* |" in text
    assert "mask, seed 0" in page
    assert "FID" not in page  # no row has it
    assert "Faces from words" in page  # of the first finished cell of each row
    assert "<h2>Scores</h2>" not in page  # the table has them


def test_text_is_escaped_and_nothing_is_loaded_from_elsewhere(two: tuple[Path, Path], tmp_path: Path):
    page, text = _report(tmp_path, *two, title=f"{HOSTILE[:8]} & more")
    assert "<script" not in page
    assert "<script" not in re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert "&lt;script&gt; &amp; more</title>" in page
    assert "\x00" not in page + text
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/webp;base64,", "#")) for source in sources)
    assert not re.search(r"https?://|@import|url\(", page)
    files = re.findall(r"\]\(([^)]*)\)", text)
    assert files
    assert all((tmp_path / "out" / name).is_file() for name in files)
    assert {f"page_files/{f.name}" for f in (tmp_path / "out" / "page_files").iterdir()} == set(files)


def test_equal_results_give_equal_bytes_and_a_picture_is_stored_small(two: tuple[Path, Path], tmp_path: Path):
    first = _report(tmp_path, *two)
    assert _report(tmp_path, *two) == first
    assert len(first[0]) < 100_000
    assert 'width="1200" height="24"' in first[0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("evaluation/evaluation.json", '{"values": {"answers"', "evaluation.json cannot be read"),
        ("evaluation/evaluation.json", '{"values": {"answers": "much"}, "split": "val"}', "Scores cannot"),
        ("config.yaml", "a: [", "config.yaml cannot be read"),
        ("experts/step-11.json", '{"step": 11}', "Experts cannot be shown (KeyError"),
        ("experts/step-11.json", "[]", "step-11.json is not a JSON object"),
        ("evaluation/faces/000-generated-0.png", "no picture", "000-generated-0.png is not a readable picture"),
        ("metrics.csv", "step,train/loss\n1,nan\nx,2\n2,", None),
        ("environment.json", "", "environment.json cannot be read"),
    ],
)  # fmt: skip
def test_a_broken_file_is_a_line_and_the_rest_is_shown(
    name: str, content: str, said: str | None, two: tuple[Path, Path], tmp_path: Path
):
    (two[1] / name).write_text(content)
    page, _ = _report(tmp_path, *two)
    noted = _section(page, NOT_SHOWN)
    assert "understood.jsonl: line 2" in noted  # of both runs
    if said:
        assert re.search(rf"b: [^\n]*{re.escape(said)}|{re.escape(said)}", noted)
    assert "0.400 to 0.600" in page


def test_a_run_too_short_to_log_its_training_shows_its_losses_of_validation(two: tuple[Path, Path], tmp_path: Path):
    (two[0] / "config.yaml").write_text("loss: {ar: {weight: 1.0}}")
    (two[0] / "metrics.csv").write_text("step,val/loss,val/ar,val/ar/part,val/evenness\n3,4.5,2.5,1.5,0.5\n")
    page, _ = _report(tmp_path, two[0])
    assert re.findall(r'aria-label="([^"]*)"', _section(page, "Losses")) == ["loss", "ar"]


def test_limits_are_said(two: tuple[Path, Path], tmp_path: Path):
    page, _ = _report(tmp_path, tmp_path / "runs", max_runs=1)
    assert "1 more folders, such as b: increase max_runs=1" in page
    noise = Image.effect_noise((500, 500), 90)
    noise.save(two[0] / "evaluation" / "scores.png")
    assert "1 pictures: increase max_megabytes=0.1" in _report(tmp_path, two[0], max_megabytes=0.1)[0]


def test_unlike_evaluations_are_shown_one_by_one(two: tuple[Path, Path], tmp_path: Path):
    file = two[1] / "evaluation" / "evaluation.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "split": "train"}))
    page, _ = _report(tmp_path, *two)
    assert "split is val and train" in page
    assert page.count("20 questions") == 2


def test_what_cannot_be_a_report_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="no such folder"):
        _report(tmp_path, tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found no run, evaluation or table"):
        _report(tmp_path, tmp_path / "empty")
    with pytest.raises(ConfigError, match=r"section\.samples: prompts=0"):
        SamplesSection(prompts=0)


def test_the_command_takes_sections_by_name(two: tuple[Path, Path], tmp_path: Path):
    words = [str(two[0]), f"out={tmp_path}/page.html", "section=[scores,runs]"]
    page = report(compose("report", SYNTAX.overrides(words))).read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Scores", "Runs"]


def test_curves_are_thinned_and_axes_are_round():
    long = Series("a", [(float(n), float(n % 2)) for n in range(1001)] + [(2000.0, float("nan"))])
    points = long.thinned().points
    assert len(points) <= MOST_POINTS
    assert sum(y for _, y in points) / len(points) == pytest.approx(0.5, abs=0.05)
    assert ticks(0, 1) == [0, pytest.approx(0.2), pytest.approx(0.4), pytest.approx(0.6), pytest.approx(0.8), 1]
    assert all(-3 <= tick <= 7 for tick in ticks(-3, 7))


def test_a_report_without_sections_has_a_title():
    assert "<h1>A &lt; B</h1>" in html_page("A < B", {})
    assert markdown_page("A < B", {}, None) == "# A &lt; B\n"  # type: ignore[arg-type]
