"""What a plan says against what a run really holds, keeps and computes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from ranks import run_ranks
from rich.console import Console
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from unif2ace.commands.plan import plan, take_plan
from unif2ace.engine import compose, instantiate
from unif2ace.engine.weights import save_weights
from unif2ace.errors import ConfigError
from unif2ace.planning.parameters import part_of, weights_of
from unif2ace.planning.plan import make_plan
from unif2ace.planning.sharding import layout, shares
from unif2ace.planning.subject import Subject, at_most, subject
from unif2ace.planning.table import tables
from unif2ace.planning.tracing import Traced, autocast, trace

CPU = "trainer.accelerator=cpu"
TINY = [
    "experiment=unified/synthetic",
    CPU,
    "trainer.precision=32-true",
    "net.dim=32",
    "net.depth=2",
    "net.heads=4",
    "net.grounding_dim=4",
    "moe.expert_ffn_dim=16",
    "moe.shared_ffn_dim=64",
    "moe.backend=cpu",
    "data.max_text_tokens=12",
    "task.text_to_image.batch_size=16",
    "task.understanding.batch_size=8",
]
SMALL = [*TINY, "net.depth=1", "moe.num_experts=2", "moe.top_k=1", "moe.und_experts=[visual,copy]"]
"""Where the sizes say nothing."""
HALF = [*TINY, "trainer.precision=bf16-mixed"]
ADAMW = [
    *(word for word in TINY if "backend" not in word),
    "optimizer=adamw",
    "~optimizer.adam_lr",
]


@pytest.fixture(autouse=True)
def _a_folder_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNIF2ACE_ROOT", str(tmp_path_factory.mktemp("root")))
        return subject(compose("train", TINY))


@pytest.fixture(scope="module")
def traced(tiny: Subject) -> Traced:
    return trace(tiny)


def real(planned: Subject) -> tuple[Any, Any]:
    """The module with numbers, and a batch for it."""
    torch.manual_seed(0)
    module = planned.make()
    module.configure_model()
    at_most(module.train())
    batch = planned.batch(1)
    return module, replace(batch, image=torch.zeros(batch.image.shape, dtype=torch.uint8))


def objective(module: Any, batch: Any, precision: str = "32-true") -> Tensor:
    with autocast(precision):
        return sum(loss.weight * term.mean for loss, term in module.terms(module.step_output(batch)))


@contextmanager
def saved(module: Any):
    """Bytes that autograd saves, beside weights: each piece of memory once, found by its address."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    held: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield lambda: sum(t.untyped_storage().nbytes() for t in held.values())


@pytest.mark.parametrize("overrides", [TINY, ADAMW], ids=["muon", "adamw"])
def test_parameters_and_optimiser_are_those_of_a_real_step(overrides: list[str]):
    planned = subject(compose("train", overrides))
    counted = weights_of(planned.module)
    module, batch = real(planned)
    optimizer = module._make_optimizer(module.optimizer_groups())
    objective(module, batch).backward()
    optimizer.step()
    assert {w.name: w.numel for w in counted} == {name: p.numel() for name, p in module.named_parameters()}
    held = sum(v.nbytes for s in optimizer.state.values() for v in s.values() if isinstance(v, Tensor))
    assert sum(w.numel * w.state + w.fixed for w in counted) == held > 0


def test_a_token_uses_its_experts_and_its_row(tiny: Subject):
    active: dict[str, int] = {}
    for weight in weights_of(tiny.module):
        active[weight.part] = active.get(weight.part, 0) + weight.active
    moe, depth, dim = tiny.module.net.blocks[0].token_moe, 2, 32
    assert active["routed experts"] == depth * moe.routed.router.top_k * 3 * 16 * dim
    assert active["shared experts"] == depth * sum(p.numel() for p in moe.shared[0].parameters())
    assert active["routers"] == depth * moe.routed.router.num_experts * dim
    assert part_of("discriminator.0.weight") == "discriminator"


