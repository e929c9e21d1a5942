"""One function decodes pixels: upright, in sRGB, of any type; every reader of the package uses it."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from unif2ace.data.images import read_picture
from unif2ace.data.shards import ShardReader, build_index, collect_statistics
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import SUFFIXES, decode_image, image_header, image_size, picture_type
from unif2ace.data.sources.base import EncodedImage
from unif2ace.data.sources.pictures import square_picture

SOURCE = Path(__file__).parents[3] / "src" / "unif2ace"
TYPES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def halves(width=24, height=16):
    """Red above blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, :, 0] = pixels[height // 2 :, :, 2] = 255
    return Image.fromarray(pixels)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sideways(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(halves().transpose(Image.Transpose.ROTATE_90), kind, exif=exif, quality=95)


@pytest.mark.parametrize("extension", TYPES)
def test_a_picture_held_sideways_is_upright_for_every_reader(tmp_path, extension):
    data = sideways(TYPES[extension])
    (tmp_path / f"p.{extension}").write_bytes(data)
    text = b'{"schema": 1, "source": "x", "license": "CC0-1.0"}'
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for name, content in ((f"k.{extension}", data), ("k.json", text)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    build_index(tmp_path)
    reader = ShardReader(tmp_path)
    whole = [decode_image(data, extension), reader.decoded(0).image, reader.image(0), reader[0].pixels()]
    squares = [square_picture(data, None), read_picture(tmp_path / f"p.{extension}", 16).pixels]
    for pixels in whole + squares:
        assert pixels.shape[:2] == ((16, 24) if any(pixels is one for one in whole) else (16, 16))
        assert pixels[2, :, 0].min() > 200 > 60 > pixels[2, :, 2].max()
        assert pixels[-3, :, 2].min() > 200
    assert image_size(data, extension) == (24, 16)
    assert collect_statistics(tmp_path).image_sizes == {"24x16": 1}


def test_colours_are_converted_to_srgb_and_a_file_that_needs_it_is_not_kept():
    grey, wide = Image.new("RGB", (16, 16), (120, 60, 60)), ImageCms.createProfile("LAB")
    del wide
    # A profile with another gamma: its middle grey is darker in sRGB.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert isinstance(square_picture(encoded(grey, icc_profile=srgb), None), EncodedImage)
    other = srgb.replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be")).replace(b"sRGB", b"xRGB")
    assert not image_header(encoded(grey, icc_profile=other)).as_stored
    made = square_picture(encoded(grey, icc_profile=other), None)
    assert isinstance(made, np.ndarray)
    np.testing.assert_allclose(made.astype(int), np.asarray(grey).astype(int), atol=3)  # the curve is sRGB's still
    broken = encoded(grey, icc_profile=b"no profile at all")
    assert (decode_image(broken) == np.asarray(grey)).all()


@pytest.mark.parametrize(
    "suffix", [s for s in SUFFIXES if s in (".bmp", ".tif", ".gif", ".jfif", ".ppm", ".jp2", ".avif")]
)
def test_types_beyond_those_of_a_shard_are_imported_as_pixels(suffix):
    kind = {".tif": "TIFF", ".jfif": "JPEG", ".jp2": "JPEG2000"}.get(suffix, suffix[1:].upper())
    data = encoded(Image.new("RGB", (16, 16), (200, 100, 50)), kind)
    assert picture_type(data[:12]) == image_header(data).format
    made = square_picture(data, None)
    assert isinstance(made, EncodedImage) == (suffix == ".jfif")
    np.testing.assert_allclose(decode_image(data)[8, 8], (200, 100, 50), atol=6)


def test_a_large_photograph_is_read_where_it_is_resized():
    data = encoded(Image.new("RGB", (5000, 3300), (9, 99, 9)), "JPEG")
    assert square_picture(data, 64).shape == (64, 64, 3)
    with pytest.raises(SampleFault, match="5000x3300"):
        decode_image(data, "jpg")
    with pytest.raises(SampleFault, match=r"5000x5000.*source\.size"):
        square_picture(encoded(Image.new("L", (5000, 5000))), None)


@pytest.mark.parametrize("data", [b"", b"text", sideways("JPEG")[:-300], sideways("PNG")[:-40]])
def test_damaged_files_are_faults(data):
    with pytest.raises(SampleFault):
        decode_image(data)
    with pytest.raises(SampleFault):
        square_picture(data, None)


def test_nothing_else_decodes_pixels():
    readers = ("Image.open(", "simplejpeg.decode_jpeg", "imread(", "exif_transpose")
    files = (file for file in SOURCE.rglob("*.py") if any(reader in file.read_text() for reader in readers))
    own = {  # files that the package wrote itself, and the demo's uploads, whose limits are checked before decoding
        "evaluation/outputs.py",
        "evaluation/corruptions.py",
        "demo/limits.py",
        "demo/page.py",
        "report/sampled_faces.py",  # the prompt alone, no pixels
    }
    assert {file.relative_to(SOURCE).as_posix() for file in files} - own == {"data/shards/images.py"}
