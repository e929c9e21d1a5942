"""What is kept of a picture, and what is drawn anew."""

from __future__ import annotations

import pytest
import torch

from unif2ace.diffusion.inpainting import inpaint, keep_tokens, mask_tokens
from unif2ace.diffusion.samplers.base import PerSampleRNG
from unif2ace.errors import ConfigError, DataError

codes = torch.arange(24).view(2, 12) % 9


def test_kept_codes_stay_and_the_rest_is_masked():
    keep = torch.rand(2, 3, 4) < 0.5
    out = inpaint(codes, keep, 9)
    assert torch.equal(out, inpaint(codes, keep.flatten(1), 9))
    assert torch.equal(out[keep.flatten(1)], codes[keep.flatten(1)])
    assert bool((out[~keep.flatten(1)] == 9).all())
    for_all = inpaint(codes, keep[0], 9)
    assert torch.equal(for_all, inpaint(codes, keep[:1].expand(2, -1, -1), 9))


def test_a_grid_of_a_square_picture_alone_is_not_taken_for_a_batch():
    square = torch.zeros(1, 4, dtype=torch.int64)
    assert inpaint(square, torch.tensor([[True, False], [False, True]]), 9).tolist() == [[0, 9, 9, 0]]
    assert inpaint(square, torch.tensor([[True, False, False, True]]), 9).tolist() == [[0, 9, 9, 0]]


def test_a_token_is_kept_if_all_its_pixels_are():
    keep = torch.ones(1, 8, 12, dtype=torch.bool)
    keep[0, 5, 3] = False
    tokens = keep_tokens(keep, 2, 3)
    assert tokens.tolist() == [[True, True, True, False, True, True]]
    assert keep_tokens(keep, 2, 3, share=0.9).all()
    keep[0, 4:, 4:8] = False
    assert keep_tokens(keep, 2, 3, share=0.5).tolist() == [[True, True, True, True, False, True]]


def test_masks_of_another_size_are_errors():
    with pytest.raises(DataError, match="8 x 12 pixels does not fit 3 x 3"):
        keep_tokens(torch.ones(1, 8, 12, dtype=torch.bool), 3, 3)
    with pytest.raises(DataError, match="mask of 10 tokens for images of 12"):
        inpaint(codes, torch.ones(2, 10, dtype=torch.bool), 9)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_a_variation_masks_an_exact_share_chosen_by_seed(share: float):
    many = torch.zeros(400, 20, dtype=torch.int64)
    out = mask_tokens(many, share, 9, PerSampleRNG(range(400)))
    assert bool(((out == 9).sum(1) == round(20 * share)).all())
    assert bool(((out == 9) | (out == 0)).all())
    assert torch.equal(mask_tokens(many[7:8], share, 9, PerSampleRNG([7]))[0], out[7])
    if 0 < share < 1:
        often = (out == 9).double().mean(0)
        assert float((often - share).abs().max()) < 5 * (share * (1 - share) / 400) ** 0.5
        assert not torch.equal(out[0], out[1])


def test_which_codes_are_masked_says_nothing_of_a_samplers_numbers_from_the_same_seeds():
    rows = 4000
    masked = mask_tokens(torch.zeros(rows, 16, dtype=torch.int64), 0.25, 9, PerSampleRNG(range(rows))) == 9
    numbers = PerSampleRNG(range(rows)).uniform(16)[masked]
    share = torch.histc(numbers, 10, 0, 1) / len(numbers)
    assert float((share - 0.1).abs().max()) < 5 * (0.09 / len(numbers)) ** 0.5


def test_a_share_above_one_is_an_error():
    with pytest.raises(ConfigError, match=r"1\.5"):
        mask_tokens(codes, 1.5, 9, PerSampleRNG([0, 1]))
