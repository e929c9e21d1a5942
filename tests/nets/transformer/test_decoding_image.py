"""Logits for samplers: the same with a cache, without and in Show-o's shape, alone and in a batch, and by hand."""

from __future__ import annotations

import pytest
import torch
from decoding_nets import CODES, IMAGE, small_layout, small_net

from unif2ace.errors import ConfigError
from unif2ace.nets.transformer.decoding_image import ImageDenoiser
from unif2ace.sequence.sequence_layout import SequenceLayout


@pytest.fixture(scope="module")
def net():
    return small_net()


@pytest.fixture(scope="module")
def captions():
    g = torch.Generator().manual_seed(0)
    return torch.randint(20, (3, 7), generator=g), torch.tensor([7, 2, 4])


@pytest.fixture(scope="module")
def codes():
    """Rows with a few, all and no masked tokens."""
    g = torch.Generator().manual_seed(1)
    known = torch.randint(CODES, (3, IMAGE), generator=g)
    hidden = torch.rand(3, IMAGE, generator=g) < torch.tensor([0.4, 1.0, 0.0])[:, None]
    return known.masked_fill(hidden, CODES)


T = torch.rand(3)


@torch.no_grad()
def _plain(net, layout, caption, codes):
    """Logits of one row by one plain pass, (N, K)."""
    length = torch.tensor([len(caption)])
    row = layout.text_to_image(caption[None], length, codes[None], codes.clamp(max=CODES - 1)[None])
    hidden = net(row).values[0]
    offset = net.vocabulary.image_offset
    shared = {name: net.code_features @ net.code_embedding[name].weight for name in ("head", "bias")}
    weight = net.head.weight[offset : offset + CODES] + shared["head"]
    bias = net.head.bias[offset : offset + CODES] + shared["bias"][:, 0]
    return hidden[row.image_token_positions[0]] @ weight.T + bias


@pytest.mark.parametrize("guidance", [0.0, 2.5])
@pytest.mark.parametrize("way", [{}, {"cache": False}, {"official": True}], ids=["cached", "whole", "official"])
def test_logits_are_those_of_plain_passes_with_and_without_the_caption(net, captions, codes, guidance, way):
    layout = small_layout(net)
    denoise = ImageDenoiser(net, layout, *captions, guidance=guidance, **way)
    for again in (codes, codes.flip(1), codes):  # a cache must be as it was
        found = denoise(again, T)
        assert found.shape == (3, IMAGE, CODES)
        for row, (caption, length) in enumerate(zip(*captions, strict=True)):
            given = _plain(net, layout, caption[:length], again[row])
            free = _plain(net, layout, caption[:0], again[row])
            expected = (1 + guidance) * given - guidance * free
            assert not torch.allclose(given, free, atol=0.01)
            assert torch.allclose(found[row].double(), expected, atol=1e-5)


def test_a_layout_of_fixed_length_changes_nothing_but_the_work(net, captions, codes, monkeypatch: pytest.MonkeyPatch):
    columns, forward = [], net.forward
    monkeypatch.setattr(net, "forward", lambda s, *a, **k: (columns.append(s.ids.shape), forward(s, *a, **k))[1])
    fixed = SequenceLayout(net.vocabulary, 16, fixed=True)
    cached = ImageDenoiser(net, fixed, *captions, guidance=1.0)
    assert columns == [(6, 7 + 3)]  # the captions, without padding that all rows share
    found = [cached(codes, T), cached(codes, T)]
    assert columns[1:] == [(6, IMAGE + 2)] * 2
    columns.clear()
    official = ImageDenoiser(net, fixed, *captions, guidance=1.0, official=True)(codes, T)
    assert columns == [(6, 16 + 1 + IMAGE + 2)]
    assert torch.allclose(found[0], official, atol=1e-5)
    assert torch.equal(found[0], found[1])


def test_logits_of_masked_tokens_only(net, captions, codes, monkeypatch: pytest.MonkeyPatch):
    read, logits = [], net.logits
    monkeypatch.setattr(net, "logits", lambda h, part: (read.append((len(h), part)), logits(h, part))[1])
    some = ImageDenoiser(net, small_layout(net), *captions, guidance=1.0, only_masked=True)(codes, T)
    every = ImageDenoiser(net, small_layout(net), *captions, guidance=1.0)(codes, T)
    masked = codes == CODES
    assert read == [(int(masked.sum()), "codebook"), (3 * IMAGE, "codebook")]
    assert torch.allclose(some[masked], every[masked])
    assert (some[~masked] == 0).all()
    assert (every[~masked] != 0).all()


def test_a_row_does_not_depend_on_its_batch(net, captions, codes):
    together = ImageDenoiser(net, small_layout(net), *captions, guidance=1.5)(codes, T)
    for row in range(3):
        own = slice(row, row + 1)
        alone = ImageDenoiser(net, small_layout(net), *(c[own] for c in captions), guidance=1.5)(codes[own], T[own])
        assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_the_network_receives_how_much_is_visible(net, captions, codes):
    received = []
    hook = net.conditioning.noise_level.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0]))
    ImageDenoiser(net, small_layout(net), *captions, guidance=1.0)(codes, T)
    hook.remove()
    share = (codes != CODES).float().mean(1)
    assert len(share.unique()) == 3
    assert torch.equal(received[-1], torch.cat([share, share]))


def test_the_classic_convention_counts_from_one(net, captions, codes):
    layout = small_layout(net)
    showo = ImageDenoiser(net, layout, *captions, guidance=1.5)(codes, T)
    assert torch.equal(ImageDenoiser(net, layout, *captions, guidance=2.5, convention="classic")(codes, T), showo)
    off = ImageDenoiser(net, layout, *captions)(codes, T)
    assert torch.equal(ImageDenoiser(net, layout, *captions, guidance=1.0, convention="classic")(codes, T), off)
    with pytest.raises(ConfigError, match="convention"):
        ImageDenoiser(net, layout, *captions, guidance=1.0, convention="other")