@pytest.mark.parametrize("overrides", [TINY, HALF], ids=["float32", "bf16"])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_what_is_kept_is_what_a_real_forward_pass_saves(overrides: list[str], checkpoint: bool):
    planned = subject(compose("train", overrides))
    found = trace(planned, checkpoint=checkpoint)
    module, batch = real(planned)
    module.net.gradient_checkpointing = checkpoint
    objective(module, batch, planned.precision)  # attention has chosen its kernel
    with saved(module) as bytes_saved:
        total = objective(module, batch, planned.precision)
    counted = found.layers + found.logits + found.casts
    # fake LayerNorms of 16-bit heads have statistics in 16 bits, real ones in 32; nothing else may differ
    assert counted == pytest.approx(bytes_saved(), rel=0.01 if overrides is HALF else 1e-3)
    assert total.requires_grad


@pytest.mark.parametrize("checkpoint", [False, True])
def test_the_peak_is_what_the_allocator_saw(checkpoint: bool):
    planned = subject(compose("train", HALF))
    found = trace(planned, checkpoint=checkpoint)
    module, batch = real(planned)
    module.net.gradient_checkpointing = checkpoint
    objective(module, batch, planned.precision).backward()
    module.zero_grad()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        objective(module, batch, planned.precision).backward()
    now = peak = 0
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            peak = max(peak, now)
    gradients = sum(p.grad.nbytes for p in module.parameters())
    assert 0.98 * found.peak <= peak <= 1.02 * found.peak + gradients
    assert gradients < 0.25 * found.peak  # so that the bounds say something


@pytest.mark.parametrize(
    ("net", "kv_heads", "matrices", "vectors"),
    [
        ("unified", 4, 2, 4 * 32 + 64 + 32 + 4 * 32 + 4 * 8),
        ("phi", 4, 2, 4 * 32 + 64 + 32 + 2 * 32),
        ("qwen2", 2, 3, 32 + 2 * 16 + 2 * 32),
        ("llama", 2, 3, 2 * 32),
    ],
)
def test_work_and_parameters_of_a_dense_network_are_what_one_computes_by_hand(
    net: str, kv_heads: int, matrices: int, vectors: int
):
    left_out = [f"~moe.{key}" for key in ("num_experts", "top_k", "expert_ffn_dim", "und_experts")]
    plain = [word for word in TINY if not word.startswith("moe.")]
    bare = [
        "moe.shared_ffn_dim=64",
        "module.code_features=false",
        "net.early_fusion=false",
        "net.grounded_words=false",
        "net.image_pos_embed=false",
    ]
    layers = [f"net={net}", f"net.num_kv_heads={kv_heads}"]
    config = compose("train", [*plain, "moe=dense", *left_out, *layers, *bare])
    planned = subject(config)
    found = trace(planned)
    dim, depth = 32, 2
    parts = [(16, 13, 13), (16, 18, 31), (8, 31, 31)]  # captions, their images, questions: rows, positions, keys
    assert found.columns == sum(rows * length for rows, length, _ in parts)
    projections = dim * dim * 2 + 2 * dim * 8 * kv_heads
    products = depth * found.columns * (projections + matrices * dim * 64)
    attention = depth * 2 * sum(rows * length * keys for rows, length, keys in parts) * dim
    logits = (16 * 16 * 1024 + 8 * 10 * 2048) * dim  # masked image tokens; ids of answers that are to be said
    assert found.forward == 2 * (products + attention + logits)
    assert found.backward == 2 * (2 * products + 2.5 * attention + 2 * logits)
    ids, has_bias = 2048 + 10 + 1024 + 1, net in ("unified", "phi")
    final = dim * (2 if has_bias else 1)
    parameters = depth * (projections + matrices * dim * 64 + vectors) + 2 * ids * dim + has_bias * ids + final
    assert sum(w.numel for w in weights_of(planned.module)) == parameters
    assert sum(p.numel() for p in real(planned)[0].net.parameters()) == parameters


def test_experts_that_nobody_chose_are_no_work(traced: Traced):
    more = trace(subject(compose("train", [*TINY, "moe.num_experts=8"])))
    routers = 2 * 2 * traced.columns * 2 * 4 * 32  # of two layers, for four more experts of both groups
    assert more.forward - traced.forward == routers


