"""Imports WebDataset tar shards of images, each with a JSON file of the same name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple, TypeVar

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.data.shards import SampleFault, check_metadata
from unif2ace.data.shards.decode import decode_json
from unif2ace.data.shards.images import FORMATS, IMAGE_EXTENSIONS, SUFFIXES, picture_type
from unif2ace.data.shards.indexing import list_shards
from unif2ace.data.shards.sample import SCHEMA_VERSION
from unif2ace.data.shards.shard_layout import arrange, image_extension, split_name
from unif2ace.data.shards.tar import Member, scan_tar
from unif2ace.data.sources.attribute_cells import parse_record
from unif2ace.data.sources.base import SourceItem, SourceReport
from unif2ace.data.sources.cells import is_missing, parse_captions, parse_name
from unif2ace.data.sources.paths import check_name, counted, existing_folder, unique_keys
from unif2ace.data.sources.pictures import check_size, square_picture
from unif2ace.data.sources.questions import parse_exchanges
from unif2ace.errors import DataError, nearest
from unif2ace.language.question import Question

_T = TypeVar("_T")
_ENTRIES: Final = {
    "attributes_key": "attributes",
    "identity_key": "identity",
    "license_key": "license",
    "caption_key": None,
    "questions_key": None,
}
"""Settings that name a JSON entry, with the default entry."""
_REPORTED: Final = {
    "labels": ("attributes_key", ""),
    "persons": ("identity_key", "count as a separate person each"),
    "captions": ("caption_key", "get captions written from labels (captions=...)"),
    "questions": ("questions_key", "get questions written from labels (num_questions=...)"),
}
"""Report lines: what is counted, the setting of its JSON entry, and the treatment of samples without this entry."""


class _Place(NamedTuple):
    """Location of one sample: index of its shard, and offset and length of its image."""

    key: str
    shard: int
    offset: int
    length: int


class _Contents(NamedTuple):
    """Contents of a sample's JSON."""

    record: AttributeRecord
    license: str
    identity: str | None
    captions: tuple[str, ...]
    questions: tuple[Question, ...]
    provenance: Mapping[str, Any]


