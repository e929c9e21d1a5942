"""The output folder of a step: settings, a tar and a journal for each input shard, and finally the index."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from unif2ace.curation.inputs import StepInput
from unif2ace.curation.journal import Journal, compact, finished_keys, read_journal
from unif2ace.curation.step import Step
from unif2ace.data.atomic import replacing
from unif2ace.data.output_lock import output_lock
from unif2ace.data.shards import build_index, has_index, load_index
from unif2ace.data.shards.index import BUILD
from unif2ace.data.shards.open_shard import OpenShard
from unif2ace.data.shards.writer import differences, sample_files
from unif2ace.errors import DataError

_SHOWN = 16  # characters of a fingerprint


class StepFolder:
    """The output folder of a step.

    Args:
        folder: The folder; created if missing.
        step: The step.
        inputs: Input of the step.
        write: Whether to write the settings into an empty or missing folder; False writes nothing.

    Raises:
        DataError: If the folder holds output of other settings or another input, or tars that no step wrote.
    """

    def __init__(self, folder: str | Path, step: Step[Any], inputs: StepInput[Any], *, write: bool = True) -> None:
        self.folder, self.inputs = Path(folder), inputs
        self.recipe = json.loads(
            json.dumps({"step": step.name, "settings": step.describe(), "input": inputs.describe()})
        )
        self.fingerprint = sha256(json.dumps(self.recipe, sort_keys=True).encode()).hexdigest()[:_SHOWN]
        self._check()
        if write and not self.finished:
            self._begin()

    def tar(self, shard: int) -> Path:
        """Path of the output shard with this number."""
        return self.folder / f"shard-{shard:06d}.tar"

    def journal(self, shard: int) -> Path:
        """Path of the journal of a shard."""
        return self.folder / f"shard-{shard:06d}.journal.jsonl"

    @property
    def finished(self) -> bool:
        """Whether the folder is complete, with its index."""
        return has_index(self.folder)

    def missing(self, shards: Sequence[int]) -> list[int]:
        """Those of the given shards that are not written yet."""
        return [] if self.finished else [shard for shard in shards if not self.tar(shard).is_file()]

    def journalled(self, shard: int) -> set[str]:
        """Keys of the finished items of a shard that is not written yet."""
        return finished_keys(self.journal(shard), self.fingerprint)

    def write(self, shard: int, journal: Journal) -> None:
        """Writes a shard from its complete journal, in the order of the input."""
        out = OpenShard(self.tar(shard))
        try:
            for place, key in enumerate(self.inputs.keys(shard)):
                for sample in journal.samples(key, partial(self.inputs.read, shard, place)):
                    out.write(sample.key, sample_files(sample))
        except BaseException:
            out.abandon()
            raise
        out.finish()
        compact(self.journal(shard), self.fingerprint, self.inputs.keys(shard))

    def finish(self, before_index: Callable[[], None] | None = None) -> bool:
        """Makes the index if all shards of all parts are written.

        Args:
            before_index: Called before the index is made; it may rewrite shards. It must be repeatable, because a run
                that is killed during the call repeats it.

        Returns:
            Whether the folder is finished.

        Raises:
            DataError: If no sample is left in the whole folder.
        """
        every = range(len(self.inputs))
        if self.finished:
            return True
        if self.missing(every):
            return False
        with output_lock(self.folder / "index", "folder", single=True, wait=True):
            if has_index(self.folder):  # another part waited less
                return True
            for shard in every:
                compact(self.journal(shard), self.fingerprint, self.inputs.keys(shard))
            self._refuse_nothing()
            if before_index:
                before_index()
            build_index(self.folder, recipe=self.recipe)
            (self.folder / BUILD).unlink(missing_ok=True)
        return True

    def _refuse_nothing(self) -> None:
        outcomes, kept = Counter[str](), 0
        for shard in range(len(self.inputs)):
            for _, result, number in read_journal(self.journal(shard)):
                outcomes[result.outcome] += 1
                kept += number
        if not kept:
            causes = ", ".join(f"{outcome} {count:,}" for outcome, count in outcomes.most_common())
            raise DataError(
                f"all {outcomes.total():,} samples were left out ({causes}), see {self.folder}/*.jsonl for the "
                f"reasons; remove {self.folder} and run again with other settings or another input"
            )

    def _changes(self, before: Mapping[str, Any]) -> list[str]:
        """Differences from the settings in the folder. For inputs only the names are listed, not the fingerprints."""
        old, new = ({name: value for name, value in tree.items() if name != "input"} for tree in (before, self.recipe))
        was, now = before.get("input", {}), self.recipe["input"]
        inputs = sorted(name for name in {*was, *now} if was.get(name) != now.get(name))
        return differences(old, new) + [f"its input changed ({', '.join(inputs)})"] * bool(inputs)

    def _check(self) -> None:
        path, mend = self.folder / BUILD, f"Restore these settings, give another folder, or remove {self.folder}"
        if self.finished:
            before = load_index(self.folder).recipe
            if changed := self._changes(before):
                raise DataError(
                    f"{self.folder} holds a finished data set with other settings: {'; '.join(changed)}. {mend}"
                )
            return
        if not path.exists():
            if any(self.folder.glob("*.tar")):
                raise DataError(f"{self.folder} holds tars that no curation step wrote; give another folder")
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))["recipe"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged; remove {self.folder} and run again") from error
        if changed := self._changes(before):
            raise DataError(
                f"{self.folder} holds an unfinished data set with other settings: {'; '.join(changed)}. {mend}"
            )

    def _begin(self) -> None:
        """Writes the settings, unless another part has written them already."""
        path = self.folder / BUILD
        with output_lock(path, "folder", single=True, wait=True):
            if path.exists():
                self._check()
                return
            with replacing(path) as file:
                file.write(json.dumps({"recipe": self.recipe}, indent=1).encode())
