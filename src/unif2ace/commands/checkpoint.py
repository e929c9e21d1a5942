"""`unif2ace-checkpoint`: lists, verifies, converts, merges and retokenizes weights; imports and exports others'."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from unif2ace.checkpoints.finding import describe, is_checkpoint, listed, newest, verify
from unif2ace.data.atomic import replacing
from unif2ace.data.output_lock import LOCK, output_lock
from unif2ace.engine.adapters import merge_adapters
from unif2ace.engine.command import Command, run_verb
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.weights import read_weights
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError, DataError

APP = "unif2ace-checkpoint"


def show(config: DictConfig) -> list[Path]:
    """Prints the checkpoints of a run, the newest last, without reading their contents.

    Returns:
        The complete ones.

    Raises:
        DataError: If there is none.
    """
    whole = []
    for path in _paths(config.run):
        try:
            found = describe(path)
            whole.append(path)
            _say(f"step {found.step:>10,}  {found.kind:<8}{found.size / 1e6:>12,.1f} MB  {path}")
        except DataError as error:
            _say(f"not whole: {error}")
    return whole


def verify_all(config: DictConfig) -> bool:
    """Reads every file of a run's checkpoints and compares hashes; the exit status is 1 if one is damaged.

    Returns:
        Whether all are undamaged.

    Raises:
        DataError: If there is none.
    """
    good = True
    for path in _paths(config.run):
        try:
            found = verify(path)
            _say(f"step {found.step:,}: {len(found.files)} files, {found.size:,} bytes, as written: {path}")
        except DataError as error:
            good = False
            _say(f"damaged: {error}")
    return good


def convert(config: DictConfig) -> str:
    """Converts a sharded checkpoint to a single file, or a single file to a sharded checkpoint.

    Returns:
        What was written: ``single`` or ``sharded``.

    Raises:
        DataError: If the source is damaged, or the target exists.
    """
    from unif2ace.checkpoints.converting import convert as work

    with output_lock(config.out, "out", single=True):
        source = Path(config.run)
        if source.is_dir() and not is_checkpoint(source):
            tried = _paths(config.run)
            found = newest(source)
            if found is None:
                raise DataError(f"{source}: none of its {len(tried)} checkpoints is complete; see: {APP} list {source}")
            source = found
        kind = work(source, config.out)
    _say(f"{kind}: {config.out}")
    return kind


def import_weights(config: DictConfig) -> Path:
    """Reads weights of another project, and prints what was taken, made and left out.

    Returns:
        The folder that was written.

    Raises:
        DataError: If the source is damaged, or is not what the importer reads.
        ConfigError: If a setting does not fit the weights, or the folder holds other files.
    """
    import torch

    from unif2ace.importers.recognition import recognised
    from unif2ace.importers.source import read_source

    importer, folder = instantiate(config.importer, allow=config.engine.allow), Path(config.out)
    with output_lock(folder, "out"):
        if {p.name for p in folder.iterdir()} - {LOCK}:
            raise ConfigError(f"out={folder} holds other files: give a new folder")
        torch.manual_seed(config.seed)
        state = read_source(config.weights)
        try:
            imported = importer.imported(state)
        except DataError as error:
            raise DataError(f"{config.weights}: {error}{recognised(state, type(importer))}") from error
        for line in imported.lines():
            _say(line)
        _say(f"{imported.kind}: {importer.write(imported, folder)}")
    return folder


def export_weights(config: DictConfig) -> Path:
    """Writes weights under the names of another project.

    Returns:
        The file that was written.

    Raises:
        DataError: If there are no weights, or they are damaged.
        ConfigError: If the other project's network cannot compute what these weights do.
    """
    import safetensors.torch

    from unif2ace.importers.recognition import importer_class

    importer = importer_class(config.project)
    with output_lock(config.out, "out", single=True):
        weights = read_weights(config.ckpt, importer.kind)
        if weights.kind != importer.kind:
            raise ConfigError(
                f"{weights.path} holds weights of kind {weights.kind!r}; {importer.kind!r} is needed here"
            )
        made = importer.exported(weights)
        with replacing(Path(config.out)) as file:
            file.write(safetensors.torch.save({name: value.contiguous() for name, value in made.items()}))
    _say(f"{len(made)} tensors: {config.out}")
    return Path(config.out)


def merge(config: DictConfig) -> Path:
    """Merges adapters into the weights that they were trained on.

    Returns:
        The file that was written.

    Raises:
        ConfigError: If they do not belong together, or the file has another ending.
        DataError: If a file does not exist or is damaged.
    """
    out = Path(config.out)
    if out.suffix != ".safetensors":
        raise ConfigError(f"out={out}: the name of a weights file ends in .safetensors")
    with output_lock(out, "out", single=True):
        weights = merge_adapters(config.adapters, config.weights, out)
    _say(f"weights {weights.short}: {weights.path}")
    return out


def retokenize(config: DictConfig) -> Path:
    """Gives a unified model another text tokenizer, to be trained on.

    Returns:
        The folder that was written: weights and text tokenizer.

    Raises:
        ConfigError: If the folder holds other files.
        DataError: If a file does not exist, or a tokenizer is not byte-level.
    """
    from unif2ace.engine.text_exchange import exchange_text_tokenizer

    folder = Path(config.out)
    with output_lock(folder, "out"):
        if {p.name for p in folder.iterdir()} - {LOCK}:
            raise ConfigError(f"out={folder} holds other files: give a new folder")
        weights, before = exchange_text_tokenizer(config.ckpt, config.text_tokenizer, folder)
    _say(f"{before:,} -> {weights.config['text_size']:,} text ids: {weights.path}")
    _say(f"continue training with: init_from={folder} data.text_tokenizer={folder}")
    return folder


def _paths(run: str) -> list[Path]:
    path = Path(run)
    found = [path] if is_checkpoint(path) else listed(path)
    if not found:
        there = "holds no checkpoint (step-*)" if path.exists() else "does not exist"
        raise DataError(f"{run} {there}: give a run's folder")
    return found


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _checked(config: DictConfig) -> None:
    if not verify_all(config):
        raise SystemExit(1)


VERBS = {
    "list": Command(show, Syntax(f"{APP} list", "checkpoint", ("run",)), "the checkpoints of a run"),
    "verify": Command(_checked, Syntax(f"{APP} verify", "checkpoint", ("run",)), "are they what was written?"),
    "import": Command(
        import_weights, Syntax(f"{APP} import", "import", ("importer", "weights")), "read weights of another project"
    ),
    "export": Command(
        export_weights, Syntax(f"{APP} export", "export", ("project", "ckpt")), "write them under its names"
    ),
    "merge": Command(
        merge,
        Syntax(f"{APP} merge", "merge", ("adapters", "weights")),
        "add adapters to their weights",
    ),
    "retokenize": Command(
        retokenize,
        Syntax(f"{APP} retokenize", "retokenize", ("ckpt", "text_tokenizer")),
        "another text tokenizer for a model",
    ),
    "convert": Command(convert, Syntax(f"{APP} convert", "convert", ("run", "out")), "sharded to single, or back"),
}


def main() -> None:
    """Entry point of the console command."""
    run_verb(APP, VERBS)


if __name__ == "__main__":
    main()
