"""`unif2ace-attributes`: predicts the attributes of faces."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError

APP = "unif2ace-attributes"


def attributes(config: DictConfig) -> list[dict[str, float]]:
    """Prints the likely attributes of each image, sorted by probability.

    With `out` the probabilities of all attributes are written as JSON lines.

    Returns:
        For each image the probability of each attribute.

    Raises:
        ConfigError: If no image is given, the model has no classifier, or another process writes into `out`.
        DataError: If the checkpoint or an image cannot be read.
    """
    from unif2ace.data.atomic import replacing
    from unif2ace.data.roundtrip import find_pictures, keep_inputs
    from unif2ace.inference.pipeline import load

    if OmegaConf.is_missing(config, "picture"):
        raise ConfigError(f"picture is missing: give a file, as in `{APP} face.png`")
    files = find_pictures(config.picture if isinstance(config.picture, str) else list(config.picture), config.count)
    out = None if config.out is None else Path(config.out)
    if out is not None:
        keep_inputs(files, out)
    with contextlib.nullcontext() if out is None else output_lock(out, "out", single=True):
        pipe = load(config.ckpt, device=config.device, allow=config.engine.allow)
        pictures = pipe.read(files)
        found: list[dict[str, float]] = pipe.attributes(
            [picture.pixels for picture in pictures], classifier=config.classifier
        )
        if out is not None:
            rows = [{"picture": str(file), "attributes": row} for file, row in zip(files, found, strict=True)]
            with replacing(out) as stream:
                stream.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    for picture, row in zip(pictures, found, strict=True):
        likely = sorted((item for item in row.items() if item[1] >= config.threshold), key=lambda item: -item[1])
        listed = ", ".join(f"{name} {share:.0%}" for name, share in likely)
        sys.stdout.write(f"{picture.name} ({picture.note}): {listed or f'none of {config.threshold:.0%} or more'}\n")
    return found


COMMAND = Command(attributes, Syntax(APP, "attributes", ("picture ...",)))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
