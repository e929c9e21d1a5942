"""`unif2ace-ask`: answers questions about images."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.command import Command, run
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError, check_list

APP = "unif2ace-ask"


def ask(config: DictConfig) -> list[str]:
    """Prints an answer for each image. With `choices` it prints the probability of each candidate answer.

    Returns:
        One answer for each image.

    Raises:
        ConfigError: If the image or the question is missing.
        DataError: If the checkpoint or an image cannot be read.
    """
    from unif2ace.data.roundtrip import find_pictures
    from unif2ace.inference.pipeline import load

    if OmegaConf.is_missing(config, "picture") or OmegaConf.is_missing(config, "question"):
        raise ConfigError(f'give a picture and a question, as in `{APP} face.png "Is she wearing glasses?"`')
    if config.choices:
        check_list(config.choices, "choices")
    place = config.picture if isinstance(config.picture, str) else list(config.picture)
    files = find_pictures(place, config.count)
    pipe = load(config.ckpt, device=config.device, allow=config.engine.allow)
    pictures, question = pipe.read(files), str(config.question)
    pixels = [picture.pixels for picture in pictures]
    if config.choices:
        chosen = pipe.ask(pixels, question, [str(c) for c in config.choices])
        answers = [c.answer for c in chosen]
        told = ["  ".join(f"{name} {share:.0%}" for name, share in c.probabilities.items()) for c in chosen]
    else:
        told = answers = pipe.ask(pixels, question, max_new=config.max_new)
    for picture, line in zip(pictures, told, strict=True):
        sys.stdout.write(f"{picture.name} ({picture.note}): {line}\n")
    return answers


def _with_question(line: Line) -> Line:
    """Checks that the last positional argument is the question and that those before it are pictures.

    Raises:
        ConfigError: If the question is missing, or is not enclosed in quotes.
    """
    if line.given("question") is not None or line.given("picture") is not None or not line.words:
        return line
    *pictures, question = line.words
    unknown = [word for word in pictures[1:] if not Path(word).exists() and not Path(word).suffix]
    if unknown:
        files = shlex.join(word for word in pictures if word not in unknown)
        whole = f'`{APP} {files} "{" ".join([*unknown, question])}"`'
        raise ConfigError(f"picture={unknown[0]}: no such file; enclose a question of several words in quotes: {whole}")
    if Path(question).exists():
        files = shlex.join(line.words)
        raise ConfigError(f'question is missing: give it last, as in `{APP} {files} "Is she wearing glasses?"`')
    return line


COMMAND = Command(ask, Syntax(APP, "ask", ("picture ...", "question"), _with_question))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