@pytest.mark.slow
@pytest.mark.parametrize("router", ["noisy_top_k", "expert_choice"])
def test_routers_are_counted(router: str, tiny: Subject, traced: Traced):
    other = subject(compose("train", [*TINY, f"router={router}"]))
    products = 1 + (router == "noisy_top_k")
    weights = [sum(w.numel for w in weights_of(s.module) if w.part == "routers") for s in (tiny, other)]
    assert weights[1] == products * weights[0]
    router_work = 2 * 2 * traced.columns * 2 * 4 * 32  # of two layers, for four experts of both groups
    extra = trace(other).forward - traced.forward
    assert extra == (products - 1) * router_work


def test_routing_changes_neither_what_is_kept_nor_the_work(tiny: Subject, traced: Traced):
    even, worst = traced, trace(tiny, load="worst")
    assert (worst.layers, worst.logits, worst.forward) == (even.layers, even.logits, even.forward)


def test_tensor_parallelism_halves_what_it_divides(tiny: Subject, traced: Traced):
    whole, half = traced, trace(tiny, tensor=2)
    assert 0.5 * whole.forward < half.forward < 0.8 * whole.forward
    assert half.layers < whole.layers
    assert trace(tiny) == whole  # everything was put back


def test_two_real_ranks_hold_what_the_plan_says(tmp_path: Path):
    overrides = [*TINY, "strategy=fsdp", "trainer.devices=2", "moe.num_experts=3"]
    out = tmp_path / "held"
    run_ranks(Path(__file__).with_name("planned_ranks.py"), str(out), *overrides)
    ranks = [json.loads(Path(f"{out}.{rank}").read_text()) for rank in range(2)]
    config = compose("train", overrides)
    planned = subject(config)
    weights, own = weights_of(planned.module), shares(planned, layout(config))
    by_name = {w.name: own.numel[w.name] * w.itemsize for w in weights}
    assert by_name == ranks[0]["weights"]
    assert sum(by_name.values()) == ranks[0]["gradients"]
    assert sum(own.numel[w.name] * w.state + w.fixed for w in weights) == ranks[0]["state"]
    assert sum(ranks[1]["weights"].values()) <= sum(by_name.values())
    total = sum(w.numel * w.itemsize for w in weights)
    assert sum(sum(rank["weights"].values()) for rank in ranks) == total


