"""Commands as a person types them: help without torch, faults in one line, results where they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from warm_process import run_warm

from unif2ace.commands.data import VERBS
from unif2ace.engine.command import WAITING


def run(module: str, *words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("UNIF2ACE_ROOT", "UNIF2ACE_DATA", "HYDRA_FULL_ERROR")
    }
    return run_warm(["-m", f"unif2ace.commands.{module}", *words], cwd=cwd, env=environment | env)


def test_a_command_without_a_verb_lists_them(tmp_path: Path):
    done = run("data", "--help", cwd=tmp_path)
    assert done.returncode == 0
    for verb in VERBS:
        assert verb in done.stdout
    assert run("data", cwd=tmp_path).returncode == 2


SHOWN = [
    ("data", "build", "--help"),
    ("data", "build", "--cfg", "job"),
    ("quickstart", "--help"),
    ("train", "--help"),
    ("train", "--cfg", "job"),
    # torch is asked which precision the machine computes fast, and nothing else
    ("train", "experiment=unified/synthetic", "trainer.precision=32-true", "--cfg", "job", "--resolve"),
]


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_help_and_configuration_are_shown_without_importing_torch(words: tuple[str, ...], tmp_path: Path):
    module, *rest = words
    code = (
        f"import sys; sys.argv = ['unif2ace-{module}', *{rest!r}]\n"
        f"from unif2ace.commands.{module} import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules and 'lightning' not in sys.modules\n"
        "assert '--help' not in sys.argv or 'unif2ace.data.shards' not in sys.modules, 'half a second'\n"
        "import os; assert os.environ['GOMP_SPINCOUNT'], 'OpenMP reads it when torch is imported'"
    )
    environment = {name: value for name, value in os.environ.items() if name not in WAITING}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "paths" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("biuld",), "no verb 'biuld' (did you mean 'build'"),
        (("validate",), "needs a folder"),
        (("import",), "needs a source"),
        (("build", "sede=1"), "no key 'sede' (did you mean 'seed'"),
        (("build", "source.size=20"), "size=20: faces are rendered at 32 to 512 pixels"),
        (("build", "source.num_samples=many"), "many"),
        (("import", "foldr"), "no source 'foldr' (did you mean 'folder'"),
        (("import", "folder"), "source.path"),
        (("validate", "nowhere"), "the folder nowhere does not exist"),
        (("stats", "."), "holds no shards"),
        (("index", "."), "holds no shards (*.tar)"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else None,
)
def test_a_fault_is_told_in_one_message_without_a_traceback(words: tuple[str, ...], message: str, tmp_path: Path):
    done = run("data", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


def test_the_data_commands_work_one_after_the_other_from_any_folder(tmp_path: Path):
    done = run(
        "data",
        "build",
        "source.num_samples=40",
        "source.size=32",
        "validation=0.3",
        "workers=1",
        "vocab_size=300",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    train = tmp_path / "data" / "faces" / "train"
    assert "shard-000000.tar" in {p.name for p in train.iterdir()}
    assert run("data", "validate", str(train), "report=report.json", cwd=tmp_path).returncode == 0
    assert (tmp_path / "report.json").is_file()
    assert run("data", "stats", str(train), "out=stats", cwd=tmp_path).returncode == 0
    assert {p.name for p in (tmp_path / "stats").iterdir()} == {"statistics.json", "statistics.png"}
    assert run("data", "preview", str(train), "count=6", "columns=3", cwd=tmp_path).returncode == 0
    assert {p.name for p in (tmp_path / "logs" / "preview").iterdir()} == {"faces.png", "text.png"}
    shard = train / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-3000])
    broken = run("data", "validate", str(train), cwd=tmp_path)
    assert broken.returncode == 1
    assert "shard-000000.tar" in broken.stdout + broken.stderr
    assert "has the faults listed above" in broken.stderr


@pytest.mark.parametrize("given", [[], ["run_dir=here/mine"]])
def test_training_leaves_its_configuration_beside_its_results(tmp_path: Path, given: list[str]):
    faces = [f"dataset.synthetic.{key}" for key in ("num_samples=60", "size=32", "workers=1")]
    short = ["trainer.max_steps=3", "trainer.log_every_n_steps=1", "data.steps_per_epoch=3", "task.image.batch_size=4"]
    words = ["experiment=attributes/synthetic", "logger=csv", *faces, *short, *given]
    done = run("train", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / ("here" if given else "logs/attributes_synthetic")).iterdir()
    assert not given or not (tmp_path / "logs").exists()
    names = {p.name for p in folder.iterdir()}
    assert {"config.yaml", "environment.json", "metrics.csv", "checkpoints", "train.log", ".hydra"} <= names
    assert "val/f1" in (folder / "metrics.csv").read_text()
