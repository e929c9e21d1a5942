"""Multi-Modal-CelebA-HQ: ten sentences for each picture of CelebA-HQ (Xia et al., CVPR 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.celeba_texts import CelebAHQTextSource
from unif2ace.data.sources.joined import PictureEntry
from unif2ace.data.sources.paths import existing_folder
from unif2ace.data.sources.text_files import read_lines
from unif2ace.errors import DataError

TEXTS = ("text/celeba-caption", "celeba-caption", "text")


@dataclass(kw_only=True, eq=False)
class MMCelebAHQSource(CelebAHQTextSource):
    """CelebA-HQ pictures with one text file each, one caption per line. For other settings see `CelebATextSource`.

    Args:
        captions: Folder of the text files; None for the first of `TEXTS` that exists.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a folder or list is missing or malformed, or no text belongs to a picture.
    """

    captions: str | None = None
    name: str = "mm_celeba_hq"

    def _texts(self, root: Path) -> Iterator[tuple[object, PictureEntry | SampleFault]]:
        places = [self.captions] if self.captions else TEXTS
        found = next((root / place for place in places if (root / place).is_dir()), None)
        folder = existing_folder(found or root / places[0], "source.captions")
        files = sorted(f for f in folder.rglob("*") if f.suffix.lower() == ".txt")
        if not files:
            raise DataError(f"source.captions: {folder} has no .txt files")
        for file in files:
            try:
                lines = tuple(dict.fromkeys(read_lines(file)))
                yield (
                    file.stem,
                    PictureEntry(file.name, captions=lines) if lines else SampleFault("missing", f"{file} is empty"),
                )
            except DataError as error:
                yield file.stem, SampleFault("schema", str(error))
