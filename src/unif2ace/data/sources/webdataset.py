"""A folder of tar shards in WebDataset format: images, each with a JSON file of the same name."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import SampleFault, check_metadata
from unif2ace.data.shards.decode import decode_json
from unif2ace.data.shards.indexing import list_shards
from unif2ace.data.shards.sample import SCHEMA_VERSION
from unif2ace.data.shards.shard_layout import arrange, image_extension, split_name
from unif2ace.data.shards.tar import Member, scan_tar
from unif2ace.data.sources.base import SourceItem
from unif2ace.data.sources.paths import check_name, existing_folder, unique_keys
from unif2ace.data.sources.pictures import check_size, picture_type, square_picture
from unif2ace.data.sources.tables import parse_value
from unif2ace.errors import DataError, nearest

_log = logging.getLogger(__name__)


class _Place(NamedTuple):
    """Location of one sample: index of its shard, and offset and length of its image."""

    key: str
    shard: int
    offset: int
    length: int


class _Told(NamedTuple):
    """Contents of a sample's JSON."""

    record: AttributeRecord
    license: str
    identity: str | None
    captions: tuple[str, ...]
    provenance: Mapping[str, Any]


@dataclass(kw_only=True, eq=False)
class WebDatasetSource:
    """All samples of the ``*.tar`` in a folder that have an image (jpg, png or webp) and a JSON file.

    Nothing is unpacked: the headers of the tars are read once, images by their offsets. A faulty sample is skipped and
    counted in `skipped` by cause; an unreadable shard counts once, with the cause ``shard``. Samples of this project's
    own format (``"schema": 1``) are used as they are, without their questions. Each sample states its own license.

    Args:
        path: Folder of the shards.
        mapping: Attribute mapping of the samples' labels, such as ``celeba``; None if they are fields and labels of
            the taxonomy.
        attributes_key: JSON entry with the labels: an object of values, or a list of the positive labels. With a
            mapping, labels that are not in the list are false. None to read none.
        identity_key: JSON entry with the person in the image; without it each image is a separate person.
        license_key: JSON entry with the license.
        license: License of samples that have none; None skips such samples.
        caption_key: JSON entry with a caption or a list of captions; None to read none.
        hide: Labelled fields to set to null because the crop does not show them, such as ``[necklace, necktie]`` for
            CelebA images cropped like FFHQ.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        name: Short name, written into every sample.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If there is no shard, or no sample without a fault.
    """

    path: str
    mapping: str | None = "celeba"
    attributes_key: str | None = "attributes"
    identity_key: str | None = "identity"
    license_key: str = "license"
    license: str | None = None
    caption_key: str | None = None
    hide: Sequence[str] = ()
    size: int | None = None
    name: str = "webdataset"
    skipped: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_size(self.size)
        AttributeRecord().hide(*self.hide)  # an unknown field fails before anything is read
        self._mapping = AttributeMapping(self.mapping) if self.mapping else None
        self._folder = existing_folder(self.path)
        self._shards = list_shards(self._folder)
        self._places: list[_Place] = []
        self._trees: list[bytes] = []
        self._people: list[str] = []
        self._examples: dict[str, str] = {}
        entries: Counter[str] = Counter()
        for place, data in self._samples():
            try:
                tree = decode_json(data)
                told = self._told(tree)
            except SampleFault as fault:
                self._skip(fault.at(self._shards[place.shard].name, place.key))
                continue
            entries.update(tree.keys())
            self._places.append(place)
            self._trees.append(data)
            self._people.append(told.identity or f"{self.name}-{place.key}")
        self._report()
        if self.attributes_key and not entries[self.attributes_key]:
            there = ", ".join(entries)
            hint = nearest(self.attributes_key, entries)
            what = f"no sample has an entry {self.attributes_key!r}{hint}"
            raise DataError(f"{what} (source.attributes_key; there are {there})")

    def _samples(self) -> Iterator[tuple[_Place, bytes]]:
        """Locations of all complete samples, with their JSON."""
        for number, members in self._renamed():
            shard = self._shards[number]
            layout = arrange(members, shard.name)
            for fault in layout.faults:
                self._skip(fault)
            with shard.open("rb") as file:
                for entry in layout.entries:
                    offset, length = entry.files[image_extension(entry.files) or ""]
                    json_offset, json_length = entry.files["json"]
                    if picture_type(os.pread(file.fileno(), 12, offset)) is None:
                        message = "its picture is no JPEG, PNG or WebP"
                        self._skip(SampleFault("image", message, shard.name, entry.key))
                        continue
                    yield _Place(entry.key, number, offset, length), os.pread(file.fileno(), json_length, json_offset)

    def _renamed(self) -> Iterator[tuple[int, list[Member]]]:
        """Members of each shard under valid keys that are unique over all shards."""
        scanned: list[tuple[int, list[Member]]] = []
        for number, shard in enumerate(self._shards):
            try:
                scanned.append((number, [m for m in scan_tar(shard) if m.length >= 0]))
            except SampleFault as fault:
                self._skip(fault)
        names = list(dict.fromkeys((number, split_name(m.name)[0]) for number, members in scanned for m in members))
        places = [f"{self._shards[number].name}/{key}" for number, key in names]
        keys = dict(zip(names, unique_keys([key for _, key in names], places), strict=True))
        for number, members in scanned:
            parts = [split_name(m.name) for m in members]
            yield number, [m._replace(name=f"{keys[number, k]}.{e}") for m, (k, e) in zip(members, parts, strict=True)]

    def _skip(self, fault: SampleFault) -> None:
        self.skipped[fault.cause] += 1
        self._examples.setdefault(fault.cause, str(fault))

    def _report(self) -> None:
        lines = [f"{n} of cause {cause!r}, the first: {self._examples[cause]}" for cause, n in self.skipped.items()]
        if not self._places:
            what = f"{self._folder}: no sample without a fault in {len(self._shards)} shards"
            raise DataError("\n  ".join([what, *lines]))
        for line in lines:
            _log.warning("%s: left out %s", self._folder, line)

    def _told(self, tree: Any) -> _Told:
        """Contents of a JSON tree, by our schema or by the configured entries."""
        if not isinstance(tree, dict):
            raise SampleFault("schema", f"its JSON is {str(tree)[:40]!r}, not an object")
        if tree.get("schema") == SCHEMA_VERSION and isinstance(tree.get("attributes"), dict):
            data = check_metadata(tree)
            captions = (*((data.caption,) if data.caption else ()), *data.captions)
            return _Told(data.record.hide(*self.hide), data.license, data.identity, captions, data.provenance)
        license = tree.get(self.license_key) or tree.get("licence") or self.license
        if not license or not isinstance(license, str):
            message = f"states no license in {self.license_key!r}; set source.license if you know it"
            raise SampleFault("missing", message)
        person = tree.get(self.identity_key) if self.identity_key else None
        told = tree.get(self.caption_key) if self.caption_key else None
        listed = told if isinstance(told, list) else [told]
        return _Told(
            self._record(tree.get(self.attributes_key) if self.attributes_key else None).hide(*self.hide),
            license,
            None if person in (None, "") else str(person),
            tuple(text for caption in listed if caption and (text := str(caption).strip())),
            {"source": tree["source"]} if isinstance(tree.get("source"), str) else {},
        )

    def _record(self, labels: Any) -> AttributeRecord:
        try:
            if labels is None:
                return AttributeRecord()
            if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
                mapped = self._mapping
                return mapped.of_positive(labels) if mapped else AttributeRecord(dict.fromkeys(labels, True))
            if isinstance(labels, dict):
                mapped = self._mapping
                return mapped({n: _truth(v) for n, v in labels.items()}) if mapped else AttributeRecord(labels)
        except DataError as error:
            raise SampleFault("schema", f"entry {self.attributes_key!r}: {error}") from error
        raise SampleFault(
            "schema", f"entry {self.attributes_key!r} is {str(labels)[:40]!r}, not a list of names or an object"
        )

    def __len__(self) -> int:
        return len(self._places)

    def key(self, index: int) -> str:
        """The sample's own key with the characters ``a-z0-9_-``; with a hash if two keys become equal."""
        return self._places[index].key

    def identity(self, index: int) -> str:
        """The person in the image according to the sample, else the source's name and the key."""
        return self._people[index]

    def record(self, index: int) -> AttributeRecord:
        """Attributes of the sample's labels."""
        return self._told(decode_json(self._trees[index])).record

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images at these indices; an error names shard and key."""
        return [self._item(i) for i in indices]

    def _item(self, index: int) -> SourceItem:
        place = self._places[index]
        shard = self._shards[place.shard]
        where = f"shard {shard}, sample {place.key}"
        try:
            with shard.open("rb") as file:
                data = os.pread(file.fileno(), place.length, place.offset)
        except OSError as error:
            raise DataError(f"{where} cannot be read: {error.strerror or error}") from error
        told = self._told(decode_json(self._trees[index]))
        provenance = {**told.provenance, "shard": shard.name}
        return SourceItem(square_picture(data, self.size, where), told.record, told.license, told.captions, provenance)

    def describe(self) -> dict[str, Any]:
        """The settings, with a fingerprint of the samples' shards, keys and JSON instead of the path."""
        settings = (
            "name",
            "mapping",
            "attributes_key",
            "identity_key",
            "license_key",
            "license",
            "caption_key",
            "size",
        )
        digest = sha256()
        for place, tree in zip(self._places, self._trees, strict=True):
            digest.update(f"{self._shards[place.shard].name}\0{place.key}\0{place.length}\0".encode() + tree)
        chosen = {setting: getattr(self, setting) for setting in settings}
        return {**chosen, "hide": list(self.hide), "samples": digest.hexdigest()}


def _truth(value: object) -> bool | None:
    said = parse_value(value)
    return None if said is None else said is True
