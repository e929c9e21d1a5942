"""Finds the generated faces in a folder, by prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from PIL import Image

_FACE = re.compile(r"(\d+)-(generated-(\d+)|reconstruction|true)\.png")
_SEED = re.compile(r"(\d{3,})-seed\d+\.png")


class SampledFaces:
    """Generated faces of a system by prompt.

    Args:
        folder: Folder of an evaluation with ``prompts.txt`` and ``faces/``, or a folder of `unif2ace-generate`, whose
            PNG files contain their prompts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def generated(self) -> Mapping[str, Sequence[Path]]:
        """Files of the generated faces by prompt, in the order of their seeds."""
        return self._evaluated[0] or self._of_command

    @property
    def beside(self) -> Mapping[str, Mapping[str, Path]]:
        """By prompt: the existing files ``reconstruction`` and ``true`` of the face that the prompt describes."""
        return self._evaluated[1]

    @cached_property
    def _evaluated(self) -> tuple[dict[str, list[Path]], dict[str, dict[str, Path]]]:
        try:
            prompts = (self.folder / "prompts.txt").read_text(encoding="utf-8", errors="replace").splitlines()
            files = sorted((self.folder / "faces").iterdir())
        except OSError:
            return {}, {}
        named = [(found, path) for path in files if (found := _FACE.fullmatch(path.name))]
        numbers = sorted({found[1] for found, _ in named if found[3]}, key=int)
        generated: dict[str, list[Path]] = {}
        beside: dict[str, dict[str, Path]] = {}
        for number, prompt in zip(numbers, prompts, strict=False):
            of_prompt = [(found, path) for found, path in named if found[1] == number]
            seeds = sorted((int(found[3]), path) for found, path in of_prompt if found[3])
            generated.setdefault(_plain(prompt), []).extend(path for _, path in seeds)
            beside.setdefault(_plain(prompt), {}).update({found[2]: path for found, path in of_prompt if not found[3]})
        return generated, beside

    @cached_property
    def _of_command(self) -> dict[str, list[Path]]:
        """Faces that `unif2ace-generate` wrote."""
        found: dict[str, list[Path]] = {}
        try:
            files = sorted(path for path in self.folder.iterdir() if _SEED.fullmatch(path.name))
        except OSError:
            return {}
        for path in files:
            if prompt := _prompt(path):
                found.setdefault(_plain(prompt), []).append(path)
        return found


def _prompt(path: Path) -> str:
    """The prompt in the metadata of a PNG file; empty if there is none."""
    try:
        with Image.open(path) as picture:
            return str(picture.info.get("prompt", ""))
    except (OSError, ValueError, SyntaxError):
        return ""


def _plain(prompt: str) -> str:
    return " ".join(prompt.split())
