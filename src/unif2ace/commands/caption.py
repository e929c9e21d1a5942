"""`unif2ace-caption`: describes images."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from unif2ace.engine.command import Command, run
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError

APP = "unif2ace-caption"


def caption(config: DictConfig) -> list[str]:
    """Prints a caption of each image.

    Returns:
        The captions.

    Raises:
        ConfigError: If no image is given, or `out` is one of the images.
        DataError: If the checkpoint or an image cannot be read.
    """
    from unif2ace.data.preview import Shown, text_sheet
    from unif2ace.data.roundtrip import find_pictures, keep_inputs
    from unif2ace.inference.pipeline import load

    if OmegaConf.is_missing(config, "picture"):
        raise ConfigError(f"picture is missing: give a file, as in `{APP} face.png`")
    place = config.picture if isinstance(config.picture, str) else list(config.picture)
    files = find_pictures(place, config.count)
    if config.out:
        keep_inputs(files, Path(config.out))
    pipe = load(config.ckpt, device=config.device, allow=config.engine.allow)
    pictures = pipe.read(files)
    captions = pipe.caption([p.pixels for p in pictures], length=config.length, max_new=config.max_new)
    for picture, text in zip(pictures, captions, strict=True):
        sys.stdout.write(f"{picture.name} ({picture.note}): {text}\n")
    if config.out:
        Path(config.out).parent.mkdir(parents=True, exist_ok=True)
        text_sheet([Shown(p.pixels, text) for p, text in zip(pictures, captions, strict=True)]).save(config.out)
        sys.stdout.write(f"{config.out}\n")
    return captions


COMMAND = Command(caption, Syntax(APP, "caption", ("picture ...",)))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
