"""`unif2ace-ask`: answers questions about images."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.command import is_word, quoted, run
from unif2ace.errors import ConfigError, check_list

APP = "unif2ace-ask"


def ask(config: DictConfig) -> list[str]:
    """Prints an answer for each image, or the probabilities of candidate answers.

    Returns:
        The answers.

    Raises:
        ConfigError: If the image or the question is missing.
        DataError: If the checkpoint or an image cannot be read.
    """
    import torch

    from unif2ace.data.roundtrip import find_pictures, read_picture
    from unif2ace.inference.pipeline import load

    if OmegaConf.is_missing(config, "picture") or OmegaConf.is_missing(config, "question"):
        raise ConfigError(f'a picture and a question are needed: `{APP} face.png "Is she wearing glasses?"`')
    if config.choices:
        check_list(config.choices, "choices")
    files = find_pictures(config.picture, config.count)
    model = load(config.ckpt, device=config.device, allow=config.engine.allow)
    pictures = [read_picture(Path(file), model.image_size) for file in files]
    images = torch.stack([torch.from_numpy(p.pixels).permute(2, 0, 1) for p in pictures])
    question = str(config.question)
    if config.choices:
        chosen = model.choose(images, question, [str(c) for c in config.choices])
        answers = [c.answer for c in chosen]
        told = ["  ".join(f"{name} {share:.0%}" for name, share in c.probabilities.items()) for c in chosen]
    else:
        told = answers = model.ask(images, question, max_new=config.max_new)
    for picture, line in zip(pictures, told, strict=True):
        sys.stdout.write(f"{picture.name} ({picture.note}): {line}\n")
    return answers


def arguments(words: list[str]) -> list[str]:
    """The command line with the first plain word as ``picture=...`` and the second as ``question=...``."""
    keys = iter(("picture", "question"))
    return [f"{next(keys, 'question')}={quoted(w)}" if is_word(w) else w for w in words]


def main() -> None:
    """Entry point of the console command."""
    sys.argv[1:] = arguments(sys.argv[1:])
    run("ask", ask)


if __name__ == "__main__":
    main()
