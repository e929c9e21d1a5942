"""`unif2ace-evaluate`: the right network, the right numbers, on the right pictures, written down."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from warm_process import run_warm

from unif2ace.commands.evaluate import SYNTAX, evaluate
from unif2ace.data.shards import Metadata, Sample, ShardReader, ShardWriter, encode_jpeg
from unif2ace.data.shards.fingerprint import index_fingerprint
from unif2ace.engine import compose, instantiate
from unif2ace.engine.resolvers import attribute_groups
from unif2ace.engine.weights import load_net, read_weights, save_weights
from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.evaluation import Evaluation
from unif2ace.metrics.base import StepMetric

NET: dict[str, Any] = {
    "_target_": "unif2ace.nets.tokenizer.patch.PatchNet", "_partial_": True, "channels": [32],
    "encoder_blocks": [1], "decoder_blocks": [1],
    "quantizer": {"_target_": "unif2ace.nets.quantizers.fsq.FSQ", "_partial_": True, "levels": [4, 4]},
}  # fmt: skip
ATTRIBUTES: dict[str, Any] = {
    "_target_": "unif2ace.nets.attributes.AttributesNet", "_partial_": True, "groups": attribute_groups(),
}  # fmt: skip
VAL = 7


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set ``faces``, a tokenizer's run ``run`` that was trained on it, and a classifier alone."""
    root = tmp_path_factory.mktemp("root")
    for split, count in (("train", 5), ("val", VAL)):
        with ShardWriter(root / "faces" / split) as writer:
            for number in range(count):
                pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
                record = {"smile": bool(number % 2), "hat": number % 3 == 0}
                metadata = Metadata("a", "CC0-1.0", attributes=record)
                writer.write(Sample(f"{split}-{number}", encode_jpeg(pixels), "jpg", metadata))
    torch.manual_seed(0)
    save_weights(root / "run" / "weights.safetensors", instantiate(NET)(), kind="tokenizer", config=NET)
    dataset = {"a": {"_target_": "unif2ace.data.datasets.shards.ShardDataset", "folder": str(root / "faces")}}
    (root / "run" / "config.yaml").write_text(OmegaConf.to_yaml({"dataset": dataset}))
    net = instantiate(ATTRIBUTES)()
    save_weights(root / "classifier.safetensors", net, kind="attributes", config=ATTRIBUTES)
    return root


def _evaluate(ckpt: Path, *words: str) -> dict[str, float | None]:
    return evaluate(
        compose("evaluate", SYNTAX.overrides([str(ckpt), "callbacks=none", "trainer.accelerator=cpu", *words]))
    )


def test_the_values_are_those_of_the_network_on_the_split_it_names(root: Path, tmp_path: Path, capsys):
    values = _evaluate(root / "run", "metric=[psnr]", f"out={tmp_path}/new", "task.image.batch_size=3")
    reader = ShardReader(root / "faces" / "val")
    pixels = torch.from_numpy(np.stack([reader.image(i) for i in range(VAL)])).permute(0, 3, 1, 2)
    net: Any = load_net(root / "run", "tokenizer")
    back = net.decode(net.encode(pixels))
    errors = ((pixels.double() - back.double()) ** 2).mean((1, 2, 3))
    wanted = float((10 * torch.log10(255**2 / errors)).mean())
    assert values["psnr"] == pytest.approx(wanted, abs=2e-3)

    written = json.loads((tmp_path / "new" / "evaluation.json").read_text())
    assert written["values"] == values
    assert (written["pictures"], written["split"]) == (VAL, "val")  # 7 rows in batches of 3: fillers do not count
    assert written["weights"]["fingerprint"] == read_weights(root / "run").fingerprint
    assert written["data"]["a"]["val"] == {"samples": VAL, "fingerprint": index_fingerprint(reader.index)}
    assert str(root) not in (tmp_path / "new" / "evaluation.json").read_text()
    said = capsys.readouterr().out
    assert f"{VAL} pictures of {root / 'faces'}/val".replace("\n", "") in said.replace("\n", "")
    assert f"{values['psnr']:.4g}" in said


def test_fewer_pictures_are_counted_as_fewer(root: Path, tmp_path: Path):
    _evaluate(root / "run", "metric=[psnr]", f"out={tmp_path}", "data.max_eval_samples=4", "task.image.batch_size=3")
    assert json.loads((tmp_path / "evaluation.json").read_text())["pictures"] == 4


def test_a_tokenizer_is_measured_in_all_ways_and_shown_beside_its_pictures(root: Path):
    words = ["trainer.accelerator=cpu", "callbacks=[]"]
    values = evaluate(compose("evaluate", SYNTAX.overrides([str(root / "run"), *words])))
    assert {"psnr", "ssim", "frechet", "codebook_use"} <= values.keys()
    out = root / "run" / "evaluation"
    assert (out / "evaluation.json").is_file()
    assert (out / "reconstructions.png").is_file()
    assert json.loads((out / "evaluation.json").read_text())["metrics"]["frechet"]


