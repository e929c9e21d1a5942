"""`unif2ace-generate`: generates faces from descriptions."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, ListConfig, OmegaConf

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.overrides import overrides_of
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError, check_list
from unif2ace.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.inference.pipeline import FacePipeline
    from unif2ace.inference.sampling_options import SamplingOptions, SamplingPlan

APP = "unif2ace-generate"


def generate(config: DictConfig) -> Path:
    """Generates faces, and writes each as a PNG file with its settings. A sheet shows all faces.

    Returns:
        Path of the sheet.

    Raises:
        ConfigError: If neither a prompt nor a picture is given, or another process writes into `out`.
        DataError: If the checkpoint or a file cannot be read.
    """
    prompts = _prompts(config)
    if config.n < 1:
        raise ConfigError(f"n={config.n}: give at least 1 face per description")
    _check_edit(config, len(prompts) * config.n)
    with output_lock(config.out, "out"):
        return _generate(config, prompts)


def _check_edit(config: DictConfig, number: int) -> None:
    """Refuses ``region`` and ``mask_ratio`` where they have no effect, and outputs that overwrite the picture."""
    from unif2ace.data.roundtrip import keep_inputs
    from unif2ace.inference.generated import face_file

    typed = any(word.startswith("mask_ratio=") for word in overrides_of(config) or ())
    if config.picture is None:
        for key, given in (("region", config.region is not None), ("mask_ratio", typed)):
            if given:
                raise ConfigError(f"{key}={config[key]} has no effect without a picture: give picture=FILE")
        return
    if typed and config.region is not None:
        raise ConfigError(
            f"mask_ratio={config.mask_ratio} has no effect together with region=...: leave mask_ratio out"
        )
    out = Path(config.out)
    for file in (out / "sheet.png", *(face_file(out, place, config.seed + place) for place in range(number))):
        keep_inputs([Path(config.picture)], file)


def _generate(config: DictConfig, prompts: Sequence[str]) -> Path:
    from unif2ace.inference.generated import draw_sheet
    from unif2ace.inference.pipeline import load
    from unif2ace.inference.sampling_options import SamplingOptions

    pipe = load(config.ckpt, device=config.device, allow=config.engine.allow)
    with progress("faces") as advance:
        options = SamplingOptions(
            num_images=config.n,
            seed=config.seed,
            sampler=instantiate(config.sampler, allow=config.engine.allow),
            guidance_scale=config.guidance,
            best_of=config.best_of if any(prompts) else 1,  # without a prompt there is no caption likelihood
            progress=lambda done, total: advance(done, total, "faces"),
        )
        if config.picture is None:
            made = pipe(prompts, **options)
        elif config.region is None:
            made = pipe.variations(config.picture, prompts, strength=config.mask_ratio, **options)
        else:
            made = pipe.sample(*_region(pipe, config, prompts, options))
    drawn = json.dumps(OmegaConf.to_container(config.sampler, resolve=True))
    out = Path(config.out)
    files = replace(made, settings={**made.settings, "sampler": drawn}).save(out)
    sheet = out / "sheet.png"
    draw_sheet(made.faces, config.n, config.scale).save(sheet)
    sys.stdout.write(f"{len(files)} faces in {out}, all of them on {sheet}\n")
    return sheet


def _region(
    pipe: FacePipeline, config: DictConfig, prompts: Sequence[str], options: SamplingOptions
) -> tuple[SamplingPlan, Tensor]:
    """The sampling plan, and the picture's codes with a masked region, int64 (B, N), one row per result."""
    from unif2ace.diffusion.inpainting import inpaint
    from unif2ace.inference.region import region_tokens
    from unif2ace.inference.sampling_options import plan_sampling

    check_list(config.region, "region")
    plan = plan_sampling(prompts, options)
    codes_BN = pipe.encode(config.picture)
    anew_BN = region_tokens(list(config.region), pipe.image_size, codes_BN.shape[1])
    return plan, inpaint(codes_BN, ~anew_BN, pipe.model.num_codes).repeat(len(plan.prompts), 1)


def _prompts(config: DictConfig) -> list[str]:
    prompts = [str(p) for p in config.prompt] if isinstance(config.prompt, ListConfig) else [str(config.prompt)]
    if config.prompt_file is not None:
        from unif2ace.data.sources.text_files import read_lines

        file = Path(config.prompt_file)
        if not file.is_file():
            raise ConfigError(f"prompt_file={file}: no such file; give a text file with one description per line")
        lines = read_lines(file)
        if not lines:
            raise ConfigError(f"prompt_file={file}: the file is empty; write one description per line")
        prompts += lines
    if not prompts and config.picture is None:
        raise ConfigError(
            f'prompt is missing: give a description, as in `{APP} "a smiling woman with red curly hair"`, or '
            "prompt_file=FILE"
        )
    return prompts or [""]


def _with_lines(line: Line) -> Line:
    """Replaces ``-`` by the lines of standard input, and removes empty words."""
    found = [text for word in line.words for text in (sys.stdin.read().splitlines() if word == "-" else [word])]
    return replace(line, words=[text for text in found if text.strip()])


COMMAND = Command(generate, Syntax(APP, "generate", ("[prompt ...]",), _with_lines))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
