"""What the tests of shards share: small samples, sound folders, and tars with whatever is asked for."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from unif2ace.attributes import AttributeRecord
from unif2ace.data.shards import Metadata, Sample, ShardWriter, encode_jpeg
from unif2ace.language.question import Question

Files = Iterable[tuple[str, bytes]]


def _picture(number: int, side: int = 24) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


def _sample(number: int) -> Sample:
    metadata = Metadata(
        source="test",
        license="CC0-1.0",
        caption=f"A face with black hair, number {number}.",
        captions=("Short.",),
        attributes=AttributeRecord(hair_colour="black", eyeglasses=number % 2 == 0),
        qa=(
            Question("Is the person wearing glasses?", "Yes." if number % 2 == 0 else "No.", "yes_no", "eyeglasses"),
            Question("What colour is the hair?", "Black.", "what", "hair_colour"),
        ),
        provenance={"seed": number, "steps": ["collect"]},
        identity=f"person-{number // 2}",
    )
    return Sample(f"face-{number:05d}", encode_jpeg(_picture(number)), "jpg", metadata)


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """Random pixels from a number."""
    return _picture


@pytest.fixture
def make_sample() -> Callable[[int], Sample]:
    """A sound sample from a number."""
    return _sample


@pytest.fixture
def text() -> bytes:
    """A sound KEY.json."""
    return _sample(0).metadata.encode()


@pytest.fixture
def jpeg() -> bytes:
    """A sound picture."""
    return _sample(0).image


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """A finished folder of so many sound samples."""

    def make(num_samples: int = 10, samples_per_shard: int = 4, name: str = "folder") -> Path:
        with ShardWriter(tmp_path / name, samples_per_shard, recipe={"n": num_samples}) as writer:
            for number in range(num_samples):
                writer.write(_sample(number))
        return tmp_path / name

    return make


@pytest.fixture
def write_tar(tmp_path: Path) -> Callable[..., Path]:
    """A tar of any names and bytes, in the folder ``plain``; its path is returned."""

    def write(files: Files, name: str = "a.tar", tar_format: int = tarfile.USTAR_FORMAT) -> Path:
        path = tmp_path / "plain" / name
        path.parent.mkdir(exist_ok=True)
        with tarfile.open(path, "w", format=tar_format) as tar:
            for file_name, data in files:
                info = tarfile.TarInfo(file_name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture
def altered(text: bytes) -> Callable[..., bytes]:
    """A KEY.json with some entries changed; an entry set to `...` is taken out."""

    def change(**entries: object) -> bytes:
        tree = {**json.loads(text), **entries}
        return json.dumps({name: value for name, value in tree.items() if value is not ...}).encode()

    return change
