"""`unif2ace-edit`: edits a face by a text instruction."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.overrides import overrides_of
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError, check_list

APP = "unif2ace-edit"


def edit(config: DictConfig) -> Path:
    """Edits a picture, and writes each result as a PNG file with its settings.

    A sheet shows the picture, the region and the result.

    Returns:
        Path of the sheet.

    Raises:
        ConfigError: If an input is missing or out of range, or another process writes into `out`.
        DataError: If the checkpoint or an image cannot be read.
    """
    from unif2ace.data.roundtrip import keep_inputs
    from unif2ace.inference.generated import face_file

    for key in ("picture", "prompt"):
        if OmegaConf.is_missing(config, key):
            raise ConfigError(f'{key} is missing: give picture and prompt, as in `{APP} my/face.jpg "with glasses"`')
    if config.n < 1:
        raise ConfigError(f"n={config.n}: give at least 1 result")
    _check_region(config)
    out = Path(config.out)
    inputs = [Path(config.picture), *([Path(config.mask)] if config.mask is not None else [])]
    for file in (out / "sheet.png", *(face_file(out, n, config.seed + n) for n in range(config.n))):
        keep_inputs(inputs, file)
    with output_lock(config.out, "out"):
        return _edit(config)


def _check_region(config: DictConfig) -> None:
    """Refuses ``edit_region`` keys if a mask or a region is given, because they would have no effect."""
    given = [key for key in ("mask", "region") if config[key] is not None]
    typed = [word for word in overrides_of(config) or () if word.startswith("edit_region")]
    if len(given) > 1:
        raise ConfigError(f"mask={config.mask} and region={config.region}: give only one of them")
    if given and typed:
        raise ConfigError(f"{typed[0]} has no effect together with {given[0]}=...: give only one of them")
    if config.region is not None:
        check_list(config.region, "region")


def _edit(config: DictConfig) -> Path:
    from unif2ace.inference.pipeline import load

    given = config.mask is not None or config.region is not None
    pipe = load(config.ckpt, device=config.device, allow=config.engine.allow)
    edited = pipe.edit(
        config.picture,
        config.prompt,
        mask=config.mask,
        region=None if config.region is None else [float(edge) for edge in config.region],
        edit_region=None if given else instantiate(config.edit_region, allow=config.engine.allow),
        attempts=config.attempts,
        paste=config.paste,
        num_images=config.n,
        seed=config.seed,
        guidance_scale=config.guidance,
        best_of=config.best_of,
        num_inference_steps=config.steps,
    )
    out = Path(config.out)
    files = edited.save(out)
    sheet = out / "sheet.png"
    edited.sheet(config.scale).save(sheet)
    for note in edited.notes:
        sys.stdout.write(f"{note}\n")
    sys.stdout.write(f"{len(files)} pictures in {out}, all of them on {sheet}\n")
    return sheet


COMMAND = Command(edit, Syntax(APP, "edit", ("picture", "prompt")))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
