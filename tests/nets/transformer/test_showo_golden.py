"""Our network with the official small Show-o's weights against the official numbers."""

from __future__ import annotations

import json

import pytest
import torch
from showo_fixture import FOLDER, golden, official_weights, tiny_showo
from torch.nn.functional import cross_entropy

from unif2ace.errors import ConfigError, DataError
from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.showo import from_showo, sizes_of, to_showo
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.types import Role, Task, TokenSequence


def _sequence(tensors):
    ids = tensors["input_ids"]
    task = torch.tensor([Task.TEXT_TO_IMAGE] * 3 + [Task.UNDERSTANDING] * 5, dtype=torch.int8)
    role = torch.full_like(ids, Role.PROMPT, dtype=torch.int8)
    position = torch.arange(ids.shape[1]).expand_as(ids)
    return TokenSequence(ids, role, task, position, tensors["allowed"].bool())


def _losses(logits, labels, max_text):
    """Of text to image, of text, and of understanding; showo.md, section 5."""
    image = cross_entropy(logits[:3, max_text + 1 :].flatten(0, 1), labels[:3, max_text + 1 :].flatten())
    text, answer = (
        cross_entropy(logits[rows, :-1].flatten(0, 1), labels[rows, 1:].flatten())
        for rows in (slice(3, 5), slice(5, 8))
    )
    return image, text, answer


@pytest.mark.parametrize("kernel", ["auto", "math"])
def test_hidden_states_and_logits_are_the_official_ones(kernel):
    tensors, _ = golden("tiny_showo_forward")
    net = tiny_showo(attention=kernel)
    seen = []
    for block in net.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output[0]))
    with torch.no_grad():
        hidden = net(_sequence(tensors)).values
        logits = net.logits(hidden.flatten(0, 1), "full").view(*hidden.shape[:2], -1)
    torch.testing.assert_close(logits, tensors["logits"], atol=1e-4, rtol=0)
    for layer, states in enumerate(seen):
        torch.testing.assert_close(states.view_as(hidden), tensors[f"hidden_after_layer{layer}"], atol=1e-4, rtol=0)


def test_losses_and_the_gradient_of_every_parameter_are_the_official_ones():
    tensors, notes = golden("tiny_showo_forward")
    net = tiny_showo()
    hidden = net(_sequence(tensors)).values
    logits = net.logits(hidden.flatten(0, 1), "full").view(*hidden.shape[:2], -1)
    losses = _losses(logits, tensors["labels"], notes["vocab"]["max_seq_length"])
    for name, loss in zip(("t2i", "lm", "mmu"), losses, strict=True):
        torch.testing.assert_close(loss, tensors[f"loss_{name}"][0], atol=1e-5, rtol=1e-5)
    total = losses[0] + 0.1 * losses[1] + losses[2]
    torch.testing.assert_close(total, tensors["loss_total"][0], atol=1e-5, rtol=1e-5)
    total.backward()
    found = to_showo({name: p.grad for name, p in net.named_parameters()})
    assert found.keys() == notes["grad_norms"].keys()
    for name, norm in notes["grad_norms"].items():
        assert found[name].norm().item() == pytest.approx(norm, rel=1e-4, abs=1e-6), name
        if f"grad.{name}" in tensors:
            torch.testing.assert_close(found[name], tensors[f"grad.{name}"], atol=1e-5, rtol=1e-4)


def test_weights_go_there_and_back_unchanged():
    weights, _ = official_weights()
    back = to_showo(from_showo(weights))
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("showo.model.layers.1.mlp.fc2.bias"), "layers.1.mlp.fc2.bias"),
        (lambda w: w.update({"showo.extra": torch.zeros(1)}), "showo.extra"),
        (lambda w: w.update({"mm_projector.0.weight": torch.zeros(1)}), "CLIP"),
    ],
)
def test_conversion_is_strict(change, message):
    weights, _ = official_weights()
    change(weights)
    with pytest.raises(DataError, match=message):
        from_showo(weights)


def test_experts_do_not_fit_a_showo():
    state = dict(tiny_showo().state_dict()) | {"blocks.0.token.router.weight": torch.zeros(1)}
    with pytest.raises(DataError, match=r"token\.router"):
        to_showo(state)


def test_grouped_queries_do_not_fit_a_showo():
    state = dict(tiny_showo().state_dict())
    for kind in ("weight", "bias"):
        name = f"blocks.0.attention.qkv.{kind}"
        state[name] = state[name][: len(state[name]) * 2 // 3]
    with pytest.raises(DataError, match=r"num_kv_heads equal to net\.heads"):
        to_showo(state)


def test_other_weights_are_told_apart():
    with pytest.raises(DataError, match="Show-o"):
        sizes_of({"encoder.conv_in.weight": torch.zeros(3)})
    with pytest.raises(ConfigError, match="too small for 8192 image codes"):
        sizes_of(official_weights()[0]).text_size(8192)


def test_the_published_sizes_give_the_published_parameters():
    path = FOLDER / "state_dict_keys.json"
    if not path.is_file():
        pytest.skip(f"needs the names of Show-o's weights at {path}")
    with torch.device("meta"):
        shapes = json.loads(path.read_text())["showo"]
        official = {name: torch.empty(shape) for name, shape in shapes.items()}
        sizes = sizes_of(official)
        assert (sizes.text_size(8192), sizes.dim, sizes.depth, sizes.heads, sizes.hidden) == (50295, 2048, 24, 32, 8192)
        net = UnifiedNet(
            sizes.text_size(8192), 8192, 50256, 50256, 256, ParallelBlock, DenseMoE(8192), dim=2048, depth=24, heads=32
        )
    net.load_state_dict(from_showo(official), assign=True)
    assert sum(p.numel() for p in net.parameters()) == 1_448_176_770
    assert {n: tuple(v.shape) for n, v in to_showo(net.state_dict()).items()} == {
        n: tuple(s) for n, s in shapes.items()
    }
    v = net.vocabulary
    assert (v.special("pad"), v.special("soi"), v.special("mmu"), v.image_offset) == (50295, 50296, 50301, 50305)
    assert (v.mask_id, v.size) == (58497, 58498)
