"""Face2Text: 18,690 human descriptions of 12,227 CelebA pictures (Tanti et al.; Zenodo 10973388)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from unif2ace.data.shards import SampleFault, decode_image
from unif2ace.data.shards.images import image_header
from unif2ace.data.sources.alignment import cut_square, face_square
from unif2ace.data.sources.base import EncodedImage
from unif2ace.data.sources.celeba import MEAN_LANDMARKS, SIZE_OF_ALIGNED
from unif2ace.data.sources.celeba_texts import CelebATextSource
from unif2ace.data.sources.cells import parse_captions
from unif2ace.data.sources.joined import PictureEntry
from unif2ace.data.sources.row_tables import find_tables
from unif2ace.data.sources.tables import read_table
from unif2ace.errors import ConfigError, DataError


@dataclass(kw_only=True, eq=False)
class Face2TextSource(CelebATextSource):
    """CelebA pictures with all their descriptions. For other settings see `CelebATextSource`.

    CelebA's aligned pictures (178x218) are cropped to FFHQ's square at the mean landmarks. Other pictures are cropped
    to their central square.

    Args:
        captions: File of the descriptions, or folder with one file per split; None for all ``*.json`` in `path`.
        size: Image side in pixels.
        image_column: JSON entry with the picture's name.
        caption_column: JSON entry with the description.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a file or list is missing or malformed, or no description belongs to a picture.
    """

    captions: str | None = None
    size: int | None = 128
    image_column: str = "filename"
    caption_column: str = "description"
    name: str = "face2text"

    IMAGES: ClassVar[tuple[str, ...]] = (
        "img_align_celeba/img_align_celeba",
        "img_align_celeba",
        "Img/img_align_celeba",
    )
    ATTRIBUTES: ClassVar[tuple[str, ...]] = ("list_attr_celeba.txt",)

    def _texts(self, root: Path) -> Iterator[tuple[object, PictureEntry | SampleFault]]:
        if self.size is None:
            raise ConfigError("source.size=null: the pictures are always cropped and resized; set source.size=128")
        place, pattern = root / (self.captions or ""), None if self.captions else "*.json"
        for file in find_tables(place, pattern, (".json", ".jsonl"), "source.captions", None):
            table = read_table(file, self.image_column)
            table.need(self.image_column, "source.image_column")
            table.need(self.caption_column, "source.caption_column")
            for row in table.rows:
                written = row.cells.get(self.image_column)
                try:
                    captions = parse_captions(row.cells.get(self.caption_column))
                    if not captions:
                        raise DataError("the picture has no description")
                    yield written, PictureEntry(row.place, captions=captions)
                except DataError as error:
                    yield written, SampleFault("schema", f"{row.place}: {error}")

    def _square(self, data: bytes) -> NDArray[np.uint8] | EncodedImage:
        header = image_header(data)
        if (header.width, header.height) != SIZE_OF_ALIGNED or self.size is None:
            return super()._square(data)
        return cut_square(decode_image(data), face_square(*MEAN_LANDMARKS), self.size)
