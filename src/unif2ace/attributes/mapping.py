"""Maps the labels of other data sets to the taxonomy, by a yaml file in `mappings/` or a user's file."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from unif2ace.attributes.record import AttributeRecord, Value
from unif2ace.attributes.taxonomy import TAXONOMY
from unif2ace.errors import DataError, nearest


def same_word(word: str) -> str:
    """Normalises case, blanks and Unicode form, in which copies of a data set differ."""
    return unicodedata.normalize("NFC", " ".join(word.split())).casefold()


class _UniqueKeys(yaml.BaseLoader):
    """Reads every scalar as text and rejects duplicate keys, of which PyYAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if same_word(str(key.value)) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} occurs twice", key.start_mark)
            seen.add(same_word(str(key.value)))
        return super().construct_mapping(node, deep)


class AttributeMapping:
    """Converts the labels of a data set into a record.

    A mapping file has one entry per label or column of the data set. An entry gives values of the taxonomy's fields and
    labels:

    - for a yes/no label, when it is `present` and `absent`: ``Male: {present: {gender: man}, absent: {gender:
    woman}}``; - for a column of words, for each word: ``sex: {gender: {male: man, female: woman}}``.

    A label with an empty entry is ignored, and its column may hold any values. If two labels give contradictory values,
    the value is null. Labels and words match regardless of case, blanks and Unicode form, because copies of a data set
    differ in spelling (``Male``, ``male``). Each label may occur only once in the file.

    Args:
        name: Name of a file in `mappings/` (``celeba`` or ``celebv_hq``), or the path of a yaml file. FFHQ's features
            are scores, not labels; convert them with `ffhq.record_of_ffhq`.

    Attributes:
        meanings: For each label, the values given for `present` and for `absent`; both empty for columns of words.
        words: For each column of words, a mapping from field and word (in lower case) to the field's value.
        fingerprint: SHA-256 of the mapping file.

    Raises:
        DataError: If the mapping does not exist, its file is malformed, or an entry is not in the taxonomy.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        data = _read(name)
        self.fingerprint = hashlib.sha256(data).hexdigest()
        self.meanings: dict[str, dict[str, dict[str, Value]]] = {}
        self.words: dict[str, dict[str, dict[str, Value]]] = {}
        for label, entry in _parse(name, data).items():
            place = f"mapping {name!r}, label {label!r}"
            if not isinstance(entry, dict) and entry != "":
                raise DataError(f"{place}: {entry!r} is not valid; write {label}: {{present: {{ATTRIBUTE: VALUE}}}}")
            if entry and not entry.keys() <= {"present", "absent"}:
                self.words[label] = _words(place, entry)
            self.meanings[label] = _meaning(place, entry if entry and label not in self.words else {})
        self._spelling = {same_word(label): label for label in self.meanings}

    def find(self, label: str) -> str | None:
        """The spelling of a label in the mapping file; None if the mapping has no such label."""
        return self._spelling.get(same_word(label))

    def ignores(self, label: str) -> bool:
        """Whether a label has an empty entry, so that its column may hold any values.

        Raises:
            DataError: If the mapping has no such label.
        """
        known = self._known(label)
        return known not in self.words and not any(self.meanings[known].values())

    def choices(self, label: str) -> tuple[str, ...]:
        """Allowed words of a column, in lower case; empty for a yes/no label.

        Raises:
            DataError: If the mapping has no such label.
        """
        return tuple(dict.fromkeys(w for words in self.words.get(self._known(label), {}).values() for w in words))

    def __call__(self, labels: Mapping[str, Value]) -> AttributeRecord:
        """Converts labels to a record.

        Args:
            labels: Labels of the data set. A value is true, false or None (not labelled), or one of the label's
                `choices`.

        Raises:
            DataError: If the mapping has no such label, or a word is not one of the label's choices.
        """
        said: dict[str, set[Value]] = {}
        for label, value in labels.items():
            known = self._known(label)
            if value is None:
                continue
            for name, meant in self._meant(known, value).items():
                said.setdefault(name, set()).add(meant)
        return AttributeRecord(_consistent({n: next(iter(v)) for n, v in said.items() if len(v) == 1}))

    def of_positive(self, positive: Iterable[str]) -> AttributeRecord:
        """Converts a list of true labels to a record. All other labels are false; columns of words are unknown.

        Raises:
            DataError: If the mapping has no such label.
        """
        absent = {label: None if label in self.words else False for label in self.meanings}
        return self({**absent, **dict.fromkeys(map(self._known, positive), True)})

    def _meant(self, label: str, value: Value) -> dict[str, Value]:
        if label not in self.words:
            return self.meanings[label]["present" if value else "absent"]
        word, choices = same_word(str(value)), self.choices(label)
        if word not in choices:
            raise DataError(
                f"label {label!r} is {value!r}, which is not in mapping {self.name!r}; use one of "
                f"{', '.join(choices)}{nearest(word, choices)}"
            )
        return {field: words[word] for field, words in self.words[label].items() if word in words}

    def _known(self, label: str) -> str:
        source = self.find(label)
        if source is None:
            raise DataError(f"mapping {self.name!r} has no label {label!r}{nearest(label, self.meanings)}")
        return source


def _read(name: str) -> bytes:
    """Contents of a mapping file: a file in `mappings/`, or any yaml file by its path."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            beside = [p.name for p in path.parent.glob("*.y*ml")]
            hint = nearest(path.name, beside)
            raise DataError(f"source.mapping={name} cannot be read: {error.strerror or error}{hint}") from error
    folder = files("unif2ace.attributes").joinpath("mappings")
    known = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    if name not in known:
        there = f"use one of {', '.join(known)}, or the path of a .yaml file"
        raise DataError(f"source.mapping={name} is unknown; {there}{nearest(name, known)}")
    return folder.joinpath(f"{name}.yaml").read_bytes()


