"""The journal of one shard: one line of JSON for each input sample, appended as soon as the sample is finished.

A journal lies beside its output shard. If the process is killed while it writes a line, the next run cuts off this line
and repeats only its sample. Once the shard is written, the journal is compacted: it drops samples and keeps outcomes.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any

from unif2ace.curation.step import StepResult, StepUsage
from unif2ace.data.atomic import explained, replacing
from unif2ace.data.shards import Sample, check_metadata
from unif2ace.data.shards.schema import Rules
from unif2ace.errors import DataError

# A caption that was accepted when it was written is read again as it is.
_ANY = Rules(max_caption=1 << 30, max_captions=1 << 30, max_questions=1 << 30, max_text=1 << 30)


class Journal:
    """An append-only journal, used as a context manager. Only one process may open it at a time.

    Args:
        path: The journal file; created if missing.
        recipe: Fingerprint of the step's settings and input. Lines with another fingerprint are ignored.

    Raises:
        DataError: If a line other than the last one is damaged.
    """

    def __init__(self, path: Path, recipe: str) -> None:
        self.path, self.recipe = path, recipe
        self._places: dict[str, tuple[int, int]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = 0
        for offset, length, line in _lines(path):
            whole = offset + length
            if line["recipe"] == recipe and (line["samples"] is not None):
                self._places[line["key"]] = offset, length
        self._file: FileIO = path.open("ab+", buffering=0)
        self._end = whole
        self._file.truncate(whole)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        """Whether the sample with this key is finished."""
        return key in self._places

    def add(self, key: str, result: StepResult, before: bytes = b"") -> None:
        """Appends the result of one sample.

        Args:
            key: Key of the input sample.
            result: Result of the step for this sample.
            before: Encoded image of the input sample. An output sample with the same image is journalled without it.

        Raises:
            DataError: If the disk is full.
        """
        line = {
            "key": key,
            "recipe": self.recipe,
            "outcome": result.outcome,
            "reason": result.reason,
            "usage": asdict(result.usage),
            "notes": dict(result.notes),
            "kept": len(result.samples),
            "samples": [_encoded(sample, before) for sample in result.samples],
        }
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with explained(self.path):
            self._write(data)
        self._places[key] = self._end, len(data)
        self._end += len(data)

    def samples(self, key: str, read: Callable[[], Sample]) -> list[Sample]:
        """Reads the output samples of a finished key back from the journal.

        Args:
            key: Key of the input sample.
            read: Reads the input sample; called for output samples that were journalled without their image.
        """
        offset, length = self._places[key]
        line = json.loads(os.pread(self._file.fileno(), length, offset))
        return [_decoded(tree, read) for tree in line["samples"]]

    def _write(self, data: bytes) -> None:
        """Appends all bytes or none, so that no line follows an incomplete line."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except BaseException:
            self._file.truncate(self._end)
            raise


def finished_keys(path: Path, recipe: str) -> set[str]:
    """Keys of the finished samples in a journal that is not yet compacted."""
    return {line["key"] for _, _, line in _lines(path) if line["recipe"] == recipe and line["samples"] is not None}


def compact(path: Path, recipe: str, keys: Sequence[str]) -> None:
    """Drops the samples from the journal of a written shard, and sorts its lines in the order of the input.

    Args:
        path: The journal.
        recipe: Fingerprint of the step's settings and input. Lines with another fingerprint are dropped.
        keys: Keys of the input shard, in order.
    """
    lines = {line["key"]: line for _, _, line in _lines(path) if line["recipe"] == recipe}
    if list(lines) == list(keys) and all(line["samples"] is None for line in lines.values()):
        return
    with replacing(path) as file:
        for key in keys:
            if key in lines:
                line = {**lines[key], "samples": None}
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def read_journal(path: Path) -> Iterator[tuple[str, StepResult, int]]:
    """Yields (key, result, number of output samples) of each finished input. The results contain no samples.

    Args:
        path: The journal.
    """
    for _, _, line in _lines(path):
        usage = StepUsage(**line["usage"])
        yield line["key"], StepResult((), line["outcome"], line["reason"], usage, line["notes"]), line["kept"]


def _lines(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yields (byte offset, length in bytes, parsed JSON) of each complete line."""
    if not path.is_file():
        return
    offset = 0
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            if not data.endswith(b"\n"):
                return  # torn: the process was killed while it wrote
            try:
                line = json.loads(data)
                line["key"], line["recipe"], line["samples"], line["usage"]
            except (ValueError, KeyError, TypeError) as error:
                if not file.peek(1):
                    return
                raise DataError(f"{path}: line {number} is damaged; remove this line and run again") from error
            yield offset, len(data), line
            offset += len(data)


def _encoded(sample: Sample, before: bytes) -> dict[str, Any]:
    same = bool(before) and sample.image == before
    image = None if same else b64encode(sample.image).decode()
    return {"key": sample.key, "extension": sample.extension, "image": image, "json": sample.metadata.to_json()}


def _decoded(tree: Mapping[str, Any], read: Callable[[], Sample]) -> Sample:
    metadata = check_metadata(tree["json"], _ANY)
    if tree["image"] is not None:
        return Sample(tree["key"], b64decode(tree["image"]), tree["extension"], metadata)
    before = read()
    return Sample(tree["key"], before.image, tree["extension"], metadata, before.others)
