"""The choices of `router=...`: each against its definition, on every backend, with caches and under recomputation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from moe_sequences import apply, sequence_of
from torch import Tensor
from torch.nn import functional

from unif2ace.engine import instantiate
from unif2ace.errors import ConfigError
from unif2ace.nets.moe.backends.dispatch import Dispatch
from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.moe.routers.base import Router, group_of
from unif2ace.nets.moe.routers.noisy_top_k import NoisyTopKRouter
from unif2ace.nets.moe.routers.sigmoid import SigmoidRouter
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.nets.moe.token import TokenLevel, TokenMoE
from unif2ace.nets.transformer.blocks.sequential import SequentialBlock
from unif2ace.nets.transformer.decoding_image import ImageDenoiser
from unif2ace.nets.transformer.decoding_text import generate_text
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.sequence_layout import SequenceLayout, align_right
from unif2ace.types import Role, TokenSequence

D, N = 16, 6
FILES = sorted((Path(__file__).parents[3] / "configs" / "router").glob("*.yaml"))
CHOICES: dict[str, Callable[..., Router]] = {f.stem: instantiate(yaml.safe_load(f.read_text())) for f in FILES}
KNOWN = ["expert_choice", "noisy_top_k", "sigmoid", "top_k"]
every = pytest.mark.parametrize("name", CHOICES)


def _layer(name: str, top_k: int = 2, dtype: torch.dtype = torch.float64, **options) -> TokenLevel:
    torch.manual_seed(0)
    moe = TokenMoE(N, top_k, 8, 24, router=CHOICES[name], **options)
    layer = moe.token_layer(D)
    assert isinstance(layer, TokenLevel)
    for parameter in layer.routed.router.parameters():
        torch.nn.init.normal_(parameter)
    if isinstance(layer.routed.router, SigmoidRouter):
        layer.routed.router.bias.normal_(std=0.3)
    return layer.to(dtype).eval()


def _stream(sequence: TokenSequence, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*sequence.ids.shape, D, dtype=dtype, generator=torch.Generator().manual_seed(1))


def _gates(name: str, router: Router, logits_LN: Tensor, group: int, image_L: Tensor) -> Tensor:
    """Gates of all experts of one sequence, (L, N), by definition; 0 where an expert does not serve."""
    score = logits_LN.sigmoid() if name == "sigmoid" else logits_LN.softmax(-1)
    rank = score + router.bias[group] if name == "sigmoid" else score
    mask = torch.zeros_like(score)
    for at in range(len(score)):
        mask[at, sorted(range(N), key=lambda e, at=at: -rank[at, e])[: router.top_k]] = 1
    gates = score * mask
    if router.top_k > 1:
        gates = gates / gates.sum(-1, keepdim=True)
    if name == "expert_choice":
        image = image_L.nonzero()[:, 0].tolist()
        gates = gates.masked_fill(image_L[:, None], 0)
        for e in range(N):
            best = sorted(image, key=lambda at, e=e: -score[at, e])[: -(-len(image) * router.top_k // N)]
            served = torch.zeros_like(score)
            served[best, e] = 1
            gates = gates + score * served
    return gates


def _literal(name: str, layer: TokenLevel, x_BLD: Tensor, sequence: TokenSequence) -> Tensor:
    """The routed experts by a loop over sequences and experts."""
    routed, out = layer.routed, []
    for x_LD, group, role in zip(x_BLD, group_of(sequence.task).tolist(), sequence.role, strict=True):
        own = slice(group * N, group * N + N)
        gates = _gates(name, routed.router, x_LD @ routed.router.weight[own].T, group, role == Role.IMAGE)
        y = torch.zeros_like(x_LD)
        for e, (w_in, w_out) in enumerate(zip(routed.weight_in[own], routed.weight_out[own], strict=True)):
            y = y + gates[:, e, None] * (functional.silu(x_LD @ w_in[0].T) * (x_LD @ w_in[1].T) @ w_out.T)
        out.append(y.masked_fill((role == Role.PAD)[:, None], 0))
    return torch.stack(out)


def test_all_choices_have_a_definition_here():
    assert list(CHOICES) == KNOWN


@every
@pytest.mark.parametrize("top_k", [1, 2, N])
@pytest.mark.parametrize("backend", ["loop", "cpu"])
def test_values_and_gradients_are_those_of_a_plain_loop(name: str, top_k: int, backend: str):
    sequence, layer = sequence_of(), _layer(name, top_k, backend=backend, shared="none")
    x = _stream(sequence).requires_grad_()
    weights = [layer.routed.weight_in, layer.routed.weight_out, layer.routed.router.weight, x]
    results = []
    for y in (apply(layer, x, sequence)[0], _literal(name, layer, x, sequence)):
        results.append((y, *torch.autograd.grad(y.sin().sum(), weights)))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected)


@every
def test_the_grouped_product_agrees_with_the_loop(name: str):
    sequence, results = sequence_of(), []
    for backend in ("grouped_mm", "loop", "cpu"):
        layer = _layer(name, dtype=torch.float32, backend=backend)
        x = _stream(sequence, torch.float32).requires_grad_()
        y = apply(layer, x, sequence)[0][sequence.real]
        results.append((y, *torch.autograd.grad(y.sin().sum(), [x, *layer.routed.parameters()], allow_unused=True)))
    for other in results[1:]:
        for found, expected in zip(results[0], other, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_experts_serve_equally_many_image_tokens_of_each_sequence():
    sequence, layer = sequence_of(tokens=9), _layer("expert_choice", top_k=1)
    image = sequence.role == Role.IMAGE
    routing = layer.routed.router(_stream(sequence), group_of(sequence.task), sequence.real, together_BL=image)
    for expert, group, own in zip(routing.expert, group_of(sequence.task).tolist(), image, strict=True):
        assert expert[own].flatten().bincount(minlength=2 * N)[group * N :][:N].tolist() == [2] * N  # ceil(9 / 6)
        text = expert[~own]
        assert ((text < 2 * N).sum(-1) <= 1).all()
    assert routing.expert.lt(2 * N).sum() <= routing.most
    dispatch = Dispatch.of(routing.expert.flatten(0, 1), 2 * N, routing.most)
    assert len(dispatch.order) == routing.most + 1 < routing.expert.numel()


@every
def test_no_text_position_depends_on_a_later_one_and_no_sample_on_another(name: str):
    sequence, layer = sequence_of(), _layer(name)
    x = _stream(sequence)
    y, _ = apply(layer, x, sequence)
    last = sequence.real.long().cumsum(1).argmax(1)
    other = x.clone()
    other[torch.arange(len(x)), last] += 10
    changed = (apply(layer, other, sequence)[0] - y).abs().amax(-1) > 1e-9
    assert changed.nonzero().tolist() == [[b, int(column)] for b, column in enumerate(last)]
    alone = replace(sequence, ids=sequence.ids[:1], role=sequence.role[:1], task=sequence.task[:1])
    torch.testing.assert_close(apply(layer, x[:1], alone)[0], y[:1])


def _net(name: str) -> UnifiedNet:
    torch.manual_seed(0)
    moe = TokenMoE(N, 2, 8, 24, router=CHOICES[name])
    net = UnifiedNet(20, 8, 0, 1, 9, SequentialBlock, moe, dim=D, depth=2, heads=2, image_pos_embed=True)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return net.double()


@every
def test_generation_with_a_cache_is_that_without(name: str):
    net = _net(name).eval()
    layout = SequenceLayout(net.vocabulary, 16)
    captions = torch.arange(2, 14).view(2, 6), torch.tensor([6, 3])
    codes = (torch.arange(18).view(2, 9) * 5) % 9
    denoisers = [ImageDenoiser(net, layout, *captions, guidance=1.0, cache=cache) for cache in (True, False)]
    torch.testing.assert_close(*(denoiser(codes, torch.rand(2)) for denoiser in denoisers))
    prefix = align_right(layout.understanding(codes.clamp(max=7), *captions), net.vocabulary)
    texts = [generate_text(net, prefix, {}, max_new=8, stop=10**6, cache=cache) for cache in (True, False)]
    assert torch.equal(texts[0].ids, texts[1].ids)
    torch.testing.assert_close(texts[0].log_p, texts[1].log_p)


@every
@pytest.mark.parametrize("backend", ["cpu", "loop"])
def test_upcycling_keeps_the_dense_function(name: str, backend: str):
    sequence = sequence_of()
    x = _stream(sequence)
    dense = DenseMoE(shared_ffn_dim=24).token_layer(D).double()
    layer = _layer(name, backend=backend).train()
    layer.upcycle_(dense.network.state_dict())
    assert torch.equal(apply(layer, x, sequence)[0], apply(dense, x, sequence)[0])


@every
def test_recomputed_blocks_have_the_same_gradients(name: str):
    net, gradients = _net(name).train(), []
    codes = torch.arange(18).view(2, 9) % 8
    sequence = SequenceLayout(net.vocabulary, 16).understanding(codes, torch.ones(2, 3).long(), torch.tensor([3, 2]))
    for net.gradient_checkpointing in (False, True):
        torch.manual_seed(3)
        net(sequence).values.sin().sum().backward()
        gradients.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
        net.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_noise_is_in_training_only_and_its_scale_is_trained():
    sequence, layer = sequence_of(), _layer("noisy_top_k")
    router, inputs = layer.routed.router, (_stream(sequence), group_of(sequence.task), sequence.real)
    assert isinstance(router, NoisyTopKRouter)
    plain = TopKRouter(D, N, 2).double()
    plain.load_state_dict({"weight": router.weight})
    assert torch.equal(router(*inputs).gate, plain(*inputs).gate)
    router.train()
    samples = torch.stack([router.logits(inputs[0], inputs[1]) for _ in range(1500)])
    half = torch.stack([router.noise_weight[:N], router.noise_weight[N:]])[inputs[1]]
    scale = functional.softplus(torch.einsum("bld,bnd->bln", inputs[0], half))
    torch.testing.assert_close(samples.std(0) / scale, torch.ones_like(scale), rtol=0, atol=0.1)
    clean = router.eval().logits(inputs[0], inputs[1])
    torch.testing.assert_close((samples.mean(0) - clean) / scale, torch.zeros_like(scale), rtol=0, atol=0.13)
    apply(layer.train(), inputs[0], sequence)[0].square().sum().backward()
    assert router.noise_weight.grad.any()
    assert not NoisyTopKRouter(D, N, 2).noise_weight.any()


def test_the_bias_selects_without_a_gradient_and_follows_the_load():
    sequence, layer = sequence_of(), _layer("sigmoid")
    router = layer.routed.router
    assert isinstance(router, SigmoidRouter)
    router.bias.zero_()
    router.bias[:, 3] = 10  # above all scores: everyone chooses expert 3, with its own gate
    routing = router(_stream(sequence).requires_grad_(), group_of(sequence.task), sequence.real)
    chosen = routing.expert[sequence.real] % N
    assert (chosen == 3).any(-1).all()
    assert routing.gate.max() < 1
    routing.gate.square().sum().backward()
    assert router.weight.grad.any()
    assert router.bias.grad is None
    before = router.bias.clone()
    router.balance_(routing.stats.assigned)
    expected = (routing.stats.assigned.mean(1, keepdim=True) - routing.stats.assigned).sign() * 0.001
    assert (expected[:, 3] < 0).all()
    torch.testing.assert_close(router.bias - before, expected.float(), rtol=0, atol=1e-6)
    absent = torch.tensor([[1.0] * N, [0.0] * N])
    before = router.bias.clone()
    router.balance_(absent)
    assert torch.equal(router.bias, before)


def test_the_bias_is_saved_and_stays_in_float32():
    router = SigmoidRouter(D, N, 2)
    for _ in range(700):
        router.balance_(torch.arange(2.0 * N).view(2, N))
    other = SigmoidRouter(D, N, 2).to(torch.bfloat16)
    other.load_state_dict(router.state_dict())
    assert other.weight.dtype == torch.bfloat16
    assert torch.equal(other.bias, router.bias)
    assert float(other.bias[0, 0]) == pytest.approx(0.7, rel=1e-4)
    with pytest.raises(ConfigError, match=r"router\.bias_update_speed=-1"):
        partial(CHOICES["sigmoid"], bias_update_speed=-1)(D, N, 2)
