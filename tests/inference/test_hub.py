"""A release goes to a hub and comes back the same; nothing else of a repository is downloaded or believed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi, constants
from PIL import Image
from stub_hub import StubHub, stub_hub
from tiny_release import make_run

import unif2ace
from unif2ace.commands import data, data_sharing, release
from unif2ace.data.shards import ShardReader
from unif2ace.engine import compose
from unif2ace.engine.weights import read_weights, save_weights
from unif2ace.errors import ConfigError, DataError
from unif2ace.inference.front_matter import front_matter
from unif2ace.inference.hub import hub_name

NAME = "ada/faces"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StubHub]:
    with stub_hub() as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.endpoint)
        template = found.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)  # made of ENDPOINT at the import
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", "secret")
        monkeypatch.chdir(tmp_path)
        yield found


def _push(run: Path, *words: str) -> Path:
    return release.release(compose("release", [f"ckpt={run}", "folder=out", "license=CC-BY-4.0", *words]))


def test_a_release_that_was_pushed_gives_the_same_pictures(run: Path, hub: StubHub, capsys):
    hub.token = "secret"
    folder = _push(run, f"push={NAME}")
    assert f"{hub.endpoint}/{NAME}/commit/" in capsys.readouterr().out
    assert hub.private == {f"models/{NAME}": True}
    sha, files = hub.files(f"models/{NAME}")
    assert {*files} == {
        *("README.md", "LICENSE", "config.json", "tokenizer.json"),
        *("unified.safetensors", "tokenizer.safetensors", "attributes.safetensors"),
    }
    hub.commit(f"models/{NAME}", {"pytorch_model.bin": b"pickle", "evil.ckpt": b"pickle", "run.py": b"1/0"})
    pipe, local = unif2ace.load(NAME, device="cpu"), unif2ace.load(folder, device="cpu")
    made = pipe("Yes.", num_images=2, num_inference_steps=2)
    assert np.array_equal(made.numpy(), local("Yes.", num_images=2, num_inference_steps=2).numpy())
    assert {*hub.served} == {*files}  # of the later commit, whatever else it holds
    for again in (unif2ace.load(NAME, revision=sha), unif2ace.load(f"{NAME}@{sha}")):
        assert again.model.fingerprint == pipe.model.fingerprint


def _environment(folder: Path) -> Path:
    """A new environment with this package from its wheel and, for all else, the packages of this one; its Python."""
    tree = Path(__file__).parents[2]
    for name in ("src", "configs"):
        shutil.copytree(tree / name, folder / "tree" / name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(tree / name, folder / "tree")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(folder / "tree")]
    subprocess.run(build, check=True, capture_output=True)
    venv.create(folder / "env")
    packages = next((folder / "env" / "lib").glob("python3*/site-packages"))
    shared = [place for place in sys.path if place.endswith("site-packages")]  # a .pth file in them is not read
    packages.joinpath("shared.pth").write_text("\n".join(shared), encoding="utf-8")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:  # it is pure Python
        wheel.extractall(packages)
    return folder / "env" / "bin" / "python"


@pytest.mark.slow
def test_a_wheel_in_another_environment_loads_the_release(run: Path, hub: StubHub, tmp_path: Path):
    folder = _push(run, f"push={NAME}")
    code = f"""
