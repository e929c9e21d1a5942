"""Decodes the files of a sample; the extension selects the decoder. Shapes: H x W pixels.

No decoder executes code from a file: there is no pickle, and object arrays and unknown extensions are rejected. Sizes
are checked in the file header before the file is decoded.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import IMAGE_EXTENSIONS, decode_image

MAX_ARRAY_BYTES: Final = 1 << 28
EXECUTABLE: Final = frozenset({"pkl", "pickle", "pyd", "pth", "pt", "ckpt", "dill", "joblib"})


def decode(data: bytes, extension: str) -> Any:
    """Decodes a file to RGB pixels uint8 (H, W, 3), a JSON tree, a text, or arrays.

    Args:
        data: The file's bytes.
        extension: Everything after the first dot of the file name, such as ``jpg`` or ``tokens.npy``.

    Raises:
        SampleFault: If the extension is not in `DECODERS` or the file is faulty.
    """
    kind = extension.rpartition(".")[2].lower()
    decoder = DECODERS.get(kind)
    if decoder is None:
        why = "can run code and is never read" if kind in EXECUTABLE else "is unknown"
        raise SampleFault("refused", f"file type .{extension} {why}; use one of {', '.join(DECODERS)}")
    return decoder(data)


def decode_json(data: bytes) -> Any:
    """Decodes a JSON file.

    Raises:
        SampleFault: If the file is not UTF-8 or not JSON.
    """
    try:
        return json.loads(data.decode())  # from bytes, json would accept UTF-16 and UTF-32 as well
    except (ValueError, RecursionError) as error:
        raise SampleFault("json", f"the file is not valid JSON: {error}") from error


def decode_text(data: bytes) -> str:
    """Decodes a text file in UTF-8.

    Raises:
        SampleFault: If the file is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SampleFault("json", f"the file is not valid UTF-8: {error}") from error


def decode_array(data: bytes) -> NDArray[Any]:
    """Decodes an npy file to an array of any shape (...).

    Raises:
        SampleFault: If the file is damaged, holds an object array, is over 256 MiB, or its header disagrees with its
            size.
    """
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        # A header may claim far more than the file holds, and the memory would be allocated first.
        if math.prod(shape) * dtype.itemsize != len(data) - stream.tell() or len(data) > MAX_ARRAY_BYTES:
            stated = f"the array's header states shape {shape} of {dtype}"
            raise SampleFault("size", f"{stated}, but the file has {len(data):,} bytes")
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except SampleFault:
        raise
    except Exception as error:
        raise SampleFault("schema", f"the array cannot be read: {error}") from error


def decode_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """Decodes an npz file to arrays by name, of any shape (...).

    Raises:
        SampleFault: If the file is damaged, holds an object array, or unpacks to more than 256 MiB.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > MAX_ARRAY_BYTES:
                raise SampleFault("size", f"the arrays unpack to {total:,} bytes; the limit is {MAX_ARRAY_BYTES:,}")
            return {e.filename.removesuffix(".npy"): decode_array(archive.read(e)) for e in archive.infolist()}
    except SampleFault:
        raise
    except Exception as error:
        raise SampleFault("schema", f"the arrays cannot be read: {error}") from error


DECODERS: Final[Mapping[str, Callable[[bytes], Any]]] = MappingProxyType(
    {
        **{extension: partial(decode_image, extension=extension) for extension in IMAGE_EXTENSIONS},
        "json": decode_json,
        "txt": decode_text,
        "npy": decode_array,
        "npz": decode_arrays,
    }
)
