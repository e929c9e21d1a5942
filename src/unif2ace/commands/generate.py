"""`unif2ace-generate`: generates faces from captions."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from unif2ace.data.output_lock import output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.overrides import overrides_of
from unif2ace.engine.words import Line, Syntax
from unif2ace.errors import ConfigError, check_list
from unif2ace.progress import progress

APP = "unif2ace-generate"


def generate(config: DictConfig) -> Path:
    """Generates faces, and writes each as a PNG with its settings, and a sheet of all.

    Returns:
        The sheet.

    Raises:
        ConfigError: If there is no prompt and no image, or another process writes into `out`.
        DataError: If the checkpoint or a file cannot be read.
    """
    prompts = _prompts(config)
    if config.n < 1:
        raise ConfigError(f"n={config.n}: at least one face of each description")
    _check_edit(config, len(prompts) * config.n)
    with output_lock(config.out, "out"):
        return _generate(config, prompts)


def _check_edit(config: DictConfig, number: int) -> None:
    """Refuses keys of an edit that would have no effect, and an edit that overwrites its picture."""
    from unif2ace.data.roundtrip import keep_inputs
    from unif2ace.inference.generated import face_file

    typed = any(word.startswith("mask_ratio=") for word in overrides_of(config) or ())
    if config.picture is None:
        for key, given in (("region", config.region is not None), ("mask_ratio", typed)):
            if given:
                raise ConfigError(f"{key}={config[key]}: there is no picture to edit; give picture=FILE")
        return
    if typed and config.region is not None:
        raise ConfigError(f"mask_ratio={config.mask_ratio} has no effect beside region=...: give one of them")
    out = Path(config.out)
    for file in (out / "sheet.png", *(face_file(out, place, config.seed + place) for place in range(number))):
        keep_inputs([Path(config.picture)], file)


def _generate(config: DictConfig, prompts: Sequence[str]) -> Path:
    from unif2ace.inference.generated import Generated, draw_sheet, save_faces
    from unif2ace.inference.pipeline import load

    model = load(config.ckpt, device=config.device, allow=config.engine.allow)
    sampler = instantiate(config.sampler, allow=config.engine.allow)
    each = [p for p in prompts for _ in range(config.n)]
    best_of = config.best_of if any(prompts) else 1  # without a prompt there is no caption likelihood
    seeds = [config.seed + place for place in range(len(each))]
    start = None if config.picture is None else _start(model, config, seeds)
    with progress("faces") as advance:
        faces = model.generate(
            each,
            seeds,
            sampler=sampler,
            guidance=config.guidance,
            start=start,
            best_of=best_of,
            progress=lambda done, total: advance(done, total, "faces"),
        )
    pixels = faces.permute(0, 2, 3, 1).numpy()
    made = [Generated(*row) for row in zip(pixels, each, seeds, strict=True)]
    out = Path(config.out)
    drawn = json.dumps(OmegaConf.to_container(config.sampler, resolve=True))
    how = {"sampler": drawn, "guidance": f"{config.guidance:g}", "best_of": str(best_of)}
    files = save_faces(made, out, model.fingerprint, how)
    sheet = out / "sheet.png"
    draw_sheet(made, config.n, config.scale).save(sheet)
    sys.stdout.write(f"{len(files)} faces in {out}, all of them on {sheet}\n")
    return sheet


def _prompts(config: DictConfig) -> list[str]:
    prompts = [str(p) for p in config.prompt] if isinstance(config.prompt, ListConfig) else [str(config.prompt)]
    if config.prompt_file is not None:
        from unif2ace.data.sources.text_files import read_lines

        file = Path(config.prompt_file)
        if not file.is_file():
            raise ConfigError(f"prompt_file={file}: there is no such file")
        lines = read_lines(file)
        if not lines:
            raise ConfigError(f"prompt_file={file}: it holds no description; write one a line")
        prompts += lines
    if not prompts and config.picture is None:
        raise ConfigError(f'nothing to draw: `{APP} "a smiling woman with red curly hair"`, or prompt_file=FILE')
    return prompts or [""]


def _start(model: Any, config: DictConfig, seeds: Sequence[int]) -> Any:
    """Codes of the given image, masked where they are to be sampled again, int64 (B, N) with one sample per seed."""
    import torch

    from unif2ace.data.roundtrip import read_picture
    from unif2ace.diffusion.inpainting import inpaint, keep_tokens, mask_tokens
    from unif2ace.diffusion.samplers.base import PerSampleRNG

    size, num_codes = model.image_size, model.net.vocabulary.codebook_size
    picture = read_picture(Path(config.picture), size)
    codes = model.encode(torch.from_numpy(picture.pixels).permute(2, 0, 1)[None]).cpu().repeat(len(seeds), 1)
    if config.region is None:
        return mask_tokens(codes, config.mask_ratio, num_codes, PerSampleRNG(seeds))
    check_list(config.region, "region")
    edges = [float(e) for e in config.region]
    if len(edges) != 4 or not (0 <= edges[0] < edges[2] <= 1 and 0 <= edges[1] < edges[3] <= 1):
        raise ConfigError(f"region={edges}: give left, top, right and bottom, from 0 to 1, such as [0,0.5,1,1]")
    left, top, right, bottom = (round(edge * size) for edge in edges)
    keep = torch.ones(1, size, size, dtype=torch.bool)
    keep[:, top:bottom, left:right] = False
    if left == right or top == bottom:
        raise ConfigError(f"region={edges}: it covers no pixel of a picture of {size}x{size}; give a larger region")
    side = size // model.tokenizer.factor
    return inpaint(codes, keep_tokens(keep, side, side), num_codes)


def _with_lines(line: Line) -> Line:
    """The lines of standard input in the place of ``-``; empty words are left out."""
    found = [text for word in line.words for text in (sys.stdin.read().splitlines() if word == "-" else [word])]
    return replace(line, words=[text for text in found if text.strip()])


COMMAND = Command(generate, Syntax(APP, "generate", ("[prompt ...]",), _with_lines))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
