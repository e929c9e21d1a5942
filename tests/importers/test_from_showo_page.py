"""The page, the script and its small run: the same commands, each of which can be composed and planned."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig
from stand_in import ROOT, imported, imported_showo, write_stand_in

from unif2ace.commands.train import COMMAND
from unif2ace.engine import compose
from unif2ace.engine.weights import read_weights
from unif2ace.planning.plan import make_plan
from unif2ace.planning.subject import subject

SCRIPT, PAGE = ROOT / "scripts" / "from_showo.sh", ROOT / "docs" / "tutorials" / "from_showo.md"
SMALL = """image_size=64 net.dim=64 net.depth=1 net.heads=4 moe.shared_ffn_dim=128 moe.expert_ffn_dim=64
data.max_text_tokens=16 visual_encoder.open_clip.dim=8 visual_encoder.identity.dim=8""".split()  # noqa: SIM905


def _printed(*options: str) -> list[list[str]]:
    done = subprocess.run(["bash", SCRIPT, "--print", *options], capture_output=True, text=True, check=True)
    return [shlex.split(line) for line in done.stdout.splitlines()]


def _on_page() -> list[list[str]]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [shlex.split(line) for line in lines]


def _training(commands: list[list[str]]) -> list[list[str]]:
    return [words for words in commands if "experiment=unified/from_showo" in words]


def test_the_script_runs_the_commands_of_the_page():
    page, one, many = _on_page(), _printed(), _printed("--nodes")
    assert [words for words in one if words not in page] == []
    assert [words for words in many if words not in page] == []
    assert [words for words in page if words not in [*one, *many] and words[1] != "export"] == []
    assert [words[0] for words in _printed("--tiny")[1:]] == [words[0] for words in one]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = write_stand_in(tmp_path_factory.mktemp("root") / "pretrained")
    imported("magvit", place / "magvitv2", place / "magvit")
    return imported_showo(place, place / "showo")


def _composed(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DictConfig, int]:
    """A training of the page on a narrow network, and its number of ranks."""
    monkeypatch.setenv("UNIF2ACE_ROOT", str(folder.parents[1]))
    _, *words = _training(_on_page())[number]
    config = compose("train", COMMAND.syntax.overrides([*words, *SMALL]))
    return config, config.trainer.devices * config.trainer.num_nodes


@pytest.mark.parametrize("number", range(4))
def test_every_training_of_the_page_can_be_built_and_dealt_to_its_gpus(
    number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    config, ranks = _composed(number, folder, monkeypatch)
    assert ranks == (8 if number < 2 else 64)
    made = subject(config)
    assert not [note for note in made.notes if "no text tokenizer" in note or "no image tokenizer" in note]
    batch = made.batch(ranks * config.trainer.accumulate_grad_batches)
    assert len(batch) == {8: 24, 64: 12}[ranks]
    read = set(read_weights(folder, "unified").state) & set(made.module.net.state_dict())
    assert {"embedding.weight", "head.weight", "blocks.0.attention.qkv.weight"} <= read


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_every_training_of_the_page_is_planned(number: int, folder: Path, monkeypatch: pytest.MonkeyPatch):
    config, ranks = _composed(number, folder, monkeypatch)
    assert [one.ranks for one in make_plan(config).ranks] == [ranks]


@pytest.mark.slow
def test_all_steps_run_on_a_stand_in(tmp_path: Path):
    commands = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": commands, "UNIF2ACE_ROOT": str(tmp_path)}
    subprocess.run(["bash", SCRIPT, "--tiny"], cwd=tmp_path, env=environment, check=True, timeout=1200)
    assert (tmp_path / "unif2ace-faces" / "unified.safetensors").is_file()
    assert (tmp_path / "logs" / "stage2" / "evaluation" / "evaluation.json").is_file()