import unif2ace
pipe = unif2ace.load({NAME!r}, device="cpu")
pipe("Yes.", num_images=2, num_inference_steps=2).images[1].save("wheel.png")
print(unif2ace.__file__)
"""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    environment["HF_HUB_OFFLINE"] = "0"  # the tests' own is 1
    words = [str(_environment(tmp_path / "wheel")), "-c", code]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "wheel" / "env") in done.stdout
    here = unif2ace.load(folder, device="cpu")("Yes.", num_images=2, num_inference_steps=2).images[1]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "wheel.png")), np.asarray(here))


def test_the_card_is_what_a_hub_expects(run: Path, hub: StubHub):
    folder = _push(run)
    found = front_matter(folder / "README.md")
    assert (found["license"], found["library_name"], found["pipeline_tag"]) == (
        "cc-by-4.0",
        "unif2ace",
        "text-to-image",
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert {k: one["fingerprint"] for k, one in config["parts"].items()} == found["unif2ace"]["fingerprints"]
    assert config["model_type"] == "unif2ace"
    assert "SPDX-License-Identifier: CC-BY-4.0" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert 'pipe = unif2ace.load("out")' in (folder / "README.md").read_text(encoding="utf-8")
    other = front_matter(_push(run, "license=as the data: mine") / "README.md")
    assert (other["license"], other["license_name"], other["license_link"]) == ("other", "as the data: mine", "LICENSE")


def test_weights_that_are_not_those_of_the_card_are_refused(run: Path, hub: StubHub):
    folder = _push(run, f"push={NAME}")
    weights = read_weights(folder, "unified")
    state = {name: value + 1 if value.is_floating_point() else value for name, value in weights.state.items()}
    save_weights("changed.safetensors", state, kind="unified", config=weights.config, provenance=weights.header)
    changed = Path("changed.safetensors").read_bytes()
    hub.commit(f"models/{NAME}", {"unified.safetensors": changed})
    with pytest.raises(DataError, match=r"unified\.safetensors has the .*, but README\.md in its folder says"):
        unif2ace.load(NAME)
    hub.commit("models/ada/bare", {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".md"})
    with pytest.raises(DataError, match=r"no README\.md with the fingerprints"):
        unif2ace.load("ada/bare")
    (folder / "unified.safetensors").write_bytes(changed)
    with pytest.raises(DataError, match=r"README\.md in its folder says"):
        unif2ace.load(folder)


def test_what_a_hub_refuses_is_named_with_the_remedy(run: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(DataError, match=r"ada/faces is neither a local folder nor a repository"):
        unif2ace.load(NAME)
    _push(run, f"push={NAME}")
    with pytest.raises(DataError, match=r"ada/faces@v9: the hub has ada/faces, but not the revision v9"):
        unif2ace.load(NAME, revision="v9")
    hub.token = "another"
    with pytest.raises(ConfigError, match="hf auth login"):
        _push(run, f"push={NAME}")
    with pytest.raises(ConfigError, match="push=faces is not the name of a repository on the hub"):
        _push(run, "push=faces")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    calls = (lambda: unif2ace.load("ada/new"), lambda: _push(run, "push=ada/new"))
    for call in calls:
        with pytest.raises(DataError, match="HF_ENDPOINT"):
            call()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for call in calls:
        with pytest.raises(DataError, match=r"HF_HUB_OFFLINE blocks access to the hub.* set HF_HUB_OFFLINE=0"):
            call()


def test_a_data_set_is_pushed_with_its_card(hub: StubHub, tmp_path: Path):
    source = {"source.size": 32, "source.num_samples": 6, "validation": 0.4, "folder": tmp_path / "faces"}
    data.build(compose("build", [f"{key}={value}" for key, value in source.items()]))
    (tmp_path / "faces" / ".cache").mkdir(exist_ok=True)
    (tmp_path / "faces" / ".cache" / "words.tar").write_bytes(b"x")
    (tmp_path / "faces" / "README.md").unlink()
    address = data_sharing.push(compose("push", [f"folder={tmp_path}/faces", "name=ada/shards", "private=false"]))
    assert address.startswith(f"{hub.endpoint}/datasets/ada/shards/commit/")
    assert hub.private == {"datasets/ada/shards": False}
    _, files = hub.files("datasets/ada/shards")
    assert {"README.md", "card.png", "train/index.json", "train/index.npy", "train/shard-000000.tar"} <= {*files}
    assert not [name for name in files if name.startswith(".") or "/." in name]
    whole = Path(HfApi().snapshot_download("ada/shards", repo_type="dataset", local_dir=tmp_path / "back"))
    back, reader = ShardReader(whole / "train"), ShardReader(tmp_path / "faces" / "train")
    assert [back.key(i) for i in range(len(back))] == [reader.key(i) for i in range(len(reader))]
    with pytest.raises(ConfigError, match="name=shards is not the name of a repository"):
        data_sharing.push(compose("push", [f"folder={tmp_path}/faces", "name=shards"]))


def test_a_path_of_this_machine_is_never_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs" / "run").mkdir(parents=True)
    assert hub_name("logs/run") is None
    assert hub_name("logs/rnu") is None
    assert hub_name("builtin") is None
    assert hub_name("nowhere/weights.safetensors") is None
    assert hub_name(tmp_path / "elsewhere") is None
    assert hub_name("../owner/name") is None
    assert hub_name("ada/faces@v1") == ("ada/faces", "v1")
    assert hub_name("logs/faces", "v1") == ("logs/faces", "v1")
    for path, revision, why in (
        ("logs/run", "v1", "is a local path"),
        ("builtin", "v1", "is not a name on the hub"),
    ):
        with pytest.raises(ConfigError, match=f"revision=v1 has no effect: {path} {why}"):
            hub_name(path, revision)
    with pytest.raises(ConfigError, match="give only one of them"):
        hub_name("ada/faces@v1", "v2")