def test_every_rank_together_holds_the_whole_under_tensor_parallelism(tiny: Subject):
    where = layout(compose("train", [*TINY, "strategy=fsdp_tp", "trainer.devices=4"]))
    own = shares(tiny, where).numel
    assert own["net.blocks.0.token_moe.routed.weight_in"] == pytest.approx(
        tiny.module.net.blocks[0].token_moe.routed.weight_in.numel() / 4
    )
    assert own["net.embedding.weight"] == -(-tiny.module.net.embedding.weight.shape[0] // 4) * 32


def test_ranks_and_strategies_are_those_of_the_configuration():
    def of(*words: str, ranks: int | None = None) -> str:
        return str(layout(compose("train", [CPU, *words]), ranks))

    assert of() == "single"
    assert of("trainer.devices=2", "trainer.num_nodes=3") == "ddp"
    assert of("strategy=fsdp", "trainer.devices=2") == "fsdp"
    assert of("strategy=fsdp_tp", ranks=8) == "fsdp, tensor parallel 2"
    assert layout(compose("train", [CPU, "trainer.devices=2", "trainer.num_nodes=3"])).ranks == 6
    with pytest.raises(ConfigError, match="tensor_parallel_size=2 does not divide 3"):
        of("strategy=fsdp_tp", ranks=3)
    with pytest.raises(ConfigError, match="deepspeed"):
        of("strategy=deepspeed")


def test_a_plan_is_a_table_and_a_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    config = compose("train", [*SMALL, "strategy=fsdp", "trainer.devices=2", "trainer.accumulate_grad_batches=3"])
    made = make_plan(config, [1, 64])
    monkeypatch.setattr("unif2ace.planning.plan.make_plan", lambda *_: made)  # once for both forms
    plan(config, [1, 64])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    assert "routed experts" in text
    assert "64 ranks" in text
    plan(config, [1, 64], as_json=True)
    found = json.loads(capsys.readouterr().out)
    two, one, _ = found["ranks"]
    assert found["total"]["total"] == sum(part["total"] for part in found["parameters"].values())
    assert (two["ranks"], two["rows"], one["rows"]) == (2, 12, 24)
    assert found["tokens"] == 3 * one["step"]["columns"]
    assert one["gradients"] == 4 * found["total"]["total"]
    assert (
        two["total"]
        == sum(two[k] for k in ("weights", "gradients", "optimizer", "average", "frozen", "gathered"))
        + two["step"]["peak"]
    )


def test_frozen_networks_that_are_there_are_counted_apart(tmp_path: Path):
    tokenizer = compose("train", ["experiment=tokenizer/quickstart"]).net
    classifier = compose("train", ["experiment=attributes/quickstart"]).net
    nets = {"tokenizer": tokenizer, "attributes": classifier}
    for kind, node in nets.items():
        plain = OmegaConf.to_container(node, resolve=True)
        nets[kind] = instantiate(plain)()
        save_weights(tmp_path / f"{kind}.safetensors", nets[kind], kind=kind, config=plain)
    paths = [f"image_tokenizer={tmp_path}/tokenizer.safetensors", f"classifier={tmp_path}/attributes.safetensors"]
    width = f"visual_encoder.classifier.dim={nets['attributes'].num_features}"
    without, made = (make_plan(compose("train", [*SMALL, width, *words])) for words in ([], paths))
    sizes = {kind: sum(p.numel() for p in net.parameters()) for kind, net in nets.items()}
    assert made.frozen["image_tokenizer"] == sizes["tokenizer"]
    heads = sum(p.numel() for p in nets["attributes"].heads.parameters())
    assert made.frozen["classifier"] in (sizes["attributes"], sizes["attributes"] - heads)
    assert made.frozen_work > 0
    assert made.ranks[0].frozen >= 4 * sum(made.frozen.values())
    assert not any("no image tokenizer" in note for note in made.notes)
    assert any("no image tokenizer" in note for note in without.notes)


def test_rows_that_cannot_be_dealt_are_an_error_where_they_are_configured_and_a_dash_elsewhere():
    with pytest.raises(ConfigError, match="batch_size=16 cannot be divided evenly among 3"):
        make_plan(compose("train", [*SMALL, "trainer.devices=3"]))
    elsewhere = make_plan(compose("train", SMALL), [3]).ranks[1]
    assert elsewhere.rows is None
    assert elsewhere.total is None


@pytest.mark.parametrize(
    "experiment", ["attributes/synthetic", "tokenizer/synthetic", "tokenizer/attribute_perceptual"]
)
def test_other_experiments_can_be_planned(experiment: str):
    config = compose("train", [f"experiment={experiment}", "trainer.accelerator=cpu"])
    made = make_plan(config)
    assert made.total.total == sum(p.numel() for p in subject(config).module.parameters() if p.requires_grad)
    assert made.forward > 0
    assert made.ranks[0].step.layers > 0
    Console(width=100, quiet=True).print(tables(made))


def test_the_flag_is_taken_out_of_the_command_line():
    argv = ["unif2ace-train", "experiment=unified/full", "--plan=8,64", "--plan=json"]
    work = take_plan(argv)
    assert work is not None
    assert work.keywords == {"ranks": [8, 64], "as_json": True}
    assert not any("plan" in word for word in argv)
    assert take_plan(["unif2ace-train", "seed=1"]) is None
    with pytest.raises(SystemExit):
        take_plan(["unif2ace-train", "--plan=many"])


def test_the_full_size_is_that_of_the_paper():
    config = compose("train", ["experiment=unified/full"])
    planned = subject(config)
    total = sum(p.numel() for p in planned.module.parameters())
    assert total == 1_813_502_250
    assert sum(shares(planned, layout(config, 8)).numel.values()) < 1.001 * total / 8
