"""Checks whether a folder holds a build of the same source and options, and lists the differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from unif2ace.data.atomic import replacing
from unif2ace.data.build_faults import listed_keys
from unif2ace.data.shards import has_index, load_index
from unif2ace.data.shards.index import BUILD
from unif2ace.errors import DataError

PICTURES: Final = ".pictures"
"""File with the keys of all source images; removed when the build is finished."""
_SHOWN: Final = 5


def check_recipe(folder: Path, splits: Sequence[str], recipe: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """Checks that finished shards come from the same source and options. A new build also stores the image keys.

    Args:
        folder: Folder of the data set.
        splits: Names of the splits to build.
        recipe: The source's description under ``source`` and the build options under ``options``.
        keys: Keys of all images of the source.

    Returns:
        The splits that have finished shards; the build continues them.

    Raises:
        DataError: If the folder holds another build; the message names each difference.
    """
    recipe = json.loads(json.dumps(recipe))
    started = {split: before for split in splits if (before := _recipe_of(folder / split)) is not None}
    for split, before in started.items():
        if before != recipe:
            state = "a finished build" if has_index(folder / split) else "an unfinished build"
            other = "settings" if before["source"].get("inputs") == recipe["source"].get("inputs") else "input"
            changed = "; ".join(_differences(before, recipe, _moved(folder, list(started), keys)))
            raise DataError(
                f"{folder} holds {state} with other {other}: {changed}. Restore the earlier {other}, give another "
                f"folder, or remove {folder} and build again"
            )
    for split in set(splits) - started.keys():
        (folder / split / BUILD).unlink(missing_ok=True)  # nothing is kept of a build without a finished shard
    if not started:
        with replacing(folder / PICTURES) as file:
            file.write("\n".join(keys).encode())
    return list(started)


def _recipe_of(split: Path) -> dict[str, Any] | None:
    """The recipe of a split; None if the split has no finished shard and may be built with any recipe."""
    if has_index(split):
        return dict(load_index(split).recipe)
    if not (split / BUILD).is_file() or not any(split.glob("*.tar")):
        return None
    try:
        recipe: dict[str, Any] = json.loads((split / BUILD).read_text(encoding="utf-8"))["recipe"]
    except (ValueError, KeyError) as error:
        raise DataError(f"{split / BUILD} is damaged; remove the folder {split} and build again") from error
    return recipe


def _moved(folder: Path, splits: Sequence[str], keys: Sequence[str]) -> str:
    """Text that lists the images added and removed since the build began."""
    if (folder / PICTURES).is_file():
        before = set((folder / PICTURES).read_text(encoding="utf-8").split("\n"))
    else:
        finished = [load_index(folder / split) for split in splits if has_index(folder / split)]
        before = listed_keys(folder).union(*(index.keys() for index in finished))
    added, removed = sorted(set(keys) - before), sorted(before - set(keys))
    if not added and not removed:
        return ": none added or removed, but files of the same names changed"
    parts = [(added, "added"), (removed, "removed")]
    return ": " + ", ".join(f"{len(names):,} {what}{_examples(names)}" for names, what in parts)


def _examples(names: Sequence[str]) -> str:
    listed = ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])
    return f" ({listed})" if names else ""


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], moved: str, path: str = "") -> list[str]:
    """One phrase per difference. For input fingerprints the phrase names only the input that changed."""
    out = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            out += _differences(old, new, moved, f"{path}{name}.")
        elif path == "source.inputs.":
            out.append(f"the source's {name} changed since{moved if name == 'pictures' else ''}")
        else:
            out.append(f"{path.removeprefix('options.')}{name} was {old!r} and is {new!r}")
    return out