def _parse(name: str, data: bytes) -> dict[str, Any]:
    """Parses a mapping file with every scalar as text, so that a word such as ``yes`` or ``1`` stays as written."""
    try:
        tree = yaml.load(data, _UniqueKeys)
    except (yaml.YAMLError, UnicodeError) as error:
        raise DataError(f"mapping {name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not tree:
        raise DataError(f"mapping {name} has no entries; write one per label, LABEL: {{present: ..., absent: ...}}")
    return tree


def _meaning(place: str, entry: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """Checks the entry of a yes/no label; returns its values if `present` and if `absent`."""
    sides: dict[str, dict[str, Value]] = {"present": {}, "absent": {}}
    for side, values in entry.items():
        if not isinstance(values, dict):
            raise DataError(f"{place}: {side} is {values!r}; write {side}: {{ATTRIBUTE: VALUE}}")
        sides[side] = {field: _value(text) for field, text in values.items()}
        try:
            AttributeRecord(sides[side])
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    return sides


def _words(place: str, entry: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """Checks the entry of a column of words; returns the value for each field and word (in lower case)."""
    out: dict[str, dict[str, Value]] = {}
    for field, words in entry.items():
        if field in ("present", "absent") or not isinstance(words, dict):
            raise DataError(
                f"{place}: {field}: {words!r} is not valid; an entry has either present and absent, or attributes with "
                "words, such as gender: {male: man, female: woman}"
            )
        out[field] = {same_word(word): _value(text) for word, text in words.items()}
        try:
            for value in out[field].values():
                TAXONOMY.check(field, value)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    return out


def _value(text: object) -> Value:
    """Converts the text in a mapping file to a value of the taxonomy."""
    if not isinstance(text, str):
        return repr(text)  # no value of the taxonomy; the check names it
    return {"true": True, "false": False, "null": None, "": None}.get(text.lower(), text)


def _consistent(values: dict[str, Value]) -> dict[str, Value]:
    """Drops labels and fields that contradict each other, and fields whose required field is not true."""
    for name, label in TAXONOMY.labels.items():
        if name in TAXONOMY.fields or values.get(name) is None or values.get(label.field) is None:
            continue
        if (values[label.field] == label.value) != values[name]:
            del values[name], values[label.field]
    return {n: v for n, v in values.items() if not (r := _requires(n)) or values.get(r) is True}


def _requires(name: str) -> str | None:
    return TAXONOMY.fields[name].requires if name in TAXONOMY.fields else None
