"""Images of a caller: converted exactly if they can be read in one way only, refused with the remedy otherwise."""

from __future__ import annotations

import io
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image

from unif2ace.data.images import Picture, as_images
from unif2ace.data.roundtrip import roundtrip
from unif2ace.data.shards import SampleFault, decode_image, to_rgb
from unif2ace.errors import ConfigError, DataError

IMAGE = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LAST = IMAGE.permute(0, 2, 3, 1)
PIL = [Image.fromarray(pixels.numpy()) for pixels in LAST]


@pytest.mark.parametrize(
    "given",
    [
        IMAGE,
        LAST,
        IMAGE.numpy(),
        LAST.numpy(),
        LAST.numpy().astype(">i2"),
        IMAGE.long(),
        IMAGE.float() / 255,
        (IMAGE.double() / 255).numpy(),
        IMAGE.half() / 255,
        PIL,
        list(IMAGE),
        [LAST[0].numpy(), IMAGE[1:]],
        [PIL[0], PIL[1].convert("RGBA")],
    ],
)
def test_every_kind_that_says_what_it_is_becomes_the_same_bytes(given):
    assert torch.equal(as_images(given, 16), IMAGE)


@pytest.mark.filterwarnings("error")
def test_pictures_that_cannot_be_written_or_have_gradients_are_read():
    fixed = LAST.numpy().copy()
    fixed.flags.writeable = False
    for given in (fixed, (IMAGE / 255).requires_grad_()):
        assert torch.equal(as_images(given), IMAGE)
    for given in (IMAGE.to_sparse(), IMAGE.to("meta")):
        with pytest.raises(DataError, match=r"\.to_dense\(\)\.cpu\(\)"):
            as_images(given)


def test_one_picture_and_gray_pictures_are_pictures_too():
    for one in (IMAGE[0], LAST[0].numpy(), PIL[0], IMAGE[0] / 255):
        assert torch.equal(as_images(one), IMAGE[:1])
    gray = IMAGE[0, 0]
    for one in (gray, gray[None], gray[..., None].numpy(), Image.fromarray(gray.numpy()), gray / 255):
        assert torch.equal(as_images(one), gray.expand(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (IMAGE.float(), r"0 to 255.*by x / 255"),
        (IMAGE / 127.5 - 1, r"\(x \+ 1\) / 2"),
        (torch.full((1, 3, 16, 16), torch.nan), "NaN"),
        (IMAGE / torch.zeros(()), "NaN"),
        ((IMAGE / 255).to(torch.uint8), r"\(255 \* x\)"),
        ((IMAGE / 255).round().long(), r"\(255 \* x\)"),
        (IMAGE > 128, "bool"),
        (IMAGE.int() - 1, "-1 to 254"),
        (IMAGE.numpy().astype(np.uint16) * 257, "16 bits"),
        (np.array(PIL, dtype=object), "dtype object"),
        (IMAGE[:, [0, 1, 2, 0]], "alpha"),
        (IMAGE[:, :2], r"\(2, 2, 16, 16\)"),
        (IMAGE[None], "shape"),
        (IMAGE[:0], "no picture"),
        ([], "no picture"),
        ([IMAGE[0], IMAGE[0, :, :8]], "16x16 and 16x8"),
        ("face.png", r"type str.*read_picture"),
        (None, "NoneType"),
    ],
)
def test_what_could_be_read_wrongly_is_refused_with_the_remedy(given, remedy: str):
    with pytest.raises(DataError, match=remedy):
        as_images(given)


def test_another_size_is_refused():
    with pytest.raises(ConfigError, match="16x16 pixels: this model takes 32x32"):
        as_images(IMAGE, 32)


def _png(array) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_files_of_more_than_eight_bits_are_read_or_refused():
    gray = IMAGE[0, 0].numpy()
    assert np.array_equal(decode_image(_png(gray.astype(np.uint16) * 257), "png")[..., 1], gray)
    with pytest.raises(SampleFault, match="save it as 8 bits"):
        decode_image(_png(gray.astype(np.uint16)), "png")
    assert np.array_equal(to_rgb(Image.fromarray(gray.astype(np.float32) / 255))[..., 2], gray)
    for wrong in (gray / 127.5 - 1, gray * 1.0, np.full((16, 16), np.nan)):
        with pytest.raises(SampleFault, match="save it as 8"):
            to_rgb(Image.fromarray(wrong.astype(np.float32)))


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "CMYK", "YCbCr", "HSV", "RGBA", "RGBa", "RGBX", "I;16"]
)
def test_every_mode_becomes_colour(mode: str):
    white = Image.new("RGB", (16, 16), "white")
    made = {"La": "LA", "RGBa": "RGBA"}.get(mode)
    image = white.convert(made).convert(mode) if made else white.convert(mode)
    if mode == "I;16":
        image = Image.fromarray(np.full((16, 16), 65535, np.uint16))
    assert (to_rgb(image) >= 254).all()


def test_the_round_trip_names_pictures_of_two_sizes():
    pictures = [Picture("a", LAST[0].numpy(), ""), Picture("b", LAST[1, :8, :8].numpy(), "")]

    with pytest.raises(DataError, match="16x16 and 8x8"):
        roundtrip(Mock(factor=4), pictures)
