"""Groups the files of a tar into samples and checks them.

The files of a sample share the name up to the first dot and are adjacent. A name is only a label: no path is ever made
from it.
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
"""Required extensions of a sample of faces; ``image`` is any image type."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Locations of one sample's files: extension to (offset, length)."""

    key: str
    files: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """The samples of a shard and its faults.

    Attributes:
        entries: Complete samples, in the shard's order.
        faults: Reasons why samples were left out.
        ignored: Files that are ignored because of their type, while their sample is kept.
    """

    entries: list[Entry] = field(default_factory=list)
    faults: list[SampleFault] = field(default_factory=list)
    ignored: list[SampleFault] = field(default_factory=list)


def split_name(name: str) -> tuple[str, str]:
    """Key and extension: ``a/b.tokens.npy`` gives ``("a/b", "tokens.npy")``."""
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return f"{folder}{slash}{stem}", extension.lower()


def arrange(members: Iterable[Member], shard: str, required: Sequence[str] = FACES) -> ShardLayout:
    """Groups the members of a shard into samples.

    Args:
        members: The shard's files in their order.
        shard: Its name, for the faults.
        required: Extensions that a sample must have; ``image`` is any image type.
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
                layout.faults.append(SampleFault("duplicate", f"has .{extension} twice", shard, shown(key)))
            else:
                current.files[extension] = (member.offset, member.length)
            continue
        _finish(current, layout, shard, required)
        current = None
        if key in seen:
            message = f"its file .{extension} is not beside the others"
            layout.faults.append(SampleFault("order", message, shard, shown(key)))
        else:
            current = Entry(key, {extension: (member.offset, member.length)})
            seen.add(key)
    _finish(current, layout, shard, required)
    return layout


def shown(key: str) -> str:
    """A key for printing: control characters escaped, length limited."""
    return key if KEY_PATTERN.fullmatch(key) else repr(key[:80])


def image_extension(files: Iterable[str]) -> str | None:
    """The extension of the image among a sample's files."""
    return next((e for e in files if e in IMAGE_EXTENSIONS), None)


def _finish(entry: Entry | None, layout: ShardLayout, shard: str, required: Sequence[str]) -> None:
    if entry is None:
        return
    if not KEY_PATTERN.fullmatch(entry.key):
        message = "a key has 1 to 80 of the characters a-z, 0-9, _ and -"
        layout.faults.append(SampleFault("key", message, shard, shown(entry.key)))
        return
    present = {*entry.files, *([IMAGE] if image_extension(entry.files) else [])}
    if missing := [name for name in required if name not in present]:
        has = ", ".join(f".{e}" for e in entry.files)
        what = " and no ".join(f"{name}" if name == IMAGE else f".{name}" for name in missing)
        layout.faults.append(SampleFault("missing", f"has no {what}, only {has}", shard, entry.key))
        return
    layout.entries.append(entry)


def _why_ignored(name: str, extension: str) -> str:
    if extension.rpartition(".")[2] in EXECUTABLE:
        return f"{name!r} is of a type that can run code when opened; it is never read"
    return f"{name!r} is of no readable type"
