"""Every table can be read at every size; an error names the row that is wrong."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.errors import ConfigError
from unif2ace.tables.definition import define
from unif2ace.tables.running import commands

ROOT = Path(__file__).parents[2] / "configs"
TABLES = sorted(file.stem for file in (ROOT / "table").glob("*.yaml"))
SIZES = ("smoke", "small", "paper")


@cache
def _composed(table: str) -> Any:
    return OmegaConf.to_container(compose("table", [f"table={table}"]), resolve=True)


def _tree(table: str, **changes: Any) -> Any:
    return copy.deepcopy(_composed(table)) | changes


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_defined_at_every_size(table: str):
    for size in SIZES:
        found = define(_tree(table, size=size))
        names = [row.name for row in found.rows]
        assert not found.baseline or found.baseline in names
        assert len(names) == len(set(names))
        assert all(value.meaning for value in found.values)
        assert all(set(row.paper) <= {value.name for value in found.paper.values} for row in found.rows)
        trained = [row for row in found.rows if row.kind == "trained"]
        assert len(found.cells()) == len(trained) * len(found.size.seeds) + len(names) - len(trained)
        assert size != "smoke" or (len(names) <= 3 and len(found.size.seeds) == 1 and "smoke" in found.size.note)


def test_the_rows_are_those_of_the_paper():
    names = {table: [row.name for row in define(_tree(table, size="small")).rows] for table in ("table3", "table4")}
    assert names["table3"] == [
        "mask_only", "score_only", "alpha_1e-1", "alpha_1e-2", "alpha_1e-3", "mdlm", "sedd", "radd",
    ]  # fmt: skip
    assert names["table4"][:4] == ["dense", "token", "sequence", "grouped"]


def test_cells_share_everything_but_their_row_and_seed():
    found = define(_tree("table3", size="small", seeds=[3, 4]))
    lines = {cell.title: commands(found, cell, "") for cell in found.cells()}
    one, other = lines["mask_only seed 3"], lines["mdlm seed 4"]
    assert set(one[0]) - set(other[0]) == {
        "loss.d3diff.score_weight=0", f"run_dir={found.out}/cells/mask_only/seed=3", "seed=3",
    }  # fmt: skip
    assert [word for word in one[1] if word not in other[1]] == [
        f"ckpt={found.out}/cells/mask_only/seed=3", f"out={found.out}/cells/mask_only/seed=3/evaluation",
    ]  # fmt: skip
    assert "resume=auto" in one[0]


def test_weights_and_outputs_that_are_given_are_rows_of_any_table():
    found = define(_tree("table1", ckpts=["logs/a"], outputs=["theirs/b"]))
    kinds = {row.name: row.kind for row in found.rows}
    assert kinds["logs_a"] == "checkpoint"
    assert kinds["theirs_b"] == "outputs"
    last = commands(found, found.cells()[-1], "")
    assert [line[:2] for line in last] == [["unif2ace-evaluate", "outputs=theirs/b"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": ["densely"]}, "rows: there is no 'densely' .did you mean 'dense'"),
        ({"size": "large"}, "size: there is no 'large'; .*smoke, small, paper"),
        ({"seeds": [-1]}, r"seeds=\[-1\]"),
        ({"ckpts": ["a", "a"]}, "two rows have the name a"),
    ],
)
def test_what_a_person_types_wrongly_is_named(changes: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        define(_tree("table4", **changes))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"override": ["moe=dense"]}, r"table.rows.mine.override: .*'overrides'"),
        ({"ckpt": "a", "outputs": "b"}, "give only one of"),
        ({"match": {"to": "nobody", "key": "k"}}, "there is no 'nobody'"),
    ],
)
def test_a_wrong_row_is_named(row: dict[str, Any], message: str):
    tree = _tree("table4", size="small")
    tree["table"]["rows"]["mine"] = row
    with pytest.raises(ConfigError, match=message):
        define(tree)


def _composes(table: str, size: str, names: set[str]) -> None:
    found = define(_tree(table, size=size))
    for cell in found.cells()[: len(found.rows)]:
        if names and cell.row.name not in names:
            continue
        for app, *words in commands(found, cell, "moe.shared_ffn_dim=64" if cell.row.match else ""):
            kind = ["kind=unified"] * (app == "unif2ace-evaluate")
            compose(app.removeprefix("unif2ace-"), [*words, *kind])


def test_a_row_composes_with_the_settings_that_all_rows_share():
    _composes("table4", "small", {"dense"})


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("table", TABLES)
def test_every_row_composes(table: str, size: str):
    _composes(table, size, set())
