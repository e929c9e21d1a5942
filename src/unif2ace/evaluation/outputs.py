"""Outputs of a system on an evaluation set: a folder of pictures, captions, answers and likelihoods, read lazily.

All files of the folder are optional::

    manifest.json            system, weights, sampler, sizes, hashes of the evaluation set
    generated/KEY.png        the face generated from the prompt of KEY (also .jpg, .jpeg, .webp)
    generated/KEY.1.png      further faces of the same prompt, from other seeds: .1, .2, ...
    reconstructed/KEY.png    the image tokenizer's reconstruction of the true face
    captions.jsonl           {"key": KEY, "caption": ...}
    answers.jsonl            {"key": KEY, "question": ..., "answer": ...}
    likelihoods.jsonl        {"key": KEY, "nelbo": nats per image token, ...}

Generated pictures may also be in the folder itself. Their name may be the prompt instead of the key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet

Need = Literal[
    "generated",
    "diverse",
    "reconstructed",
    "captions",
    "answers",
    "unseen",
    "paraphrases",
    "items",
    "likelihoods",
    "evaluator",
    "real",
]
"""Inputs of a metric.

Outputs of a system: one face per prompt (``generated``), several faces of some prompts (``diverse``), reconstructions
of the true faces, captions, answers, answers to the same questions about other faces (``unseen``), answers to
paraphrases, answers to a question file (``items``), and likelihoods. Other inputs: the attribute classifier
(``evaluator``) and reference pictures (``real``)."""
MANIFEST = "manifest.json"
GENERATED, RECONSTRUCTED = "generated", "reconstructed"
CAPTIONS, ANSWERS, LIKELIHOODS = "captions.jsonl", "answers.jsonl", "likelihoods.jsonl"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
Made = TypeVar("Made")


class Outputs:
    """Outputs of one system.

    Args:
        folder: The folder.

    Attributes:
        folder: The folder.

    Raises:
        DataError: If there is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"outputs={folder}: there is no such folder; give one with generated/ or *.jsonl files")
        self._shared: dict[Any, Any] = {}

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """Model, options and evaluation set of the outputs; empty if there is no ``manifest.json``.

        Raises:
            DataError: If the file is damaged.
        """
        path = self.folder / MANIFEST
        if not path.is_file():
            return {}
        try:
            return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({error}): delete it, or make the outputs again") from error

    @property
    def system(self) -> str:
        """Name of the system."""
        return str(self.manifest.get("system", self.folder.name))

    def generated(
        self, key: str, number: int = 0, *, size: tuple[int, ...] | None = None, prompt: str | None = None
    ) -> Tensor:
        """A face generated from a sample's prompt, uint8 (3, H, W).

        Args:
            key: Key of the sample.
            number: Number n of the face: 0 for ``KEY.png``, else ``KEY.n.png``.
            size: Height and width to resize to (bicubic, antialiased); None to keep the size of the file.
            prompt: Prompt of the sample, which is tried as file name if there is no ``KEY.png``.

        Raises:
            DataError: If the picture is missing or cannot be read.
        """
        names = [key if not number else f"{key}.{number}", *([prompt] if prompt and not number else [])]
        found = next((self._generated[name] for name in names if name in self._generated), None)
        if found is None:
            raise DataError(f"{self.folder}: {names[0]}{SUFFIXES[0]} is missing; add it here or in {GENERATED}/")
        return resized(read_picture(found), size) if size else read_picture(found)

    def generated_images(self, eval_set: EvalSet, size: tuple[int, int] | None = None) -> Tensor:
        """The first face of each prompt, uint8 (S, 3, H, W).

        Args:
            eval_set: The evaluation set.
            size: Height and width to resize to (bicubic, antialiased); None for the size of the true faces.
        """
        pairs = zip(eval_set.keys, eval_set.prompts, strict=True)
        return self._stack((self.generated(key, prompt=prompt) for key, prompt in pairs), eval_set, size)

    def number_generated(self, key: str) -> int:
        """Number of faces generated from a sample's prompt, up to the first missing number."""
        number = int(key in self._generated)
        while f"{key}.{number}" in self._generated:
            number += 1
        return number

    def reconstructed_images(self, eval_set: EvalSet, size: tuple[int, int] | None = None) -> Tensor:
        """The reconstruction of each true face, uint8 (S, 3, H, W); see `generated_images`."""
        paths = (self.folder / RECONSTRUCTED / f"{key}.png" for key in eval_set.keys)
        return self._stack(map(read_picture, paths), eval_set, size)

    def caption(self, key: str) -> str:
        """The caption of a sample's true face.

        Raises:
            DataError: If the caption is missing.
        """
        return self._found(self._captions, key, CAPTIONS, key)

    def answer(self, key: str, question: str, max_new: int | None = None) -> str:
        """The answer to a question about a sample's true face.

        Args:
            key: Key of the sample.
            question: The question.
            max_new: Maximum length of the answer in tokens. A line without ``max_new`` is used if no line has this
                value.

        Raises:
            DataError: If the answer is missing.
        """
        item = (key, question, max_new) if (key, question, max_new) in self._answers else (key, question, None)
        return self._found(self._answers, item, ANSWERS, f"{key}: {question}")

    def has_answer(self, item: tuple[str, str, int | None], *, exact: bool = False) -> bool:
        """Whether the outputs contain the answer to a question.

        Args:
            item: (key of the sample, question, maximum length of the answer in tokens or None).
            exact: Whether ``max_new`` of the line must be equal; else a line without ``max_new`` counts too.
        """
        key, question, _ = item
        return item in self._answers or (not exact and (key, question, None) in self._answers)

    def likelihood(self, key: str) -> Mapping[str, Any]:
        """The likelihoods of a sample, such as ``nelbo`` in nats per image token.

        Raises:
            DataError: If the likelihoods are missing.
        """
        return self._found(self._likelihoods, key, LIKELIHOODS, key)

    def missing(self, need: Need, eval_set: EvalSet) -> list[str]:
        """Missing outputs, as file names or lines; empty if the outputs are complete.

        Args:
            need: Kind of outputs. ``diverse`` is complete if at least two prompts have two or more faces.
            eval_set: The evaluation set.
        """
        keys = eval_set.keys
        if need == "generated":
            pairs = zip(keys, eval_set.prompts, strict=True)
            return [f"{key}.png" for key, prompt in pairs if not {key, prompt} & self._generated.keys()]
        if need == "diverse":
            several = [key for key in keys if self.number_generated(key) > 1]
            return [] if len(several) > 1 else [f"{key}.1.png" for key in keys if key not in several][:2]
        if need == "reconstructed":
            return [
                f"{RECONSTRUCTED}/{k}.png" for k in keys if not (self.folder / RECONSTRUCTED / f"{k}.png").is_file()
            ]
        if need in ("captions", "likelihoods"):
            has = self._captions if need == "captions" else self._likelihoods
            return [f"{need}.jsonl: {key}" for key in keys if key not in has]
        items = asked(need, eval_set)
        return [f"{ANSWERS}: {item[0]}: {item[1]}" for item in items if not self.has_answer(item)]

    def shared(self, name: Any, make: Callable[[], Made]) -> Made:
        """A value that several metrics share, such as an extractor's features. Only the first call computes it.

        Args:
            name: Hashable name that includes everything the value depends on.
            make: Computes the value.
        """
        if name not in self._shared:
            self._shared[name] = make()
        return cast(Made, self._shared[name])

    @cached_property
    def _generated(self) -> dict[str, Path]:
        folder = self.folder / GENERATED
        folder = folder if folder.is_dir() else self.folder
        return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}

    @cached_property
    def _captions(self) -> dict[str, str]:
        return {row["key"]: row["caption"] for row in self._rows(CAPTIONS, ("key", "caption"))}

    @cached_property
    def _answers(self) -> dict[tuple[str, str, int | None], str]:
        rows = self._rows(ANSWERS, ("key", "question", "answer"))
        return {(row["key"], row["question"], row.get("max_new")): row["answer"] for row in rows}

    @cached_property
    def _likelihoods(self) -> dict[str, Mapping[str, Any]]:
        return {row["key"]: row for row in self._rows(LIKELIHOODS, ("key",))}

    def _rows(self, name: str, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The parsed lines of a JSON-lines file; none if the file does not exist."""
        path = self.folder / name
        for number, line in enumerate(_lines(path), start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number} is not JSON ({error}): fix the line") from error
            if not isinstance(row, dict) or not all(isinstance(row.get(text), str) for text in texts):
                wanted = ", ".join(f'"{text}": "..."' for text in texts)
                raise DataError(f"{path}:{number}: each line needs {{{wanted}}}")
            yield row

    def _found(self, rows: Mapping[Any, Made], at: Any, name: str, shown: str) -> Made:
        if at not in rows:
            raise DataError(f"{self.folder / name} has no line for {shown}; add it")
        return rows[at]

    def _stack(self, pictures: Iterator[Tensor], eval_set: EvalSet, size: tuple[int, int] | None) -> Tensor:
        import torch

        height, width = size or (eval_set.images.shape[2], eval_set.images.shape[3])
        return torch.stack([resized(picture, (height, width)) for picture in pictures])


def asked(need: Need, eval_set: EvalSet) -> list[tuple[str, str, int | None]]:
    """The questions of a need: (key of the face, question, maximum length of the answer in tokens or None).

    Args:
        need: ``answers``, ``unseen``, ``paraphrases`` or ``items``.
        eval_set: The evaluation set.
    """
    from unif2ace.evaluation.paraphrases import MAX_NEW

    if need == "paraphrases":
        texts = ((eval_set.keys[one.sample], text) for one in eval_set.paraphrases for text in (one.plain, one.text))
        return [(key, text, MAX_NEW) for key, text in dict.fromkeys(texts)]
    if need == "items":
        return [(eval_set.keys[number], item.prompt, None) for number, item in eval_set.items]
    keys = eval_set.keys if need == "answers" else eval_set.other_keys
    return [(keys[number], question.question, None) for number, question in eval_set.questions]


def resized(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resizes a picture, uint8 (3, H, W), with antialiased bicubic interpolation, unless it has this size already."""
    from torch.nn.functional import interpolate

    if (picture.shape[1], picture.shape[2]) == size:
        return picture
    grown = interpolate(picture[None].float(), size, mode="bicubic", antialias=True, align_corners=False)
    return grown[0].round().clamp(0, 255).to(picture.dtype)


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if line.strip())


def read_picture(path: Path) -> Tensor:
    """A picture file as RGB, uint8 (3, H, W).

    Raises:
        DataError: If the file cannot be read.
    """
    import numpy as np
    import torch
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
    except OSError as error:
        raise DataError(f"{path} cannot be read as a picture ({error}); replace the file") from error
