"""The width of a row without experts is set so that its work per step is that of the row with experts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.errors import ConfigError
from unif2ace.tables.definition import Match, Row, define
from unif2ace.tables.matching import TOLERANCE, Work, plan_work, row_work

DENSE = Row("dense", "dense", ("moe=dense",), match=Match("grouped", "width"))


def _linear(slope: int) -> Any:
    def plan(overrides: Sequence[str]) -> Work:
        width = next((int(word.partition("=")[2]) for word in overrides if word.startswith("width=")), 384)
        return Work(1_000_000 + slope * width, width, width)

    return plan


@pytest.mark.parametrize("goal", [1_000, 333, 5_001])
def test_the_work_is_met(goal: int):
    found = row_work(DENSE, [], lambda: Work(1_000_000 + 3_000 * goal, 0, 0), _linear(3_000))
    assert abs(int(found.width.removeprefix("width=")) - goal) <= 2
    assert found.flops == pytest.approx(1_000_000 + 3_000 * goal, rel=TOLERANCE)


def test_a_row_without_a_match_is_left_as_it_is():
    assert row_work(Row("a", "a"), [], pytest.fail, _linear(1)) == Work(1_000_384, 384, 384)


@pytest.mark.parametrize(("slope", "goal", "message"), [(0, 9, "do not depend on"), (3_000, 10, "give another key")])
def test_work_that_cannot_be_met_is_an_error(slope: int, goal: int, message: str):
    with pytest.raises(ConfigError, match=message):
        row_work(DENSE, [], lambda: Work(goal, 0, 0), _linear(slope))


@pytest.mark.slow  # four plans, a few seconds each
def test_the_dense_row_of_table_4_takes_the_work_of_the_grouped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))
    tree: Any = OmegaConf.to_container(compose("table", ["table=table4"]), resolve=True)
    found = define(copy.deepcopy(tree))
    rows = {row.name: row for row in found.rows}
    shared = list(found.size.train)
    goal = plan_work([*shared, *rows["grouped"].overrides])
    dense = row_work(rows["dense"], shared, lambda: goal)
    assert dense.flops == pytest.approx(goal.flops, rel=TOLERANCE)
    assert dense.active > 0
