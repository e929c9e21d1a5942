"""Language models in the format of `transformers` give its logits, and start a mixture of experts.

`scripts/language_model_fixtures.py` wrote the fixtures: models of random weights with the logits of `transformers`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from stand_in import imported as run_import
from tokenizers import Tokenizer, models
from torch import Tensor
from torch.nn import functional

from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import load_net
from unif2ace.errors import ConfigError, DataError
from unif2ace.importers.recognition import importer_class
from unif2ace.importers.source import read_source
from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.types import Role, Task, TokenSequence

FOLDER = Path(__file__).parents[1] / "fixtures" / "language_models"
IMPORTERS = {
    "phi": "phi",
    "phi_qk": "phi",
    "qwen2": "qwen",
    "qwen2_tied": "qwen",
    "qwen3": "qwen",
    "llama": "llama",
}
DENSE = {"_target_": "unif2ace.nets.moe.dense.DenseMoE"}
GROUPED = {"_target_": "unif2ace.nets.moe.grouped.GroupedMoE", "num_experts": 2, "top_k": 1, "expert_ffn_dim": 8}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text tokenizer of as many ids as the models have rows."""
    words = {f"w{i}": i for i in range(38)} | {"<|endoftext|>": 38, "<unk>": 39}
    file = tmp_path_factory.mktemp("text") / "tokenizer.json"
    Tokenizer(models.WordLevel(words, unk_token="<unk>")).save(str(file))
    return file


def importer(source: Path, text: Path | None, moe: dict[str, Any], **options: Any) -> Any:
    name = IMPORTERS.get(source.name, "qwen")
    given = None if text is None else str(text)
    return importer_class(options.pop("importer", name))(str(source), "builtin", given, 64, 256, moe, **options)


def network(source: Path, text: Path, moe: dict[str, Any], **options: Any) -> Any:
    torch.manual_seed(0)
    found = importer(source, text, moe, **options).imported(read_source(source))
    net = instantiate(found.config)
    net.load_state_dict(dict(found.state))
    return net.eval()


def text_logits(net: Any, ids_BL: Tensor) -> Tensor:
    position_BL = torch.arange(ids_BL.shape[1]).expand_as(ids_BL)
    role_BL = torch.full_like(ids_BL, Role.ANSWER, dtype=torch.int8)
    task_B = torch.full((len(ids_BL),), int(Task.UNDERSTANDING), dtype=torch.int8)
    sequence = TokenSequence(ids_BL, role_BL, task_B, position_BL, None)
    return net.logits(net(sequence).values.flatten(0, 1), "text").view(*ids_BL.shape, -1)


def golden(name: str) -> tuple[Tensor, Tensor]:
    found = json.loads((FOLDER / name / "logits.json").read_text())
    return torch.tensor(found["ids"]), torch.tensor(found["logits"])


@torch.no_grad()
@pytest.mark.parametrize("name", IMPORTERS)
def test_logits_are_those_of_transformers(name: str, text: Path):
    ids_BL, wanted_BLV = golden(name)
    for moe in (DENSE, GROUPED):
        found_BLV = text_logits(network(FOLDER / name, text, moe), ids_BL)
        torch.testing.assert_close(found_BLV, wanted_BLV, atol=1e-5, rtol=0)


