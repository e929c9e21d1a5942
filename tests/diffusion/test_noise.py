"""The random values of a step: streams of their own, named parts, and the same for a sample in any batch."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from unif2ace.diffusion.noise import SampleNoise, Stream, sample_uniforms

N = 16
NAMES = [f.name for f in fields(SampleNoise)]
INDICES = torch.arange(100, 140)


def test_random_values_of_a_sample_do_not_depend_on_its_company():
    alone, together = sample_uniforms(3, torch.tensor([7]), 9), sample_uniforms(3, torch.tensor([5, 7, 6]), 9)
    assert torch.equal(alone[0], together[1])
    assert not torch.equal(sample_uniforms(4, torch.tensor([7]), 9), alone)
    assert ((together >= 0) & (together < 1)).all()
    assert sample_uniforms(3, torch.tensor([], dtype=torch.int64), 9).shape == (0, 9)


def test_times_of_consecutive_samples_are_spread_evenly():
    times = sample_uniforms(0, torch.arange(1000, 1032), 1)[:, 0].sort().values
    assert times.diff().max() < 3 / 32


def test_all_other_values_are_uniform_and_independent():
    values = sample_uniforms(0, torch.arange(4000), 6)[:, 1:].double()
    assert (values.mean(0) - 1 / 2).abs().max() < 5 * (1 / 12 / 4000) ** 0.5
    correlation = torch.corrcoef(torch.cat([values, values.roll(1, 0)], 1).T) - torch.eye(10)  # and of neighbours
    assert correlation.abs().max() < 5 / 4000**0.5


def test_named_parts_are_the_columns():
    uniform = torch.arange(5 * (3 + 2 * N)).view(5, -1).float()
    noise = SampleNoise.split(uniform)
    assert torch.equal(noise.time, uniform[:, 0])
    assert torch.equal(noise.choice, uniform[:, 1 : 1 + N])
    assert torch.equal(noise.replacement, uniform[:, 1 + N : 1 + 2 * N])
    assert torch.equal(noise.visual_dropout, uniform[:, -2])
    assert torch.equal(noise.guidance_dropout, uniform[:, -1])
    together = [getattr(noise, name).reshape(5, -1) for name in NAMES]
    assert torch.equal(torch.cat(together, 1).sort(1).values, uniform), "each column has one name"


@pytest.mark.parametrize("stream", Stream)
def test_a_stream_is_the_seed_shifted(stream: Stream):
    drawn = SampleNoise.draw(40, stream, INDICES, N)
    expected = SampleNoise.split(sample_uniforms(40 + stream, INDICES, 3 + 2 * N))
    for name in NAMES:
        value = getattr(drawn, name)
        assert torch.equal(value, getattr(expected, name)), name
        assert value.dtype == torch.float32
        assert value.shape == ((40, N) if name in ("choice", "replacement") else (40,))


@pytest.mark.parametrize("name", NAMES)
def test_streams_differ(name: str):
    """Training, validation and the likelihood bound share no value of a sample, whatever part of the noise it is."""
    drawn = [getattr(SampleNoise.draw(40, stream, INDICES, N), name) for stream in Stream]
    assert len({int(stream) for stream in Stream}) == len(drawn) == 3
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert (one != other).float().mean() > 0.99
            assert not torch.equal(one.flatten().sort().values, other.flatten().sort().values)


@pytest.mark.parametrize("stream", Stream)
def test_a_sample_has_the_same_noise_in_any_batch(stream: Stream):
    whole = SampleNoise.draw(40, stream, INDICES, N)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    parts = [SampleNoise.draw(40, stream, INDICES[part], N) for part in order.split(7)]
    for name in NAMES:
        found = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(found, getattr(whole, name)[order]), name


def test_the_noise_of_some_samples_is_theirs():
    noise = SampleNoise.draw(40, Stream.TRAIN, INDICES, N)
    chosen = torch.tensor([31, 0, 17])
    mask = torch.zeros(40, dtype=torch.bool).index_fill(0, chosen, True)
    for some, places in ((noise[chosen], chosen), (noise[mask], chosen.sort().values)):
        alone = SampleNoise.draw(40, Stream.TRAIN, INDICES[places], N)
        assert all(torch.equal(getattr(some, name), getattr(alone, name)) for name in NAMES)


def test_no_sample_has_no_noise():
    noise = SampleNoise.draw(40, Stream.TRAIN, INDICES[:0], N)
    assert noise.choice.shape == noise.replacement.shape == (0, N)
    assert noise.time.shape == (0,)


def test_copies_of_a_sample_have_times_at_equal_distances_and_noise_of_their_own():
    index = torch.tensor([4, 9, 2**40])
    one, many = SampleNoise.draw(3, Stream.TRAIN, index, 5), SampleNoise.draw(3, Stream.TRAIN, index, 5, 4)
    for name in NAMES:
        assert torch.equal(getattr(one, name), getattr(many, name)[::4]), name
    times = many.time.view(3, 4).sort(1).values
    torch.testing.assert_close(times.diff(dim=1), torch.full((3, 3), 0.25))
    assert bool((many.time < 1).all())
    for noise in (many.choice, many.replacement):
        assert len(noise.flatten().unique()) == noise.numel()
    assert torch.equal(many.guidance_dropout.view(3, 4), one.guidance_dropout[:, None].expand(-1, 4))
