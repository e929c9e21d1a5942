"""A picture of one's own through the tokenizer: upright, cut to its middle, its tokens readable on the sheet."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from unif2ace.data.images import Picture, read_picture
from unif2ace.data.roundtrip import draw_sheet, find_pictures, roundtrip, summary, token_grid
from unif2ace.data.sources.pictures import square_picture
from unif2ace.errors import ConfigError, DataError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.types import Quantized


class _Grays(Quantizer):
    """256 codes: the grays."""

    dim, num_codes = 3, 256

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        ids = ((z.mean(1) + 1) * 127.5).round().long()
        return Quantized(z, z, z, ids, num_codes=256)

    def decode_ids(self, ids: Tensor) -> Tensor:
        return (ids[:, None] / 127.5 - 1).expand(-1, 3, -1, -1)


class GrayNet(TokenizerNet):
    """Gives back each block of 8x8 pixels as its mean gray."""

    def __init__(self) -> None:
        super().__init__()
        self.factor, self.encoder, self.quantizer = 8, nn.AvgPool2d(8), _Grays()
        self.decoder = nn.Sequential(nn.Upsample(scale_factor=8), nn.Conv2d(3, 3, 1, bias=False))
        self.decoder[1].weight.data = torch.eye(3)[:, :, None, None]


def test_the_tokens_and_the_difference_are_those_of_the_network():
    plane = np.kron([[10, 60], [110, 250]], np.ones((8, 8)))
    plane[::2] += 4  # each block's mean is 2 above its darker rows
    pixels = np.repeat(plane.astype(np.uint8)[:, :, None], 3, axis=2)
    (trip,) = roundtrip(GrayNet(), [Picture("a", pixels, "16x16")])
    assert trip.ids.tolist() == [[12, 62], [112, 252]]
    back = np.kron(trip.ids, np.ones((8, 8))).astype(np.uint8)
    np.testing.assert_array_equal(trip.reconstruction[..., 1], back)
    assert trip.psnr == pytest.approx(20 * math.log10(255) - 10 * math.log10(4))  # 2 off everywhere
    assert trip.bits == 4 * 8
    assert "4 different), 32 bits; 16x16" in summary(trip)


def test_a_picture_that_comes_back_whole_has_no_error():
    (trip,) = roundtrip(GrayNet(), [Picture("a", np.full((8, 8, 3), 77, np.uint8), "")])
    assert trip.psnr == math.inf
    assert trip.ids.tolist() == [[77]]


def test_a_side_that_is_no_multiple_is_refused():
    with pytest.raises(ConfigError, match="size=12: it must be a multiple of 8, the tokenizer's factor"):
        roundtrip(GrayNet(), [Picture("a", np.zeros((12, 12, 3), np.uint8), "")])


def test_the_middle_square_is_used_and_said(tmp_path: Path):
    image = Image.new("RGB", (60, 20), "red")
    image.paste((0, 0, 255), (20, 0, 40, 20))
    image.save(tmp_path / "wide.png")
    picture = read_picture(tmp_path / "wide.png", 16)
    assert picture.pixels.shape == (16, 16, 3)
    assert (picture.pixels[:, 1:-1] == (0, 0, 255)).all()
    assert np.array_equal(picture.pixels, square_picture((tmp_path / "wide.png").read_bytes(), 16))  # as imported
    assert picture.note == "60x20, cut to its middle 20x20, resized to 16x16"
    assert read_picture(tmp_path / "wide.png", 20).note == "60x20, cut to its middle 20x20"


def test_a_picture_stands_upright_as_its_camera_said(tmp_path: Path):
    image = Image.new("RGB", (16, 16), "black")
    image.paste((255, 255, 255), (0, 0, 16, 8))  # the upper half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # the viewer must turn it a quarter to the right
    image.save(tmp_path / "a.png", exif=exif)
    pixels = read_picture(tmp_path / "a.png", 16).pixels
    assert (pixels[:, 8:] == 255).all()
    assert (pixels[:, :8] == 0).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1", "I;16", "F"])
def test_every_kind_of_picture_becomes_colour(mode: str, tmp_path: Path):
    ending = "tif" if mode in ("CMYK", "F") else "png"
    white = np.full((16, 16), 65535 if mode in ("I;16", "F") else 255)
    made = Image.new("RGB", (16, 16), "white").convert(mode) if mode not in ("I;16", "F") else Image.fromarray(
        white.astype(np.uint16 if mode == "I;16" else np.float32)
    )  # fmt: skip
    made.save(tmp_path / f"a.{ending}")
    pixels = read_picture(tmp_path / f"a.{ending}", 16).pixels
    assert pixels.shape == (16, 16, 3)
    assert (pixels >= 254).all()


def test_what_is_transparent_becomes_white(tmp_path: Path):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_picture(tmp_path / "a.png", 8).pixels == 255).all()


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"x" * 50])
def test_a_file_that_is_no_picture_is_named(data: bytes, tmp_path: Path):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png cannot be read as a picture"):
        read_picture(tmp_path / "a.png", 8)


def test_files_lists_and_folders_are_found(tmp_path: Path):
    for name in ("b.png", "a.jpg", "c,d.png"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    a, b, cd = (tmp_path / n for n in ("a.jpg", "b.png", "c,d.png"))
    assert find_pictures(str(tmp_path), 9) == [a, b, cd]
    assert find_pictures(str(tmp_path), 2) == [a, b]
    assert find_pictures(f"{b},{a}", 1) == [b, a]
    assert find_pictures(str(cd), 1) == [cd]
    assert find_pictures([str(a), str(b)], 1) == [a, b]
    with pytest.raises(DataError, match=r"aa.jpg does not exist.* .did you mean 'a.jpg'"):
        find_pictures(str(tmp_path / "aa.jpg"), 1)
    with pytest.raises(DataError, match="holds no picture"):
        find_pictures(str(tmp_path / "empty"), 1)


def test_equal_tokens_have_equal_colours_and_others_their_own():
    ids = np.arange(64).reshape(8, 8)
    ids[0, 1] = 0
    image = np.asarray(token_grid(ids, 40))
    corners = [tuple(image[r * 40 + 2, c * 40 + 2]) for r in range(8) for c in range(8)]
    assert corners[0] == corners[1]
    assert len(set(corners)) == 63


def test_a_sheet_has_a_row_for_each_picture():
    pictures = [Picture(n, np.full((16, 16, 3), 40 * k, np.uint8), "") for k, n in enumerate("abc")]
    trips = roundtrip(GrayNet(), pictures)
    one, three = draw_sheet(trips[:1]), draw_sheet(trips)
    assert one.width == three.width
    assert three.height > 2.5 * one.height
    assert three.getpixel((30, one.height + 60)) == (40, 40, 40)  # the second row shows the second picture
