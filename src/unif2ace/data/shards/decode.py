"""Decodes files of a sample by a fixed table of extensions. Shapes: H x W pixels.

Nothing here executes what it reads: there is no pickle, object arrays are refused, and so is every extension outside
the table. Sizes are read from the header before anything is decoded.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from unif2ace.data.shards.faults import SampleFault

MAX_SIDE: Final = 4096
MAX_PIXELS: Final = 16_000_000
MAX_ARRAY_BYTES: Final = 1 << 28
EXECUTABLE: Final = frozenset({"pkl", "pickle", "pyd", "pth", "pt", "ckpt", "dill", "joblib"})
IMAGE_EXTENSIONS: Final = ("jpg", "jpeg", "png", "webp")


def decode(data: bytes, extension: str) -> Any:
    """The value of a file: RGB pixels uint8 (H, W, 3), a JSON tree, text, or arrays.

    Args:
        data: The file's bytes.
        extension: All after the first dot of its name, such as ``jpg`` or ``tokens.npy``.

    Raises:
        SampleFault: If the extension is not in the table or the file is faulty.
    """
    kind = extension.rpartition(".")[2].lower()
    decoder = DECODERS.get(kind)
    if decoder is None:
        why = "can run code when opened; it is never read" if kind in EXECUTABLE else "is not known"
        raise SampleFault("refused", f"file type .{extension} {why}; readable are {', '.join(DECODERS)}")
    return decoder(data)


def decode_image(data: bytes, extension: str) -> NDArray[np.uint8]:
    """RGB pixels of an encoded image, uint8 (H, W, 3).

    Grayscale, palette, CMYK and 16-bit images become 8-bit RGB; transparent parts become white. Orientation tags are
    not applied.

    Args:
        data: The file's bytes.
        extension: ``jpg``, ``jpeg``, ``png`` or ``webp``.

    Raises:
        SampleFault: If it is not such an image, is damaged, or has a side above 4096 or more than 16 million pixels.
    """
    if extension in ("jpg", "jpeg"):
        return _decode_jpeg(data)
    if extension not in IMAGE_EXTENSIONS:
        raise SampleFault("refused", f"{extension!r} is no type of picture; use {', '.join(IMAGE_EXTENSIONS)}")
    return _decode_with_pillow(data, extension.upper())


def image_size(data: bytes, extension: str) -> tuple[int, int]:
    """Width and height in the header of an encoded image, without decoding it.

    Args:
        data: The file's bytes.
        extension: ``jpg``, ``jpeg``, ``png`` or ``webp``.

    Raises:
        SampleFault: If it has no readable header.
    """
    name = "JPEG" if extension in ("jpg", "jpeg") else extension.upper()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[name]) as image:
                return image.size
    except Exception as error:
        raise SampleFault("image", f"the {name} has no readable header: {error}") from error


def _decode_jpeg(data: bytes) -> NDArray[np.uint8]:
    if not data:
        raise SampleFault("image", "the picture is an empty file")
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(width, height)
        if colours in ("CMYK", "YCCK"):
            return _decode_with_pillow(data, "JPEG")
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data)
    except ValueError as error:
        if isinstance(error, SampleFault):
            raise
        raise SampleFault("image", f"the JPEG does not decode: {error}") from error
    return pixels


def _decode_with_pillow(data: bytes, name: str) -> NDArray[np.uint8]:
    if not data:
        raise SampleFault("image", "the picture is an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            with Image.open(io.BytesIO(data), formats=[name]) as image:
                _check_size(*image.size)
                image.load()
                return to_rgb(image)
    except Image.DecompressionBombError as error:
        limit = f"a side of {MAX_SIDE} and {MAX_PIXELS:,} pixels are the limit"
        raise SampleFault("size", f"the picture is far too large; {limit}") from error
    except SampleFault:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds: OSError, SyntaxError, struct.error, ...
        raise SampleFault("image", f"the {name} does not decode: {type(error).__name__}: {error}") from error


def to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    """RGB pixels of an image of any mode, uint8 (H, W, 3); transparent parts become white.

    Values of more than 8 bits are read as 0..65535, floats also as 0..1. Values up to 255 are refused: 8-bit values in
    a 16-bit file would be black.

    Raises:
        SampleFault: If values of more than 8 bits have another range, or are not finite.
    """
    if image.mode.startswith(("I", "F")):
        return np.repeat(_from_deep(np.asarray(image), image.mode)[:, :, None], 3, axis=2)
    if image.mode == "La":
        image = image.convert("LA")
    if (image.mode != "LAB" and "A" in image.mode) or "transparency" in image.info:
        picture = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.array(image.convert("RGB"))


def _from_deep(values: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    """uint8 (H, W) of values in 0..65535, or of floats in 0..1."""
    low, high = values.min(), values.max()
    if mode.startswith("F") and low >= 0 and high <= 1:
        return (255 * values).round().astype(np.uint8)
    if not (low >= 0 and high <= 65535):  # NaN fails too
        raise SampleFault("image", f"the picture has values {low:g} to {high:g}; save it as 8 or 16 bits")
    if 0 < high < 256:
        raise SampleFault("image", f"the picture has 16 bits or more and values {low:g} to {high:g}; save it as 8 bits")
    return (values.astype(np.int64) >> 8).astype(np.uint8)


def _check_size(width: int, height: int) -> None:
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        limit = f"a side of {MAX_SIDE} and {MAX_PIXELS:,} pixels are the limit"
        raise SampleFault("size", f"the picture is {width}x{height}; {limit}")


def decode_json(data: bytes) -> Any:
    """The tree of a JSON file.

    Raises:
        SampleFault: If it is not UTF-8 or not JSON.
    """
    try:
        return json.loads(data.decode())  # from bytes, json would accept UTF-16 and UTF-32 as well
    except (ValueError, RecursionError) as error:
        raise SampleFault("json", f"no valid JSON: {error}") from error


def decode_text(data: bytes) -> str:
    """Text in UTF-8.

    Raises:
        SampleFault: If it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SampleFault("json", f"no valid UTF-8: {error}") from error