@dataclass(kw_only=True, eq=False)
class WebDatasetSource:
    """All samples in a folder of ``*.tar`` shards that have an image and a JSON file.

    The tars are not unpacked: their headers are read once, images by their offsets. Faulty samples are skipped and
    counted by cause in `skipped`; an unreadable shard counts once, with cause ``shard``. Samples in this package's
    format (``"schema": 1``) keep their captions, questions and attributes; the settings of JSON entries do not apply.
    Each sample has its own license.

    Args:
        path: Folder of the shards.
        mapping: Attribute mapping of the labels: a name such as ``celeba``, or the path of a yaml file; None if labels
            are names of the taxonomy.
        attributes_key: JSON entry with the labels: an object of values, or a list of the true labels. With a mapping,
            labels that are not in the list are false. None reads none.
        identity_key: JSON entry with the name or number of the person; an image without it counts as a separate person.
        license_key: JSON entry with the license.
        license: License of samples that state none; None skips such samples.
        caption_key: JSON entry with a caption or a list of captions; None reads none.
        questions_key: JSON entry with a list of questions and answers; None reads none.
        hide: Fields outside the crop, whose values are set to null, such as ``[necklace, necktie]`` for CelebA images
            cropped like FFHQ.
        size: Image side in pixels; None keeps square files unchanged and crops others to a square.
        name: Short name, written into every sample.

    Raises:
        ConfigError: If a setting is out of range.
        DataError: If there is no shard, every sample is faulty, or no sample has a JSON entry that the settings name.
    """

    path: str
    mapping: str | None = "celeba"
    attributes_key: str | None = "attributes"
    identity_key: str | None = "identity"
    license_key: str = "license"
    license: str | None = None
    caption_key: str | None = None
    questions_key: str | None = None
    hide: Sequence[str] = ()
    size: int | None = None
    name: str = "webdataset"

    def __post_init__(self) -> None:
        check_name(self.name)
        check_size(self.size)
        AttributeRecord().hide(*self.hide)  # an unknown field fails before anything is read
        self._mapping = AttributeMapping(self.mapping) if self.mapping else None
        self._folder = existing_folder(self.path)
        self._shards = list_shards(self._folder)
        self._places: list[_Place] = []
        self._trees: list[bytes] = []
        self._people: list[str | None] = []
        self._faults: list[SampleFault] = []
        self._unread = Counter[str]()
        self._used = Counter[str]()
        entries: Counter[str] = Counter()
        for place, data in self._samples():
            try:
                tree = decode_json(data)
                entries.update([*tree] if isinstance(tree, dict) else ())
                sample = self._read(tree)
            except SampleFault as fault:
                self._skip(fault.at(self._shards[place.shard].name, place.key))
                continue
            said = {
                "attributes_key": any(v is not None for v in sample.record.to_json().values()),
                "identity_key": sample.identity,
                "caption_key": sample.captions,
                "questions_key": sample.questions,
            }
            for setting, there in said.items():
                self._used[setting] += bool(there)
            self._places.append(place)
            self._trees.append(data)
            self._people.append(sample.identity)
        self._entries = tuple(entries)
        self._check_entries(entries)
        if not self._places:
            lines = [
                f"{number} of cause {cause!r}, the first: {self._first(cause)}"
                for cause, number in self.skipped.items()
            ]
            what = f"{self._folder}: every sample in {len(self._shards)} shards is faulty; fix these faults:"
            raise DataError("\n  ".join([what, *lines]))

    @property
    def skipped(self) -> Counter[str]:
        """Number of faulty samples and shards by cause."""
        return Counter(fault.cause for fault in self._faults)

    def _first(self, cause: str) -> SampleFault:
        return next(fault for fault in self._faults if fault.cause == cause)

    def _check_entries(self, entries: Counter[str]) -> None:
        """Raises if no sample has a configured JSON entry; default entries other than attributes may be missing."""
        if not entries:
            return
        for setting, usual in _ENTRIES.items():
            wanted = getattr(self, setting)
            if wanted and not entries[wanted] and (wanted != usual or setting == "attributes_key"):
                hint = nearest(wanted, entries)
                what = f"source.{setting}: no sample has a JSON entry {wanted!r}"
                raise DataError(f"{what}; set it to one of {', '.join(entries)}, or null to read none{hint}")

    def _samples(self) -> Iterator[tuple[_Place, bytes]]:
        """Yields the location and the JSON of each complete sample."""
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
                        message = f"its picture has none of the types {', '.join(FORMATS)}"
                        self._skip(SampleFault("image", message, shard.name, entry.key))
                        continue
                    yield _Place(entry.key, number, offset, length), os.pread(file.fileno(), json_length, json_offset)

    def _renamed(self) -> Iterator[tuple[int, list[Member]]]:
        """Yields each shard's members, renamed to valid keys that are unique across shards."""
        scanned: list[tuple[int, list[Member]]] = []
        for number, shard in enumerate(self._shards):
            try:
                members = scan_tar(shard)
            except SampleFault as fault:
                self._skip(fault)
                continue
            self._unread.update(_unread(members))
            scanned.append((number, [m for m in members if m.length >= 0]))
        names = list(dict.fromkeys((number, split_name(m.name)[0]) for number, members in scanned for m in members))
        places = [f"{self._shards[number].name}/{key}" for number, key in names]
        keys = dict(zip(names, unique_keys([key for _, key in names], places), strict=True))
        for number, members in scanned:
            parts = [split_name(m.name) for m in members]
            # The type of a picture is read from its bytes; here any suffix of a picture is one of a shard's own.
            types = ["jpg" if f".{e}" in SUFFIXES and e not in IMAGE_EXTENSIONS else e for _, e in parts]
            renamed = zip(members, parts, types, strict=True)
            yield number, [m._replace(name=f"{keys[number, k]}.{e}") for m, (k, _), e in renamed]

    def _skip(self, fault: SampleFault) -> None:
        self._faults.append(fault)

    def report(self) -> SourceReport:
        """Numbers of samples, files not read, labels, persons, captions and questions."""
        number = len(self._places)
        lines = [f"{number:,} samples in {len(self._shards):,} shards of {self._folder}"]
        if self._unread:
            lines.append(f"not read: {counted(dict(self._unread.most_common()))}")
        for what, (setting, without) in _REPORTED.items():
            entry, has = getattr(self, setting), self._used[setting]
            place = f"entry {entry!r} (source.{setting})" if entry else f"source.{setting}=null"
            rest = f"; the other {number - has:,} {without}" if without and has < number else ""
            lines.append(f"{what}: {has:,} of {number:,} samples have them, by {place}{rest}")
        lines.append(f"entries of the JSON: {', '.join(self._entries)}")
        return SourceReport(tuple(lines), tuple(self._faults))

    def _read(self, tree: Any) -> _Contents:
        """Parses a sample's JSON, by this package's schema or by the configured entries."""
        if not isinstance(tree, dict):
            raise SampleFault("schema", f"its JSON is {str(tree)[:40]!r}, not an object")
        if tree.get("schema") == SCHEMA_VERSION and isinstance(tree.get("attributes"), dict):
            data = check_metadata(tree)
            captions = (*((data.caption,) if data.caption else ()), *data.captions)
            person = parse_name(data.identity)
            return _Contents(data.record.hide(*self.hide), data.license, person, captions, data.qa, data.provenance)
        given = [tree.get(self.license_key), tree.get("licence"), self.license]
        license = next((text for text in given if isinstance(text, str) and not is_missing(text)), None)
        if license is None:
            message = f"its JSON states no license in {self.license_key!r}; set source.license if you know it"
            raise SampleFault("missing", message)
        return _Contents(
            self._record(tree.get(self.attributes_key) if self.attributes_key else None).hide(*self.hide),
            license,
            _parsed(parse_name, tree, self.identity_key),
            _parsed(parse_captions, tree, self.caption_key) or (),
            tuple(one.typed() for one in _parsed(parse_exchanges, tree, self.questions_key) or ()),
            {"source": tree["source"]} if isinstance(tree.get("source"), str) else {},
        )

    def _record(self, labels: Any) -> AttributeRecord:
        try:
            return parse_record(labels, self._mapping)
        except DataError as error:
            raise SampleFault("schema", f"entry {self.attributes_key!r}: {error}") from error

    def __len__(self) -> int:
        return len(self._places)

    def key(self, index: int) -> str:
        """The sample's key, with other characters than ``a-z0-9_-`` replaced; with a hash if it is not unique."""
        return self._places[index].key

    def identity(self, index: int) -> str:
        """The person stated by the sample; otherwise the source's name and the sample's key."""
        person = self._people[index]
        return f"{self.name}-{self.key(index)}" if person is None else person

    def record(self, index: int) -> AttributeRecord:
        """The attributes of a sample."""
        return self._read(decode_json(self._trees[index])).record

    def items(self, indices: Sequence[int]) -> list[SourceItem]:
        """The images and their data at these indices."""
        return [self._item(i) for i in indices]

    def _item(self, index: int) -> SourceItem:
        place = self._places[index]
        shard = self._shards[place.shard]
        where = f"shard {shard}, sample {place.key}"
        try:
            with shard.open("rb") as file:
                image = square_picture(os.pread(file.fileno(), place.length, place.offset), self.size)
        except OSError as error:
            raise SampleFault("read", f"{where} cannot be read: {error.strerror or error}") from error
        except SampleFault as fault:
            raise SampleFault(fault.cause, f"{where}: {fault.message}") from fault
        sample = self._read(decode_json(self._trees[index]))
        provenance = {**sample.provenance, "shard": shard.name}
        return SourceItem(image, sample.record, sample.license, sample.captions, provenance, sample.questions)

    def describe(self) -> dict[str, Any]:
        """The settings, with a fingerprint of the shards, keys and JSON files instead of the path."""
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
        if self.questions_key:  # left out where not used: data sets of before stay valid
            chosen["questions_key"] = self.questions_key
        inputs = {"pictures": digest.hexdigest()}
        if self._mapping:
            inputs["mapping"] = self._mapping.fingerprint
        return {**chosen, "hide": list(self.hide), "inputs": inputs}


def _parsed(parse: Callable[[object], _T], tree: Mapping[str, Any], entry: str | None) -> _T | None:
    """Parses one JSON entry; None if `entry` is None."""
    if entry is None:
        return None
    try:
        return parse(tree.get(entry))
    except DataError as error:
        raise SampleFault("schema", f"entry {entry!r}: {error}") from error


def _unread(members: Iterable[Member]) -> Iterator[str]:
    """Yields ``links`` or the suffix of each member that is neither a picture nor JSON."""
    for member in members:
        extension = split_name(member.name)[1]
        if member.length < 0:
            if extension:
                yield "links"
        elif extension != "json" and f".{extension}" not in SUFFIXES:
            yield f".{extension}" if extension else "files without a suffix"
