"""Writes the outputs of a system to a folder, batch by batch. A killed run resumes at the first missing batch."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from unif2ace.data.atomic import replacing
from unif2ace.errors import ConfigError
from unif2ace.evaluation.outputs import (
    ANSWERS,
    CAPTIONS,
    GENERATED,
    LIKELIHOODS,
    MANIFEST,
    RECONSTRUCTED,
    Need,
    Outputs,
    asked,
)
from unif2ace.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.system import Scored
    from unif2ace.evaluation.unified_scores import ScoreOptions

FORMAT = 1
DRAWS = 4
"""Number of random (time, mask) pairs per face for the likelihood bound."""
Item = TypeVar("Item")
_TITLES: dict[str, str] = {
    "answers": "questions",
    "unseen": "questions about other faces",
    "paraphrases": "paraphrases",
    "items": "questions of the file",
}


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the outputs of one system on one evaluation set.

    Args:
        system: The system.
        eval_set: The evaluation set.
        how: Sizes and seeds of the evaluation.
        folder: Output folder.
    """

    system: Scored
    eval_set: EvalSet
    how: ScoreOptions
    folder: Path

    def make(self, needs: Collection[Need], manifest: Mapping[str, Any]) -> Outputs:
        """Makes the missing outputs.

        A batch with a missing output is computed completely. Existing outputs are not overwritten.

        Args:
            needs: Outputs to make.
            manifest: Model, options and evaluation set, written to ``manifest.json`` before the outputs.

        Raises:
            ConfigError: If the manifest of the folder differs from `manifest`; the message names the field.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        write_manifest(self.folder, manifest)
        for name in (CAPTIONS, ANSWERS, LIKELIHOODS):
            _drop_cut_line(self.folder / name)
        if "generated" in needs or "diverse" in needs:
            self._generate(several="diverse" in needs)
        if "reconstructed" in needs:
            self._reconstruct()
        for need in ("answers", "unseen", "paraphrases", "items"):
            if need in needs:
                self._ask(need)
        if "captions" in needs:
            self._caption()
        if "likelihoods" in needs:
            self._bound()
        return Outputs(self.folder)

    def _generate(self, *, several: bool) -> None:
        """Generates one face per prompt and, if `several`, further faces of the first prompts. All seeds differ."""
        keys, prompts, how = self.eval_set.keys, self.eval_set.prompts, self.how
        count = len(keys)
        first = first_seed(how, count)
        todo = [(number, 0) for number in range(count)]
        if several:
            todo += [(number, k) for number in range(min(how.diverse, count)) for k in range(1, how.seeds)]

        def path(item: tuple[int, int]) -> Path:
            number, k = item
            return self.folder / GENERATED / (f"{keys[number]}.{k}.png" if k else f"{keys[number]}.png")

        def make(batch: Sequence[tuple[int, int]]) -> Sequence[Tensor]:
            seeds = [first + number + k * count for number, k in batch]
            return list(self.system.generate([prompts[number] for number, _ in batch], seeds))

        self._pictures("faces from captions", todo, path, make)

    def _reconstruct(self) -> None:
        keys, images = self.eval_set.keys, self.eval_set.images

        def make(batch: Sequence[int]) -> Sequence[Tensor]:
            return list(self.system.reconstruct(images[batch[0] : batch[-1] + 1]))

        def path(number: int) -> Path:
            return self.folder / RECONSTRUCTED / f"{keys[number]}.png"

        self._pictures("reconstructions", range(len(keys)), path, make)

    def _ask(self, need: Need) -> None:
        """Asks the system the questions that a metric needs, and writes the answers."""
        place = {key: number for number, key in enumerate(self.eval_set.keys)}
        todo = asked(need, self.eval_set)
        outputs = Outputs(self.folder)

        def make(batch: Sequence[tuple[str, str, int | None]]) -> Sequence[Mapping[str, Any]]:
            images = self.eval_set.images[[place[key] for key, _, _ in batch]]
            limit = batch[0][2]
            more = {"max_new": limit} if limit else {}
            said = self.system.ask(images, [question for _, question, _ in batch], **more)
            rows = zip(batch, said, strict=True)
            return [{"key": key, "question": question, **more, "answer": text} for (key, question, _), text in rows]

        def has(item: tuple[str, str, int | None]) -> bool:
            return outputs.has_answer(item, exact=True)

        self._lines(_TITLES[need], todo, self.folder / ANSWERS, has, make)

    def _caption(self) -> None:
        keys, images = self.eval_set.keys, self.eval_set.images
        has = set(keys) - set(self._missing("captions"))

        def make(batch: Sequence[int]) -> Sequence[Mapping[str, Any]]:
            said = self.system.caption(images[batch[0] : batch[-1] + 1])
            return [{"key": keys[number], "caption": text} for number, text in zip(batch, said, strict=True)]

        self._lines("captions", range(len(keys)), self.folder / CAPTIONS, lambda n: keys[n] in has, make)

    def _bound(self) -> None:
        keys, images, prompts = self.eval_set.keys, self.eval_set.images, self.eval_set.prompts
        has = set(keys) - set(self._missing("likelihoods"))
        tokenizer = str(Outputs(self.folder).manifest.get("components", {}).get("tokenizer", ""))

        def make(batch: Sequence[int]) -> Sequence[Mapping[str, Any]]:
            rows = slice(batch[0], batch[-1] + 1)
            found = self.system.likelihood_bound(images[rows], prompts[rows], batch, DRAWS).tolist()
            same = {"draws": DRAWS, "tokenizer": tokenizer}
            return [{"key": keys[number], "nelbo": nats, **same} for number, nats in zip(batch, found, strict=True)]

        self._lines("likelihood bounds", range(len(keys)), self.folder / LIKELIHOODS, lambda n: keys[n] in has, make)

    def _missing(self, need: Need) -> list[str]:
        return [line.partition(": ")[2] for line in Outputs(self.folder).missing(need, self.eval_set)]

    def _pictures(
        self,
        what: str,
        todo: Sequence[Item],
        path: Callable[[Item], Path],
        make: Callable[[Sequence[Item]], Sequence[Tensor]],
    ) -> None:
        def work(batch: Sequence[Item]) -> None:
            for item, picture in zip(batch, make(batch), strict=True):
                if not path(item).exists():
                    save_picture(picture, path(item))

        self._batches(what, todo, lambda item: path(item).exists(), work)

    def _lines(
        self,
        what: str,
        todo: Sequence[Item],
        file: Path,
        has: Callable[[Item], bool],
        make: Callable[[Sequence[Item]], Sequence[Mapping[str, Any]]],
    ) -> None:
        def work(batch: Sequence[Item]) -> None:
            rows = [row for item, row in zip(batch, make(batch), strict=True) if not has(item)]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            with file.open("ab") as out:
                out.write(text.encode())
                out.flush()
                os.fsync(out.fileno())

        self._batches(what, todo, has, work)

    def _batches(
        self, what: str, todo: Sequence[Item], has: Callable[[Item], bool], work: Callable[[Sequence[Item]], None]
    ) -> None:
        """Calls `work` on each batch that has a missing item, and shows progress."""
        size = self.how.batch_size
        with progress(what) as advance:
            for start in range(0, len(todo), size):
                batch = todo[start : start + size]
                if not all(map(has, batch)):
                    work(batch)
                advance(min(start + size, len(todo)), len(todo), what)


def first_seed(how: ScoreOptions, count: int) -> int:
    """Seed s of the first face. Face k of prompt n has the seed s + n + k * count."""
    return how.seed * how.seeds * count


def outputs_folder(parent: Path, manifest: Mapping[str, Any]) -> Path:
    """The folder of the outputs with this manifest, named by the hash of the manifest."""
    text = json.dumps(manifest, sort_keys=True)
    return parent / "outputs" / hashlib.sha256(text.encode()).hexdigest()[:12]


def eval_set_fields(eval_set: EvalSet, how: ScoreOptions) -> dict[str, Any]:
    """Fields of an evaluation set in the manifest: sizes, split and hashes."""
    asked = {"num_questions": len(eval_set.questions), "num_paraphrases": len(eval_set.paraphrases)}
    asked |= {"num_items": len(eval_set.items)} if eval_set.items else {}
    sizes = {"samples": len(eval_set), **asked}
    return {"split": eval_set.split, "caption": eval_set.caption, **sizes, "seed": how.seed, **eval_set.hashes()}


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest of a folder of outputs.

    Raises:
        ConfigError: If the folder has a different manifest; the message names the field that differs.
    """
    found = Outputs(folder).manifest
    if found:
        refuse_unlike(found, manifest, folder)
        return
    with replacing(folder / MANIFEST) as file:
        file.write((json.dumps(manifest, indent=1) + "\n").encode())


def refuse_unlike(found: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raises an error if two manifests differ.

    Raises:
        ConfigError: If a field in both manifests has different values; the message names the field.
    """
    for name, value in wanted.items():
        has = found.get(name, value)
        if isinstance(value, Mapping) and isinstance(has, Mapping):
            refuse_unlike(has, value, folder)
        elif has != value:
            raise ConfigError(
                f"the outputs in {folder} were made with {name}={has}, but this evaluation has {name}={value}: "
                "set the same options as for the outputs, or give another folder"
            )


def save_picture(picture: Tensor, path: Path) -> None:
    """Writes a picture, uint8 (3, H, W), as a PNG file. The write is atomic."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).cpu().numpy()).save(data, "PNG")
    with replacing(path) as file:
        file.write(data.getvalue())


def _drop_cut_line(path: Path) -> None:
    """Removes an incomplete last line, which a killed process leaves behind."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        whole = file.read()
        if not whole.endswith(b"\n"):
            file.truncate(whole.rfind(b"\n") + 1)
