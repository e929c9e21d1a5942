"""The faulty images of a build: left out, counted, listed in a file, and limited to a share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from unif2ace.data.shards import SampleFault
from unif2ace.errors import DataError

FILE: Final = "faults.jsonl"
FEW: Final = 3
"""A positive `max_faults` accepts this many faulty images, up to a third of all images."""
_BEFORE: Final = "source"  # stands for a split: faults that the source found before it was split


class BuildFaults:
    """The list of faults in ``faults.jsonl``. A resumed build extends the list of the earlier run.

    Args:
        folder: Folder of the data set.
        found: Faults that the source found before any image was read, e.g. missing files.
        total: Number of images, including faulty ones.
        max_share: Accepted share of faulty images, in [0, 1]; 0 accepts none.
        started: Splits with finished shards. Earlier faults of other splits are removed, because those splits are built
            again.

    Raises:
        DataError: If there are more faults than `limit`.
    """

    def __init__(
        self, folder: Path, found: Sequence[SampleFault], total: int, max_share: float, started: Collection[str] = ()
    ) -> None:
        self.path, self.total, self.max_share = folder / FILE, total, max_share
        self._lines: list[dict[str, Any]] = []
        self._lines = _read(self.path)
        kept = [line for line in self._lines if line["split"] in started]
        self._keep([*(_line(_BEFORE, number, fault) for number, fault in enumerate(found)), *kept])
        self.check()

    @property
    def limit(self) -> int:
        """Accepted number of faulty images: max(max_share * total, min(3, total / 3)), or 0 if max_share is 0."""
        return max(int(self.max_share * self.total), min(FEW, self.total // 3)) if self.max_share else 0

    @property
    def causes(self) -> Mapping[str, int]:
        """Number of faults by cause, the most frequent first."""
        return dict(Counter(line["cause"] for line in self._lines).most_common())

    @property
    def first(self) -> str:
        """The first fault; empty if there is none."""
        return str(self._lines[0]["fault"]) if self._lines else ""

    def resume(self, split: str, position: int) -> None:
        """Removes the faults of a split from `position` on, because the build continues there."""
        self._keep([line for line in self._lines if line["split"] != split or line["position"] < position])

    def add(self, split: str, position: int, fault: SampleFault) -> None:
        """Adds a fault to the list and the file.

        Args:
            split: Name of the split.
            position: Index of the image in the split.
            fault: The fault, with the image's key.
        """
        line = _line(split, position, fault)
        self._lines.append(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def check(self) -> None:
        """Checks the number of faults.

        Raises:
            DataError: If there are more than `limit`.
        """
        number = len(self._lines)
        if number <= self.limit:
            return
        causes = ", ".join(f"{cause} {count:,}" for cause, count in self.causes.items())
        needed = min(1.0, -(-number * 1000 // self.total) / 1000)
        raise DataError(
            f"max_faults={self.max_share:g} accepts {self.limit:,} faulty pictures, but {number:,} of {self.total:,} "
            f"are faulty so far ({causes}); the first: {self.first}. All are listed in {self.path}: fix or remove "
            f"them, or set max_faults={needed:g} to leave them out"
        )

    def _keep(self, lines: list[dict[str, Any]]) -> None:
        """Replaces the list and its file. An unchanged list is not written, because the folder may be read-only."""
        if lines == self._lines:
            return
        self._lines = lines
        if not lines:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self.path.write_text(text, encoding="utf-8")


def faults_line(folder: Path) -> str:
    """One line for a report: the number of images left out, their causes, and the file that lists them."""
    lines = _read(folder / FILE)
    if not lines:
        return "left out: none"
    causes = Counter(line["cause"] for line in lines).most_common()
    counts = ", ".join(f"{cause} {count:,}" for cause, count in causes)
    return f"left out: {len(lines):,} faulty ({counts}), the first: {lines[0]['fault']}; all are in {folder / FILE}"


def listed_keys(folder: Path) -> set[str]:
    """Keys of the faulty images that ``faults.jsonl`` lists."""
    return {line["key"] for line in _read(folder / FILE) if line["key"]}


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); remove {path.parent} and build it again") from error


def _line(split: str, position: int, fault: SampleFault) -> dict[str, Any]:
    text = str(fault) if fault.shard else fault.message
    return {"split": split, "position": position, "key": fault.key, "cause": fault.cause, "fault": text}