def decode_array(data: bytes) -> NDArray[Any]:
    """The array of an npy file, of any shape (...); object arrays are refused.

    Raises:
        SampleFault: If it is damaged, holds objects, or its header and file size differ.
    """
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        # A header may claim far more than the file holds, and the memory would be allocated first.
        if math.prod(shape) * dtype.itemsize != len(data) - stream.tell() or len(data) > MAX_ARRAY_BYTES:
            stated = f"the array's header says shape {shape} of {dtype}"
            raise SampleFault("size", f"{stated}, the file has {len(data):,} bytes")
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except SampleFault:
        raise
    except Exception as error:
        raise SampleFault("schema", f"no readable array: {error}") from error


def decode_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file by name, of any shape (...).

    Raises:
        SampleFault: If it is damaged, holds objects, or unpacks to more than 256 MiB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > MAX_ARRAY_BYTES:
                raise SampleFault("size", f"the arrays unpack to {total:,} bytes; {MAX_ARRAY_BYTES:,} are the limit")
            return {e.filename.removesuffix(".npy"): decode_array(archive.read(e)) for e in archive.infolist()}
    except SampleFault:
        raise
    except Exception as error:
        raise SampleFault("schema", f"no readable arrays: {error}") from error


DECODERS: Final[Mapping[str, Callable[[bytes], Any]]] = MappingProxyType(
    {
        "jpg": _decode_jpeg,
        "jpeg": _decode_jpeg,
        "png": lambda data: _decode_with_pillow(data, "PNG"),
        "webp": lambda data: _decode_with_pillow(data, "WEBP"),
        "json": decode_json,
        "txt": decode_text,
        "npy": decode_array,
        "npz": decode_arrays,
    }
)
