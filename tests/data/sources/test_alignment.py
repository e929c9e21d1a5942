"""The square around a face: it follows the face wherever it is, and is cut out where it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unif2ace.data.sources.alignment import cut_square, face_square

FACE = np.array([[70.0, 110.0], [108.0, 110.0], [89.0, 152.0]])


def test_an_upright_face_gives_an_upright_square_around_it():
    corners = face_square(*FACE)
    side = max(4 * 38.0, 3.6 * 42.0)
    centre = np.array([89.0, 110.0 + 0.1 * 42.0])
    half = side / 2 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    np.testing.assert_allclose(corners, centre + half, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-100, 100), st.floats(-100, 100))
def test_the_square_moves_turns_and_grows_with_the_face(angle, scale, right, down):
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = face_square(*(FACE @ turn + (right, down)))
    np.testing.assert_allclose(moved, face_square(*FACE) @ turn + (right, down), atol=1e-6)


def test_it_is_a_square_even_where_mouth_and_eyes_are_askew():
    corners = face_square(FACE[0], FACE[1], FACE[2] + (15, 4))
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    np.testing.assert_allclose(sides, sides[0])
    np.testing.assert_allclose(corners[0] + corners[2], corners[1] + corners[3])


def ramp(height=90, width=80):
    """Red grows to the right and green downwards by two a pixel; a pixel's value is that of its middle."""
    pixels = np.full((height, width, 3), 40, np.uint8)
    pixels[..., 0] = 2 * np.arange(width)
    pixels[..., 1] = 2 * np.arange(height)[:, None]
    return pixels


@pytest.mark.parametrize("size", [16, 40, 64])
def test_a_cut_shows_what_lies_in_its_corners(size):
    corners = np.array([[20.0, 30], [20, 70], [60, 70], [60, 30]])
    image = cut_square(ramp(), corners, size).astype(float)
    middles = (np.arange(size) + 0.5) * 40 / size - 0.5
    inner = slice(size // 8, -size // 8)  # the filters reach over the edge of a cut
    np.testing.assert_allclose(
        image[inner, inner, 0], np.broadcast_to(2 * (20 + middles), (size, size))[inner, inner], atol=2
    )
    np.testing.assert_allclose(
        image[inner, inner, 1], np.broadcast_to(2 * (30 + middles[:, None]), (size, size))[inner, inner], atol=2
    )


def test_a_turned_face_is_cut_upright():
    picture = np.random.default_rng(0).integers(0, 255, (10, 10, 3)).astype(np.uint8).repeat(9, 0).repeat(9, 1)
    corners = np.array([[20.0, 25], [20, 65], [60, 65], [60, 25]])
    turned = np.ascontiguousarray(np.rot90(picture))  # to the left: what was at (x, y) is at (y, width - x)
    there = np.stack([corners[:, 1], 90 - corners[:, 0]], axis=1)
    difference = cut_square(picture, corners, 32).astype(int) - cut_square(turned, there, 32)
    assert np.abs(difference).max() <= 2


def test_beyond_the_edge_the_picture_is_mirrored():
    picture = ramp()
    over = cut_square(picture, np.array([[-20.0, -20], [-20, 20], [20, 20], [20, -20]]), 40)
    assert over.min() >= 0
    assert (over[..., 2] == 40).all()  # black corners would be darker
    np.testing.assert_allclose(over[20:38, 2:18].astype(int), over[20:38, 38:22:-1].astype(int), atol=4)


def test_a_large_square_is_averaged_and_not_sampled():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    image = cut_square(noise, np.array([[0.0, 0], [0, 256], [256, 256], [256, 0]]), 32)
    assert noise.std() > 70
    assert image.std() < 20  # the mean of 8x8 pixels varies by an eighth
