"""CelebA-Dialog: captions of CelebA-HQ images and of five of their attributes (Jiang et al., ICCV 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unif2ace.data.shards import SampleFault
from unif2ace.data.sources.celeba_texts import CelebAHQTextSource
from unif2ace.data.sources.cells import parse_captions
from unif2ace.data.sources.joined import PictureEntry
from unif2ace.data.sources.tables import read_table
from unif2ace.errors import DataError, nearest

CAPTIONS = ("captions_hq.json", "text/captions_hq.json", "text_hq/captions_hq.json", "captions.json")


@dataclass(kw_only=True, eq=False)
class CelebADialogSource(CelebAHQTextSource):
    """CelebA-HQ pictures with CelebA-Dialog's captions. For other settings see `CelebATextSource`.

    Editing requests are not read, because they are not descriptions. The five fine-grained labels are not read, because
    the release does not define their degrees.

    Args:
        captions: JSON file of the captions; None for ``captions_hq.json`` in `path` or in its subfolder ``text``.
        attribute_captions: Whether the captions of single attributes are read after the overall caption.
        name: Short name, prefix of the keys.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If a file or list is missing or malformed, or no caption belongs to a picture.
    """

    captions: str | None = None
    attribute_captions: bool = True
    name: str = "celeba_dialog"

    def _texts(self, root: Path) -> Iterator[tuple[object, PictureEntry | SampleFault]]:
        places = [self.captions] if self.captions else CAPTIONS
        found = next((root / place for place in places if (root / place).is_file()), None)
        if found is None:
            there = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.json"))
            raise DataError(f"{root} has no {places[0]}{nearest(places[0], there)} (source.captions)")
        table = read_table(found)
        table.need("overall_caption", "source.captions")
        for row in table.rows:
            try:
                captions = parse_captions(row.cells.get("overall_caption"))
                single = row.cells.get("attribute_wise_captions")
                if self.attribute_captions and isinstance(single, dict):
                    captions += parse_captions(list(single.values()))
                if not captions:
                    raise DataError("the picture has no caption")
                yield row.cells["file"], PictureEntry(row.place, captions=tuple(dict.fromkeys(captions)))
            except DataError as error:
                yield row.cells["file"], SampleFault("schema", f"{row.place}: {error}")
