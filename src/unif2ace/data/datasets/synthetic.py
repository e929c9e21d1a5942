"""Data set of synthetic faces, built on first use."""

from __future__ import annotations

from pathlib import Path

from unif2ace.data.build import BuildOptions, build_shards
from unif2ace.data.datasets.shards import ShardDataset
from unif2ace.data.shards import has_index
from unif2ace.data.sources.synthetic import SyntheticSource
from unif2ace.data.text_tokenizer import FILE_NAME
from unif2ace.progress import progress


class SyntheticDataset(ShardDataset):
    """Synthetic faces with exact attributes, captions and questions.

    Args:
        folder: Folder in which the shards are built on first use.
        num_samples: Total number of images in both splits.
        size: Image side in pixels.
        seed: Seed of the faces, captions, questions and the split.
        weight: Relative share of this data set in the training samples, > 0.
        workers: Number of worker processes of the build.
    """

    def __init__(
        self,
        folder: str | Path,
        num_samples: int = 20_000,
        size: int = 64,
        seed: int = 0,
        weight: float = 1.0,
        workers: int = 1,
    ) -> None:
        super().__init__(folder, weight)
        self.source = SyntheticSource(num_samples, size, seed)
        self.options = BuildOptions(seed=seed)
        self.workers = workers

    def prepare(self) -> None:
        """Builds the shards unless they exist; an interrupted build resumes.

        Raises:
            DataError: If the folder holds a build with other settings.
        """
        if not (has_index(self.folder / "val") and (self.folder / FILE_NAME).is_file()):
            with progress("synthetic faces") as advance:
                build_shards(self.source, self.folder, self.options, self.workers, advance)
