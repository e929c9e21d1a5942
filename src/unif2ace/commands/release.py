"""`unif2ace-release`: writes a trained model and all its parts into one folder."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from unif2ace.data.output_lock import LOCK, output_lock
from unif2ace.engine.command import Command, run
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError

APP = "unif2ace-release"
MEGABYTE = 1e6


def release(config: DictConfig) -> Path:
    """Writes a release folder and prints the size of each file. With `push` the folder is uploaded to the hub.

    Returns:
        The release folder.

    Raises:
        ConfigError: If no run is given, or the folder holds other files.
        DataError: If a part is missing or damaged, or the hub refuses the upload.
    """
    from unif2ace.inference.card import model_card
    from unif2ace.inference.front_matter import front_matter
    from unif2ace.inference.hub import check_hub_name, push_folder
    from unif2ace.inference.release import CARD, OLD_CARD, open_release, write_release

    if config.push:
        check_hub_name(config.push, "push")
    if OmegaConf.is_missing(config, "ckpt"):
        raise ConfigError(f"ckpt is missing: give a run folder, as in `{APP} logs/quickstart/unified folder=my_model`")
    folder = Path(config.folder)
    with output_lock(folder, "folder"):
        ours = (folder / OLD_CARD).is_file() or "unif2ace" in front_matter(folder / CARD)
        if not ours and {p.name for p in folder.iterdir()} - {LOCK}:
            raise ConfigError(
                f"folder={folder} holds files that are no unif2ace release: give a new or empty folder, or that of "
                "an earlier release"
            )
        parts = open_release(config.ckpt, {k: v for k, v in config.components.items() if v})
        text = {"title": config.title, "license": config.license, "notes": config.notes}
        text["name"] = config.push or folder.name
        write_release(parts, folder, lambda stored: model_card(parts, stored, **text), config.precision, config.license)
    for file in sorted(folder.iterdir()):
        sys.stdout.write(f"{file}  {file.stat().st_size / MEGABYTE:.1f} MB\n")
    if config.push:
        sys.stdout.write(f"{push_folder(folder, config.push, private=config.private)}\n")
    return folder


COMMAND = Command(release, Syntax(APP, "release", ("ckpt",)))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
