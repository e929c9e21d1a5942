"""Files of weights: every form is read alike, and a wrong one is named with what it lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from stand_in import imported, imported_showo, write_stand_in

from unif2ace.engine.weights import read_weights
from unif2ace.errors import ConfigError, DataError
from unif2ace.importers.source import read_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = write_stand_in(tmp_path_factory.mktemp("pretrained"))
    imported("magvit", place / "magvitv2", place / "magvit")
    return place


@pytest.fixture
def state(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "show-o" / "model.safetensors")


def _sharded(state, place: Path, ending: str) -> None:
    parts = {f"part-{number}{ending}": dict(list(state.items())[number::2]) for number in range(2)}
    for name, part in parts.items():
        save_file(part, place / name) if ending == ".safetensors" else torch.save(part, place / name)
    names = {name: file for file, part in parts.items() for name in part}
    stem = "model" if ending == ".safetensors" else "pytorch_model"
    (place / f"{stem}{ending}.index.json").write_text(json.dumps({"weight_map": names}))


FORMS = {
    "safetensors": lambda state, place: save_file(state, place / "model.safetensors"),
    "bin": lambda state, place: torch.save(state, place / "pytorch_model.bin"),
    "nested": lambda state, place: torch.save({"state_dict": state, "step": 3}, place / "other.pt"),
    "wrapped": lambda state, place: torch.save({f"module.{k}": v for k, v in state.items()}, place / "other.pth"),
    "sharded": lambda state, place: _sharded(state, place, ".safetensors"),
    "sharded bin": lambda state, place: _sharded(state, place, ".bin"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_alike(form: str, state, tmp_path: Path):
    FORMS[form](state, tmp_path)
    torch.testing.assert_close(read_source(tmp_path), state, atol=0, rtol=0)


def _cut(place: Path) -> None:
    whole = (place / "model.safetensors").read_bytes()
    (place / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def _shard_lost(place: Path) -> None:
    _sharded(load_file(place / "model.safetensors"), place, ".safetensors")
    (place / "model.safetensors").unlink()
    (place / "part-1.safetensors").unlink()


def _two(place: Path) -> None:
    (place / "model.safetensors").rename(place / "a.safetensors")
    shutil.copy(place / "a.safetensors", place / "b.safetensors")


def _pickled(place: Path) -> None:
    (place / "model.safetensors").unlink()
    torch.save({"weights": Path("x")}, place / "pytorch_model.bin")


def _numbers(place: Path) -> None:
    (place / "model.safetensors").unlink()
    torch.save([1, 2], place / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut, r"model.safetensors is damaged"),
        (_shard_lost, r"names the shard part-1.safetensors, which is missing: copy the shard"),
        (_two, r"holds a.safetensors, b.safetensors: give the path of one of these files"),
        (_pickled, r"pytorch_model.bin is damaged, or holds more than tensors"),
        (_numbers, r"holds a list, not a state dict"),
        (lambda place: (place / "model.safetensors").unlink(), "holds no weights file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(spoil, message: str, state, tmp_path: Path):
    save_file(state, tmp_path / "model.safetensors")
    spoil(tmp_path)
    with pytest.raises(DataError, match=message):
        read_source(tmp_path)


def test_a_missing_or_own_file_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(DataError, match="did you mean 'show-o'"):
        read_source(folder / "show_o")
    with pytest.raises(DataError, match="is a weights file of this project already"):
        read_source(folder / "magvit" / "weights.safetensors")
    with pytest.raises(DataError, match=r"is not a weights file: give a \*.safetensors"):
        read_source(folder / "phi-1_5" / "tokenizer.json")


def test_other_weights_are_recognised(folder: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"looks like a MAGVIT-v2 image tokenizer: use `.* import magvit"):
        imported_showo(folder, tmp_path / "out", source=folder / "magvitv2")
    with pytest.raises(DataError, match=r"looks like a Show-o transformer: use `unif2ace-checkpoint import showo"):
        imported("magvit", folder / "show-o", tmp_path / "out")
    save_file({"vision.patch.weight": torch.zeros(3)}, tmp_path / "clip.safetensors")
    with pytest.raises(DataError, match=r"'vision.patch.weight' is not a tensor of a Show-o transformer"):
        imported_showo(folder, tmp_path / "out", source=tmp_path / "clip.safetensors")
    with pytest.raises(DataError, match=r"unif2ace-checkpoint import NAME .*out="):
        read_weights(folder / "show-o" / "model.safetensors")
    assert not (tmp_path / "out").exists()


def test_a_lost_tensor_is_named(state, folder: Path, tmp_path: Path):
    del state["showo.model.layers.1.mlp.fc2.bias"], state["showo.lm_head.bias"]
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"also needs the tensors 'showo.lm_head.bias' and 1 more"):
        imported_showo(folder, tmp_path / "out", source=tmp_path)


def test_buffers_without_use_are_left_out_and_reported(state, folder: Path, tmp_path: Path, capsys):
    state |= {f"showo.model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.ones(4) for i in range(2)}
    save_file(state, tmp_path / "model.safetensors")
    imported_showo(folder, tmp_path / "out", source=tmp_path)
    assert "rotary_emb.inv_freq and 1 more: a buffer, which is computed" in capsys.readouterr().out


def _special_text(folder: Path, place: Path) -> Path:
    """Its text tokenizer with Show-o's own special tokens, as its training saves it."""
    from tokenizers import AddedToken, Tokenizer

    text = Tokenizer.from_file(str(folder / "phi-1_5" / "tokenizer.json"))
    text.add_special_tokens([AddedToken(f"<|s{number}|>") for number in range(10)])
    text.save(str(place / "tokenizer.json"))
    return place


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["text_tokenizer=null"], "text_tokenizer=null: the vocabulary needs both tokenizers"),
        (["image_tokenizer=null"], "image_tokenizer=null: the vocabulary needs both tokenizers"),
        (["image_tokenizer=builtin"], r"text_tokenizer needs -?[\d,]+ ids"),
        (["image_size=60"], "must be a multiple of 8"),
        (["text_tokenizer={special}"], "without Show-o's own special tokens"),
        (["moe.shared_ffn_dim=96"], "the source has 128; remove this key"),
        (["moe=grouped", "moe.shared=none"], "a dense network becomes the shared expert; set moe.shared=tied"),
        (["moe=grouped", "moe.und_experts=[visual,nothing,copy]"], "there is no expert 'nothing'"),
    ],
)
def test_settings_that_do_not_fit_are_named(words: list[str], message: str, folder: Path, tmp_path: Path):
    special = _special_text(folder, tmp_path)
    with pytest.raises((ConfigError, DataError), match=message):
        imported_showo(folder, tmp_path / "out", *(word.format(special=special) for word in words))
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_kept(folder: Path, tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        imported("magvit", folder / "magvitv2", tmp_path)
