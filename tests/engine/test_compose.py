"""Composing works from anywhere, and what is mistyped is named with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unif2ace.engine import compose
from unif2ace.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("source.siz=64", "no key 'source.siz' (did you mean 'size'"),
        ("sede=1", "no key 'sede' (did you mean 'seed'"),
        ("source=synthetik", "no source 'synthetik' (did you mean 'synthetic'"),
        ("experiment=nope", "no experiment 'nope'"),
        ("sampler=maskgit", "this command has no group 'sampler'"),
        ("source.size", "'source.size' has no value: give `source.size=...`"),
        ("SEED=1", "no key 'SEED' (did you mean 'seed'"),
        ("source.num_samples=é", "this value needs quotes: `'source.num_samples=\"é\"'`"),
    ],
)
def test_a_mistyped_override_names_the_mend(override: str, message: str):
    with pytest.raises(ConfigError) as caught:
        compose("build", [override])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("command", "override", "message"),
    [
        ("train", "+foo=1", "+foo adds a key that nothing reads"),
        ("train", "+max_nonfinte_steps=3", "did you mean 'max_nonfinite_steps'"),
        ("train", "+trainer.benchmrk=true", "+trainer.benchmrk adds a key that nothing reads"),
        ("train", "+loss.attributes.zzz=1", "+loss.attributes.zzz adds a key that nothing reads"),
        ("generate", "+sampler.foo=1", "+sampler.foo adds a key that nothing reads"),
        ("evaluate", "+scores.sampls=3", "did you mean 'scores.samples'"),
    ],
)
def test_an_added_key_that_nothing_reads_is_refused(command: str, override: str, message: str):
    with pytest.raises(ConfigError) as caught:
        compose(command, ["kind=unified", override] if command == "evaluate" else [override])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "override", ["+trainer.benchmark=true", "++seed=3", "+callbacks.mine={_target_: torch.nn.Identity}"]
)
def test_an_added_key_may_be_an_argument_a_component_or_one_that_exists(override: str):
    assert compose("train", [override])


def test_paths_hang_on_the_current_folder_or_on_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("UNIF2ACE_ROOT", raising=False)
    monkeypatch.delenv("UNIF2ACE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert compose("build").folder == str(tmp_path / "data" / "faces")
    monkeypatch.setenv("UNIF2ACE_ROOT", "/somewhere")
    assert compose("build").paths.logs == "/somewhere/logs"


def _experiment(folder: Path, text: str) -> Path:
    (folder / "experiment").mkdir()
    (folder / "experiment" / "mine.yaml").write_text("# @package _global_\n" + text)
    return folder


def test_an_experiment_of_ones_own_is_found_and_checked(tmp_path: Path):
    folder = _experiment(tmp_path, "source: {num_samples: 7}\n")
    assert compose("build", ["experiment=mine"], folder).source.num_samples == 7
    assert compose("build", ["experiment=mine", "source.num_samples=8"], folder).source.num_samples == 8


@pytest.mark.parametrize(("text", "key"), [("sede: 1\n", "'sede'"), ("paths: {rot: x}\n", r"'paths\.rot'")])
def test_a_mistyped_key_in_an_experiment_is_refused(text: str, key: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=rf"experiment 'mine' sets {key}, which nothing reads .did you mean"):
        compose("build", ["experiment=mine"], _experiment(tmp_path, text))


def test_an_experiment_may_add_a_component_of_its_own(tmp_path: Path):
    folder = _experiment(tmp_path, "mine: {_target_: torch.nn.Identity}\n")
    assert compose("build", ["experiment=mine"], folder).mine._target_ == "torch.nn.Identity"


def test_a_value_of_a_slot_that_the_experiment_selects_may_be_typed(tmp_path: Path):
    text = "defaults: [{override /loss: [reconstruction]}, {override /module: tokenizer}, {override /net: patch}]\n"
    folder = _experiment(tmp_path, text)
    config = compose("train", ["experiment=mine", "loss.reconstruction.l2=3", "+trainer.benchmark=true"], folder)
    assert config.loss.reconstruction.l2 == 3
    assert config.trainer.benchmark


@pytest.mark.parametrize(
    ("words", "left_out", "kept"),
    [
        (["task=[understanding]"], ["task.text_to_image"], ["task.understanding.batch_size"]),
        (["loss=[mdlm,ar]"], ["loss.d3diff"], ["loss.ar.weight", "loss.mdlm.weight"]),
        (["loss=mdlm"], ["loss.ar", "loss.d3diff"], ["loss.mdlm"]),
        (
            ["moe=dense"],
            ["moe.num_experts", "moe.top_k", "moe.expert_ffn_dim", "moe.und_experts"],
            ["moe.shared_ffn_dim"],
        ),
        (["moe=token"], ["moe.und_experts"], ["moe.top_k"]),
        (["moe=dense", "moe.top_k=3"], ["moe.num_experts", "moe.expert_ffn_dim", "moe.und_experts"], ["moe.top_k"]),
    ],
)
def test_what_an_experiment_says_of_another_choice_is_left_out_and_told(words, left_out, kept, caplog):
    with caplog.at_level("WARNING"):
        config = compose("train", ["experiment=unified/synthetic", *words])
    for key in left_out:
        assert OmegaConf.select(config, key) is None
        assert key in caplog.text
    assert bool(left_out) == ("replaces the choice of" in caplog.text)
    for key in kept:
        assert OmegaConf.select(config, key) is not None


def test_a_value_of_what_is_not_selected_names_both_mends():
    for words in (["loss.d3diff.score_weight=0"], ["experiment=unified/synthetic", "loss.d3diff.score_weight=0"]):
        with pytest.raises(ConfigError, match=r"such as `loss=\[d3diff,\.\.\.\]`, or remove `loss\.d3diff\.\*`"):
            compose("train", [*words, "loss=[mdlm,ar]"])


@pytest.mark.parametrize("group", ["dataset", "task", "visual_encoder", "metric", "loss", "callbacks", "logger"])
def test_a_group_of_several_may_be_empty(group: str):
    config = compose("train", ["experiment=unified/synthetic", f"{group}=[]"])
    assert config[group] == {}
    OmegaConf.resolve(config)
