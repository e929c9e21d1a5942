"""`unif2ace-checkpoint`: lists, verifies, converts, merges, retokenizes, imports and exports weights."""

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
        The complete checkpoints.

    Raises:
        DataError: If there is no checkpoint.
    """
    whole = []
    for path in _paths(config.run):
        try:
            found = describe(path)
            whole.append(path)
            _say(f"step {found.step:>10,}  {found.kind:<8}{found.size / 1e6:>12,.1f} MB  {path}")
        except DataError as error:
            _say(f"incomplete: {error}")
    return whole


def verify_all(config: DictConfig) -> bool:
    """Reads every file of a run's checkpoints and compares its hash. The exit status is 1 if a file is damaged.

    Returns:
        Whether all checkpoints are undamaged.

    Raises:
        DataError: If there is no checkpoint.
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
        Format of the written checkpoint: ``single`` or ``sharded``.

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
                raise DataError(
                    f"{source}: none of the {len(tried)} checkpoints is complete; run `{APP} list {source}` for details"
                )
            source = found
        kind = work(source, config.out)
    _say(f"{kind}: {config.out}")
    return kind


def import_weights(config: DictConfig) -> Path:
    """Imports weights of another project, and prints which tensors were imported, initialised and left out.

    Returns:
        The written folder.

    Raises:
        DataError: If the source is damaged, or is not in the importer's format.
        ConfigError: If a setting does not match the weights, or the folder holds other files.
    """
    import torch

    from unif2ace.importers.recognition import recognised
    from unif2ace.importers.source import read_source

    importer, folder = instantiate(config.importer, allow=config.engine.allow), Path(config.out)
    with output_lock(folder, "out"):
        if {p.name for p in folder.iterdir()} - {LOCK}:
            raise ConfigError(f"out={folder} holds other files: give a new or empty folder")
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
    """Exports weights with the tensor names of another project.

    Returns:
        The written file.

    Raises:
        DataError: If the weights are missing or damaged.
        ConfigError: If the other project's network cannot represent these weights.
    """
    import safetensors.torch

    from unif2ace.importers.recognition import importer_class

    importer = importer_class(config.project)
    with output_lock(config.out, "out", single=True):
        weights = read_weights(config.ckpt, importer.kind)
        if weights.kind != importer.kind:
            raise ConfigError(
                f"{weights.path} holds weights of kind {weights.kind!r}: give weights of kind {importer.kind!r}"
            )
        made = importer.exported(weights)
        with replacing(Path(config.out)) as file:
            file.write(safetensors.torch.save({name: value.contiguous() for name, value in made.items()}))
    _say(f"{len(made)} tensors: {config.out}")
    return Path(config.out)


def merge(config: DictConfig) -> Path:
    """Merges adapters into the weights that they were trained on.

    Returns:
        The written file.

    Raises:
        ConfigError: If the adapters were trained on other weights, or `out` does not end with ``.safetensors``.
        DataError: If a file does not exist or is damaged.
    """
    out = Path(config.out)
    if out.suffix != ".safetensors":
        raise ConfigError(f"out={out}: give a file that ends with .safetensors")
    with output_lock(out, "out", single=True):
        weights = merge_adapters(config.adapters, config.weights, out)
    _say(f"weights {weights.short}: {weights.path}")
    return out


def retokenize(config: DictConfig) -> Path:
    """Replaces the text tokenizer of a unified model, for further training.

    Returns:
        The written folder with weights and text tokenizer.

    Raises:
        ConfigError: If the folder holds other files.
        DataError: If a file does not exist, or a tokenizer is not byte-level.
    """
    from unif2ace.engine.text_exchange import exchange_text_tokenizer

    folder = Path(config.out)
    with output_lock(folder, "out"):
        if {p.name for p in folder.iterdir()} - {LOCK}:
            raise ConfigError(f"out={folder} holds other files: give a new or empty folder")
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
    "list": Command(show, Syntax(f"{APP} list", "checkpoint", ("run",)), "list the checkpoints of a run"),
    "verify": Command(_checked, Syntax(f"{APP} verify", "checkpoint", ("run",)), "check the hashes of all files"),
    "import": Command(
        import_weights, Syntax(f"{APP} import", "import", ("importer", "weights")), "import weights of another project"
    ),
    "export": Command(
        export_weights, Syntax(f"{APP} export", "export", ("project", "ckpt")), "export weights to another project"
    ),
    "merge": Command(
        merge,
        Syntax(f"{APP} merge", "merge", ("adapters", "weights")),
        "merge adapters into their base weights",
    ),
    "retokenize": Command(
        retokenize,
        Syntax(f"{APP} retokenize", "retokenize", ("ckpt", "text_tokenizer")),
        "replace the text tokenizer of a model",
    ),
    "convert": Command(
        convert, Syntax(f"{APP} convert", "convert", ("run", "out")), "convert between sharded and single"
    ),
}


def main() -> None:
    """Entry point of the console command."""
    run_verb(APP, VERBS)


if __name__ == "__main__":
    main()