def reference(state: dict[str, Tensor], settings: dict[str, Any], ids_L: Tensor) -> Tensor:
    """Logits (L, V) of one text from the formulas of Qwen2, Llama and Phi, position by position and head by head."""
    w = {name: value.double() for name, value in state.items()}
    eps = settings.get("rms_norm_eps", settings.get("layer_norm_eps"))
    heads, rope, length = settings["num_attention_heads"], settings["rope_parameters"], len(ids_L)
    is_phi = settings["model_type"] == "phi"

    def norm(x: Tensor, name: str) -> Tensor:
        if f"{name}.bias" in w:
            x = x - x.mean(-1, keepdim=True)
            return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]
        return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * w[f"{name}.weight"]

    def linear(x: Tensor, name: str) -> Tensor:
        return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", torch.zeros(()))

    def turned(x_d: Tensor, position: int) -> Tensor:
        r = int(len(x_d) * rope.get("partial_rotary_factor", 1.0))
        pairs = torch.complex(x_d[: r // 2], x_d[r // 2 : r])
        angle = position * rope["rope_theta"] ** (-2 * torch.arange(r // 2).double() / r)
        pairs = pairs * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([pairs.real, pairs.imag, x_d[r:]])

    def attention(x_LD: Tensor, place: str) -> Tensor:
        q, k, v = (linear(x_LD, f"{place}.{name}_proj") for name in "qkv")
        d, out = q.shape[1] // heads, []
        for head in range(heads):
            shared = head * (k.shape[1] // d) // heads
            own, theirs = slice(head * d, head * d + d), slice(shared * d, shared * d + d)
            q_Ld, k_Ld = q[:, own], k[:, theirs]
            for x in ("norm", "layernorm"):
                if f"{place}.q_{x}.weight" in w:
                    q_Ld, k_Ld = norm(q_Ld, f"{place}.q_{x}"), norm(k_Ld, f"{place}.k_{x}")
            q_Ld, k_Ld = (torch.stack([turned(x[i], i) for i in range(length)]) for x in (q_Ld, k_Ld))
            scores = (q_Ld @ k_Ld.T / d**0.5).masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
            out.append(scores.softmax(-1) @ v[:, theirs])
        return linear(torch.cat(out, 1), f"{place}.{'dense' if is_phi else 'o_proj'}")

    x_LD = w["model.embed_tokens.weight"][ids_L]
    for layer in range(settings["num_hidden_layers"]):
        place = f"model.layers.{layer}"
        y_LD = norm(x_LD, f"{place}.input_layernorm")
        if is_phi:
            hidden = functional.gelu(linear(y_LD, f"{place}.mlp.fc1"), approximate="tanh")
            x_LD = x_LD + attention(y_LD, f"{place}.self_attn") + linear(hidden, f"{place}.mlp.fc2")
            continue
        x_LD = x_LD + attention(y_LD, f"{place}.self_attn")
        y_LD = norm(x_LD, f"{place}.post_attention_layernorm")
        gate, up = (linear(y_LD, f"{place}.mlp.{name}_proj") for name in ("gate", "up"))
        x_LD = x_LD + linear(gate * gate.sigmoid() * up, f"{place}.mlp.down_proj")
    x_LD = norm(x_LD, "model.final_layernorm" if is_phi else "model.norm")
    return linear(x_LD, "lm_head" if "lm_head.weight" in w else "model.embed_tokens")


def copied(source: Path, folder: Path, change: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True)
    settings = json.loads((source / "config.json").read_text()) | (change or {})
    (folder / "config.json").write_text(json.dumps({k: v for k, v in settings.items() if v is not ...}))
    shutil.copyfile(source / "model.safetensors", folder / "model.safetensors")
    return folder


@torch.no_grad()
@pytest.mark.parametrize("name", IMPORTERS)
def test_other_weights_give_what_the_formulas_give(name: str, text: Path, tmp_path: Path):
    source = copied(FOLDER / name, tmp_path / name)
    torch.manual_seed(5)
    state = {key: torch.randn(value.shape) * 0.4 for key, value in load_file(source / "model.safetensors").items()}
    save_file(state, source / "model.safetensors")
    settings = json.loads((source / "config.json").read_text())
    ids_L = torch.randint(40, (9,))
    found_LV = text_logits(network(source, text, DENSE).double(), ids_L[None])[0]
    torch.testing.assert_close(found_LV, reference(state, settings, ids_L), atol=1e-9, rtol=1e-9)


def test_an_imported_mixture_learns(text: Path):
    net = network(FOLDER / "qwen2", text, GROUPED).train()
    layout = SequenceLayout(net.vocabulary, 16)
    code, words = torch.randint(0, 64, (3, net.num_image_tokens)), torch.randint(0, 38, (3, 6))
    sequence = layout.understanding(code, words, torch.tensor([2, 3, 1]), words, torch.tensor([6, 5, 6]))
    target = sequence.target >= 0
    optimizer, losses = torch.optim.AdamW(net.parameters(), lr=1e-2), []
    for _ in range(20):
        logits_PV = net.logits(net(sequence).values[target], "full")
        losses.append(functional.cross_entropy(logits_PV, sequence.target[target]))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    assert all(block.token_moe.routed.weight_out.any() for block in net.blocks)


@torch.no_grad()
def test_the_command_reads_shards_and_writes_a_release(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source, state = copied(FOLDER / "qwen2", tmp_path / "qwen2"), load_file(FOLDER / "qwen2" / "model.safetensors")
    (source / "model.safetensors").unlink()
    names = sorted(state)
    shards = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, own in shards.items():
        save_file({name: state[name] for name in own}, source / file)
    index = {"weight_map": {name: file for file, own in shards.items() for name in own}}
    (source / "model.safetensors.index.json").write_text(json.dumps(index))
    shutil.copyfile(text, source / "tokenizer.json")
    words = ["image_tokenizer=builtin", "image_size=64", "moe=grouped", "moe.expert_ffn_dim=8"]
    folder = run_import("qwen", source, tmp_path / "out", *words)
    ids_BL, wanted_BLV = golden("qwen2")
    torch.testing.assert_close(text_logits(load_net(folder, "unified"), ids_BL), wanted_BLV, atol=1e-5, rtol=0)
    assert (folder / "tokenizer.json").read_bytes() == text.read_bytes()
    said = capsys.readouterr().out
    sizes = "net.dim=16 net.depth=2 net.heads=4 net.num_kv_heads=2 net.head_dim=4"
    assert "train it with: net=qwen2 " in said
    assert all(word in said for word in (*sizes.split(), "net.eps=0.0001", "moe.shared_ffn_dim=24"))


def test_a_torch_file_is_read_and_unused_rows_are_left_out(text: Path, tmp_path: Path):
    source = copied(FOLDER / "phi", tmp_path / "phi")
    state = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    torch.save(state, source / "pytorch_model.bin")
    fewer = tmp_path / "tokenizer.json"
    Tokenizer(models.WordLevel({"<|endoftext|>": 0, "a": 1, "b": 2}, unk_token="a")).save(str(fewer))
    net, whole = network(source, fewer, DENSE), network(FOLDER / "phi", text, DENSE)
    torch.testing.assert_close(net.embedding.weight[:3], whole.embedding.weight[:3], atol=0, rtol=0)
    assert len(net.embedding.weight) == len(whole.embedding.weight) - 37
    assert net.embedding.weight[3:].std() < 0.03  # new, not the source's


def test_new_norms_of_queries_and_keys_are_reported(text: Path):
    found = importer(FOLDER / "phi", text, DENSE, qk_norm=True).imported(read_source(FOLDER / "phi"))
    norms = {name for name in found.state if "q_norm" in name or "k_norm" in name}
    assert len(norms) == 8
    assert norms <= found.made
    assert found.config["qk_norm"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "phi",
            {"importer": "qwen"},
            "model_type='phi' is not qwen2 or qwen3: use `unif2ace-checkpoint import phi ...`",
        ),
        ("qwen2", {"model_type": "qwen2_moe"}, "model_type='qwen2_moe' is not qwen2 or qwen3"),
        ("llama", {"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": None}, "rope_type=linear"),
        ("llama", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0}}, "rope_type=llama3"),
        ("qwen2", {"use_sliding_window": True}, "use_sliding_window=true"),
        ("qwen2", {"hidden_act": "relu"}, "hidden_act=relu"),
        ("qwen2", {"num_attention_heads": 3}, "num_attention_heads=3 does not divide the 16 query"),
        ("qwen2", {"num_attention_heads": ...}, "num_attention_heads=None must be above 0"),
        ("qwen2", {"num_attention_heads": 8}, "num_key_value_heads=2, but the tensors have 4"),
        ("qwen2", {"num_hidden_layers": 3}, "num_hidden_layers=3, but the tensors have 2"),
        ("qwen2", {"rms_norm_eps": ...}, "rms_norm_eps=None"),
        ("qwen2_tied", {"tie_word_embeddings": False}, "'lm_head.weight' is missing"),
    ],
)
def test_what_cannot_be_computed_is_refused(name: str, change: dict, message: str, text: Path, tmp_path: Path):
    options = {"importer": change.pop("importer")} if "importer" in change else {}
    source = copied(FOLDER / name, tmp_path / name, change)
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        importer(source, text, DENSE, **options).imported(read_source(source))


def test_incomplete_sources_are_refused(text: Path, tmp_path: Path):
    state = read_source(FOLDER / "qwen2")
    made = importer(FOLDER / "qwen2", text, DENSE)
    for name in ("model.layers.1.mlp.up_proj.weight", "model.layers.0.self_attn.k_proj.bias", "model.norm.weight"):
        with pytest.raises(DataError, match=f"{name!r} is missing"):
            made.imported({key: value for key, value in state.items() if key != name})
    with pytest.raises(DataError, match=r"'model\.layers\.0\.extra' and 0 more are not part of a Qwen language model"):
        made.imported(state | {"model.layers.0.extra": torch.ones(1)})
    source = copied(FOLDER / "qwen2", tmp_path / "qwen2")
    (source / "config.json").unlink()
    with pytest.raises(DataError, match=r"config\.json is missing"):
        importer(source, text, DENSE).imported(state)
    with pytest.raises(ConfigError, match="text_tokenizer=null"):
        importer(FOLDER / "qwen2", None, DENSE)
    with pytest.raises(ConfigError, match=r"moe\.feed_forward: the source determines"):
        importer(FOLDER / "qwen2", text, {**DENSE, "feed_forward": {"_target_": "x"}}).imported(state)