def test_a_classifier_is_measured_by_its_attributes(root: Path, tmp_path: Path):
    folder = ["dataset=shards", f"dataset.shards.folder={root / 'faces'}"]
    values = _evaluate(root / "classifier.safetensors", f"out={tmp_path}", *folder)
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written["weights"]["kind"] == "attributes"
    assert written["values"] == values
    assert values


def test_the_weights_say_which_kind_of_network_is_measured(root: Path):
    run, classifier = str(root / "run"), str(root / "classifier.safetensors")
    assert SYNTAX.overrides([run]) == ["kind=tokenizer", f"ckpt='{run}'"]
    assert SYNTAX.overrides([f"ckpt='{run}'", "seed=1"]) == [f"ckpt='{run}'", "seed=1", "kind=tokenizer"]
    assert SYNTAX.overrides([classifier, "seed=1"]) == ["seed=1", "kind=attributes", f"ckpt='{classifier}'"]
    assert SYNTAX.overrides([run, "kind=attributes"])[0] == "kind=attributes"
    assert SYNTAX.overrides(["--cfg", "job"]) == ["--cfg", "job"]
    with pytest.raises(ConfigError, match="unif2ace-evaluate needs a ckpt"):
        SYNTAX.overrides(["seed=1"])
    with pytest.raises(ConfigError, match=r"kind 'tokenizer'; give weights of kind 'attributes'"):
        evaluate(compose("evaluate", [f"ckpt={run}", "kind=attributes", "metric=[psnr]"]))


def test_data_must_be_named_where_no_run_names_it(root: Path, tmp_path: Path):
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((root / "run" / "weights.safetensors").read_bytes())
    with pytest.raises(ConfigError, match="give the data set to evaluate on"):
        _evaluate(alone, "metric=[psnr]")
    with pytest.raises(DataError, match=r"the folder .*nowhere does not exist"):
        _evaluate(alone, "metric=[psnr]", "dataset=shards", "dataset.shards.folder=nowhere", f"out={tmp_path}")
    folder = f"dataset.shards.folder={root / 'faces' / 'train'}"
    with pytest.raises(ConfigError, match="has no 'val' split"):
        _evaluate(alone, "metric=[psnr]", "dataset=shards", folder, f"out={tmp_path}")


class _Drawn(StepMetric):
    def update(self, step: Any) -> None: ...

    def compute(self) -> dict[str, Tensor]:
        return {"good": torch.tensor(0.5), "bad": torch.tensor(math.nan)}

    def describe(self) -> dict[str, str]:
        return {"good": "by hand"}

    def table(self) -> str:
        return "a finer table"

    def plot(self, path: Path) -> None:
        path.write_text("drawn")


def test_tables_and_pictures_of_metrics_are_shown_and_written(root: Path, tmp_path: Path, capsys):
    from rich.console import Console

    found = Evaluation(read_weights(root / "run"), tmp_path)
    found._take("drawn", _Drawn(), writes=True)
    assert found.values == {"good": 0.5, "bad": None}
    assert (tmp_path / "drawn.png").read_text() == "drawn"
    found.show(Console(width=100), "nothing")
    said = capsys.readouterr().out
    for text in ("a finer table", "by hand", "0.5", "not finite"):
        assert text in said
    assert json.loads(found.write({}).read_text())["values"]["bad"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "unif2ace-evaluate needs a ckpt"),
        (("nowhere",), "no weights at nowhere"),
        (("faces",), "has no weights.safetensors"),
        (("run", "metrik=[psnr]"), "'metrik'"),
        (("run", "metric=[psnrr]"), "no metric 'psnrr' (did you mean 'psnr'"),
        (("run", "kind=attribute"), "no kind 'attribute' (did you mean 'attributes'"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else None,
)
def test_a_fault_is_told_in_one_message_without_a_traceback(words: tuple[str, ...], message: str, root: Path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("UNIF2ACE", "HYDRA"))}
    command = ["-m", "unif2ace.commands.evaluate", *words]
    done = run_warm(command, cwd=root, env=environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("agreement", "metric=agreement scores outputs, not a validation pass"),
        ("attributes", "metric=attributes applies to networks of kind attributes, not to kind tokenizer"),
        ("nelbo", "metric=nelbo applies to networks of kind unified, not to kind tokenizer"),
    ],
)
def test_a_metric_that_cannot_apply_says_why_before_any_work(root: Path, tmp_path: Path, metric: str, why: str):
    with pytest.raises(ConfigError, match=f"^{why}"):
        _evaluate(root / "run", f"metric=[{metric}]", f"out={tmp_path}/unlike")
