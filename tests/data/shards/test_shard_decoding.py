from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from unif2ace.data.shards import SampleFault, decode, decode_image, encode_jpeg
from unif2ace.errors import DataError


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def empty_png(width: int, height: int) -> bytes:
    """A black grayscale PNG of any size, a few kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = zlib.compressobj()
    body = b"".join([*(row.compress(bytes(width // 8 + 2)) for _ in range(height)), row.flush()])
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("extension", ["png", "webp"])
def test_lossless_pictures_come_back_exactly(picture, extension):
    pixels = picture(0)
    data = saved(Image.fromarray(pixels), extension, **({"lossless": True} if extension == "webp" else {}))
    assert np.array_equal(decode_image(data, extension), pixels)


def test_jpeg_keeps_smooth_pictures_and_repeats_its_bytes():
    y, x = np.mgrid[0:64, 0:64]
    pixels = np.stack([2 * x + y, 3 * y, 255 - 2 * x], axis=2).clip(0, 255).astype(np.uint8)
    data = encode_jpeg(pixels)
    assert data == encode_jpeg(pixels.copy()) == encode_jpeg(np.asfortranarray(pixels))
    assert np.abs(decode_image(data, "jpg").astype(int) - pixels).mean() < 1.5


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "I;16"])
def test_every_mode_of_png_becomes_rgb(mode):
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(gray.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(gray).convert(mode)
    out = decode_image(saved(image, "PNG"), "png")
    assert out.shape == (16, 16, 3)
    assert out.dtype == np.uint8
    if mode != "1":
        assert np.abs(out.astype(int) - gray[:, :, None]).max() <= 1


def test_transparent_parts_become_white():
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (decode_image(saved(image, "PNG"), "png") == 255).all()


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_gray_and_cmyk_jpegs_become_rgb(mode):
    image = Image.new("RGB", (16, 16), (200, 200, 200)).convert(mode)
    out = decode_image(saved(image, "JPEG", quality=95), "jpg")
    assert out.shape == (16, 16, 3)
    assert np.abs(out.astype(int) - 200).max() <= 4


@pytest.mark.parametrize("side", [4097, 12_000, 16_000])
@pytest.mark.parametrize("square", [True, False])
def test_a_bomb_is_refused_by_its_header(side, square):
    data = empty_png(side, side if square else 8)
    assert len(data) < 200_000
    # In another process, because the peak of memory is what tells whether it was decoded.
    code = (
        "import resource, sys\n"
        "from unif2ace.data.shards import SampleFault, decode_image\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    decode_image(data, 'png')\n"
        "except SampleFault as fault:\n"
        "    print(fault.cause, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    if not square or side == 4097:
        with pytest.raises(SampleFault) as caught:
            decode_image(data, "png")
        assert caught.value.cause == "size"
        return
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], input=data, capture_output=True, check=True)
    cause, kilobytes = out.stdout.split()
    assert cause == b"size"
    assert int(kilobytes) < 16_000, "16,000 pixels squared take 256 MB even at one byte each"


def test_the_size_of_a_jpeg_is_checked_before_it_is_decoded(jpeg):
    at = jpeg.index(b"\xff\xc0") + 5
    forged = jpeg[:at] + struct.pack(">HH", 60_000, 60_000) + jpeg[at + 4 :]
    with pytest.raises(SampleFault, match="60000x60000") as caught:
        decode_image(forged, "jpg")
    assert caught.value.cause == "size"


@pytest.mark.parametrize("extension", ["jpg", "png", "webp"])
def test_damaged_pictures_say_so(picture, extension):
    good = saved(Image.fromarray(picture(0)), "JPEG" if extension == "jpg" else extension)
    for bad in (b"", b"nothing", good[: len(good) // 2], good[:20], b"\0" * 100):
        with pytest.raises(SampleFault) as caught:
            decode_image(bad, extension)
        assert caught.value.cause == "image"
        assert str(caught.value)


def test_a_picture_must_be_of_the_type_of_its_name(jpeg):
    with pytest.raises(SampleFault):
        decode_image(jpeg, "png")


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("extension", ["pth", "pyd", "pkl", "pickle", "pt", "tokens.pth", "npy", "npz", "json"])
def test_nothing_that_is_read_can_run_code(tmp_path, extension):
    marker = tmp_path / "marker"
    data = pickle.dumps(Evil(str(marker)))
    buffer = io.BytesIO()
    if extension == "npy":
        np.save(buffer, np.array([Evil(str(marker))], dtype=object), allow_pickle=True)
    elif extension == "npz":
        np.savez(buffer, a=np.array([Evil(str(marker))], dtype=object))
    with pytest.raises(SampleFault):
        decode(buffer.getvalue() or data, extension)
    assert not marker.exists()
    pickle.loads(data)
    assert marker.exists(), "the test's own pickle must be able to fail it"


def test_what_can_run_code_is_refused_by_name():
    with pytest.raises(SampleFault, match="run code") as caught:
        decode(b"", "pth")
    assert caught.value.cause == "refused"


def test_text_json_and_arrays_are_read():
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    one, many = io.BytesIO(), io.BytesIO()
    np.save(one, array)
    np.savez_compressed(many, clip=array, face=array[0])
    assert decode("Gesicht ü".encode(), "txt") == "Gesicht ü"
    assert decode(b'{"a": 1}', "json") == {"a": 1}
    assert np.array_equal(decode(one.getvalue(), "tokens.npy"), array)
    read = decode(many.getvalue(), "cond.npz")
    assert np.array_equal(read["clip"], array)
    assert np.array_equal(read["face"], array[0])


def test_an_array_that_promises_more_than_it_has_takes_no_memory():
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with pytest.raises(SampleFault) as caught:
        decode(header.getvalue() + bytes(64), "npy")
    assert caught.value.cause == "size"


def test_a_packed_bomb_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(300 << 20))
    with pytest.raises(SampleFault) as caught:
        decode(buffer.getvalue(), "npz")
    assert caught.value.cause == "size"


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3)])
def test_only_pictures_are_encoded(shape):
    with pytest.raises(DataError, match="H, W, 3"):
        encode_jpeg(np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match="float"):
        encode_jpeg(np.zeros((8, 8, 3)))  # type: ignore[arg-type]
