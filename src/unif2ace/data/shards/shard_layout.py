"""Groups the files of a tar into samples and checks the samples.

The files of a sample have the same name up to the first dot and are adjacent. Names in a tar are never used as paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from unif2ace.data.shards.decode import DECODERS, EXECUTABLE
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.images import IMAGE_EXTENSIONS
from unif2ace.data.shards.sample import KEY_PATTERN
from unif2ace.data.shards.tar import Member

IMAGE: Final = "image"
FACES: Final = (IMAGE, "json")
"""Required extensions of a face sample; ``image`` stands for any image extension."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Locations of one sample's files: maps an extension to (offset, length) in bytes."""

    key: str
    files: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """The samples and faults of a shard.

    Attributes:
        entries: Complete samples, in the shard's order.
        faults: Faults of the samples that are left out.
        ignored: Faults of files that are ignored because of their type; their samples are kept.
    """

    entries: list[Entry] = field(default_factory=list)
    faults: list[SampleFault] = field(default_factory=list)
    ignored: list[SampleFault] = field(default_factory=list)


def split_name(name: str) -> tuple[str, str]:
    """Splits a file name into key and extension: ``a/b.tokens.npy`` gives ``("a/b", "tokens.npy")``."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


def arrange(members: Iterable[Member], shard: str, required: Sequence[str] = FACES) -> ShardLayout:
    """Groups the members of a shard into samples.

    Args:
        members: Files of the shard, in order.
        shard: File name of the shard, for faults.
        required: Extensions that a sample must have; ``image`` stands for any image extension.
    """
    layout, seen, current = ShardLayout(), set[str](), None
    for member in members:
        key, extension = split_name(member.name)
        if member.length < 0:
            if extension or not member.name:  # folders are not reported
                layout.ignored.append(SampleFault("refused", f"{member.name!r} is a link or device", shard, shown(key)))
            continue
        if extension.rpartition(".")[2] not in DECODERS:
            layout.ignored.append(SampleFault("refused", _why_ignored(member.name, extension), shard, shown(key)))
            continue
        if current is not None and key == current.key:
            if extension in current.files:
                layout.faults.append(SampleFault("duplicate", f"it has two .{extension} files", shard, shown(key)))
            else:
                current.files[extension] = (member.offset, member.length)
            continue
        _finish(current, layout, shard, required)
        current = None
        if key in seen:
            message = f"its .{extension} file is not adjacent to its other files"
            layout.faults.append(SampleFault("order", message, shard, shown(key)))
        else:
            current = Entry(key, {extension: (member.offset, member.length)})
            seen.add(key)
    _finish(current, layout, shard, required)
    return layout


def shown(key: str) -> str:
    """A key for messages: control characters are escaped, and the length is limited to 80."""
    return key if KEY_PATTERN.fullmatch(key) else repr(key[:80])


def image_extension(files: Iterable[str]) -> str | None:
    """Extension of the image among a sample's files; None if there is no image."""
    return next((e for e in files if e in IMAGE_EXTENSIONS), None)


def _finish(entry: Entry | None, layout: ShardLayout, shard: str, required: Sequence[str]) -> None:
    if entry is None:
        return
    if not KEY_PATTERN.fullmatch(entry.key):
        message = "the key must be 1 to 80 characters of a-z, 0-9, _ and -"
        layout.faults.append(SampleFault("key", message, shard, shown(entry.key)))
        return
    present = {*entry.files, *([IMAGE] if image_extension(entry.files) else [])}
    if missing := [name for name in required if name not in present]:
        has = ", ".join(f".{e}" for e in entry.files)
        what = " and no ".join(f"{name}" if name == IMAGE else f".{name}" for name in missing)
        layout.faults.append(SampleFault("missing", f"it has no {what}, only {has}", shard, entry.key))
        return
    layout.entries.append(entry)


def _why_ignored(name: str, extension: str) -> str:
    if extension.rpartition(".")[2] in EXECUTABLE:
        return f"{name!r} has a type that can run code; it is never read"
    return f"{name!r} has an unknown type"
