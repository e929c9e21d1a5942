"""Converts sharded checkpoints to single-file checkpoints and back, without a process group."""

from __future__ import annotations

from pathlib import Path

from unif2ace.checkpoints.finding import Kind, is_checkpoint, verify
from unif2ace.errors import DataError


def convert(source: str | Path, target: str | Path) -> Kind:
    """Converts a sharded checkpoint to a single-file checkpoint, or the reverse. Tensors are unchanged.

    Args:
        source: A directory ``step-*``, or an old file ``*.ckpt``.
        target: The directory to create.

    Returns:
        The kind of the new checkpoint.

    Raises:
        DataError: If the source is damaged or not a checkpoint, the target exists, or a single-file checkpoint lacks
            the names of the optimiser's parameters.
    """
    from unif2ace.checkpoints.naming import NAMES, named
    from unif2ace.checkpoints.reading import read
    from unif2ace.checkpoints.sharded import save_sharded
    from unif2ace.checkpoints.single import save_single

    source, target = Path(source), Path(target)
    if target.exists():
        raise DataError(f"{target} exists already: give the path of a new directory")
    if not is_checkpoint(source) and (source.suffix != ".ckpt" or not source.is_file()):
        there = "is not a checkpoint" if source.exists() else "does not exist"
        raise DataError(f"{source} {there}; give a run folder, a directory checkpoints/step-*, or an old file *.ckpt")
    sharded = is_checkpoint(source) and verify(source).kind == "sharded"
    checkpoint = read(source, lazily=True)
    if sharded:
        save_single(checkpoint, target)
        return "single"
    states = checkpoint.get("optimizer_states", [])
    known = checkpoint.pop(NAMES, None)
    if states and known is None:
        raise DataError(
            f"{source} has no names for the parameters in its optimiser state: resume from this checkpoint, then "
            "convert the next checkpoint that the run saves"
        )
    checkpoint["optimizer_states"] = [named(state, names) for state, names in zip(states, known or [], strict=True)]
    save_sharded(checkpoint, target)
    return "sharded"
