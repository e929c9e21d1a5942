"""Maps the attribute names of other data sets to the taxonomy: a yaml file in `mappings/`, or one of your own."""

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
    """A word without the differences of case, blanks and Unicode form that copies of a data set have."""
    return unicodedata.normalize("NFC", " ".join(word.split())).casefold()


class _UniqueKeys(yaml.BaseLoader):
    """Reads every scalar as text, and refuses a name that is given twice: yaml would keep the last entry."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if same_word(str(key.value)) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(same_word(str(key.value)))
        return super().construct_mapping(node, deep)


class AttributeMapping:
    """Converts the labels of a data set into a record.

    A mapping file has one entry for each label or column. It gives the values of the taxonomy's fields and labels:

    - of a yes/no label when `present` and when `absent`: ``Male: {present: {gender: man}, absent: {gender: woman}}``;
    - of a column with words, for each word: ``sex: {gender: {male: man, female: woman}}``.

    An empty entry is a label that is ignored on purpose, whatever its column holds. Where two labels contradict each
    other about a value, the value is null. Names and words are matched without regard to case, blanks and Unicode form,
    because copies of a data set spell them differently (``Male``, ``male``); each may be given once.

    Args:
        name: Stem of a file in `mappings/`, ``celeba`` or ``celebv_hq``, or the path of a yaml file. FFHQ's features
            are scores, not labels; use `ffhq.record_of_ffhq` for them.

    Attributes:
        meanings: For each label its `present` and `absent` values; empty for columns with words.
        words: For each column with words its fields, and for each field its word in lower case to the value.
        fingerprint: SHA-256 of the file.

    Raises:
        DataError: If there is no such mapping, or its file is not a mapping or names something that the
            taxonomy does not know.
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
                raise DataError(f"{place}: {entry!r} is not an entry; write {label}: {{present: {{ATTRIBUTE: VALUE}}}}")
            if entry and not entry.keys() <= {"present", "absent"}:
                self.words[label] = _words(place, entry)
            self.meanings[label] = _meaning(place, entry if entry and label not in self.words else {})
        self._spelling = {same_word(label): label for label in self.meanings}

    def find(self, label: str) -> str | None:
        """The mapping's own spelling of a label; None if the data set has no such label."""
        return self._spelling.get(same_word(label))

    def ignores(self, label: str) -> bool:
        """Whether a label says nothing, so that its column may hold anything.

        Raises:
            DataError: If the data set has no such label.
        """
        known = self._known(label)
        return known not in self.words and not any(self.meanings[known].values())

    def choices(self, label: str) -> tuple[str, ...]:
        """Words that a column may hold, in lower case; empty for a yes/no label.

        Raises:
            DataError: If the data set has no such label.
        """
        return tuple(dict.fromkeys(w for words in self.words.get(self._known(label), {}).values() for w in words))

    def __call__(self, labels: Mapping[str, Value]) -> AttributeRecord:
        """The record of a set of labels.

        Args:
            labels: The data set's labels, each true, false or None (not labelled), or a word of its `choices`.

        Raises:
            DataError: If a name is not one of the data set's labels, or a word is not one of its choices.
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
        """The record of a list of true labels; all other labels are false, and columns with words are unknown.

        Raises:
            DataError: If a name is not one of the data set's labels.
        """
        absent = {label: None if label in self.words else False for label in self.meanings}
        return self({**absent, **dict.fromkeys(map(self._known, positive), True)})

    def _meant(self, label: str, value: Value) -> dict[str, Value]:
        if label not in self.words:
            return self.meanings[label]["present" if value else "absent"]
        word, choices = same_word(str(value)), self.choices(label)
        if word not in choices:
            raise DataError(
                f"label {label!r} is {value!r}, which mapping {self.name!r} does not list; it lists "
                f"{', '.join(choices)}{nearest(word, choices)}"
            )
        return {field: words[word] for field, words in self.words[label].items() if word in words}

    def _known(self, label: str) -> str:
        source = self.find(label)
        if source is None:
            raise DataError(f"{self.name!r} has no label {label!r}{nearest(label, self.meanings)}")
        return source


def _read(name: str) -> bytes:
    """The bytes of a mapping: a file in `mappings/`, or any yaml file by its path."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        try:
            return path.read_bytes()
        except OSError as error:
            beside = [p.name for p in path.parent.glob("*.y*ml")]
            hint = nearest(path.name, beside)
            raise DataError(
                f"mapping {name} cannot be read: {error.strerror or error}{hint} (source.mapping)"
            ) from error
    folder = files("unif2ace.attributes").joinpath("mappings")
    known = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
    if name not in known:
        there = f"there are {', '.join(known)}, or give the path of your own .yaml file"
        raise DataError(f"no attribute mapping {name!r}{nearest(name, known)}; {there} (source.mapping)")
    return folder.joinpath(f"{name}.yaml").read_bytes()


def _parse(name: str, data: bytes) -> dict[str, Any]:
    """The tree of a mapping file with every scalar as text: a word such as ``yes`` or ``1`` stays as written."""
    try:
        tree = yaml.load(data, _UniqueKeys)
    except (yaml.YAMLError, UnicodeError) as error:
        raise DataError(f"mapping {name}: it is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict) or not tree:
        raise DataError(f"mapping {name}: it must have an entry for each label, LABEL: {{present: ..., absent: ...}}")
    return tree


def _meaning(place: str, entry: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """One checked entry of a yes/no label, with both sides."""
    sides: dict[str, dict[str, Value]] = {"present": {}, "absent": {}}
    for side, values in entry.items():
        if not isinstance(values, dict):
            raise DataError(f"{place}: {side} is {values!r}; it must be {{ATTRIBUTE: VALUE}}")
        sides[side] = {field: _value(text) for field, text in values.items()}
        try:
            AttributeRecord(sides[side])
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    return sides


def _words(place: str, entry: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """One checked entry of a column with words: for each field, its words in lower case to the field's values."""
    out: dict[str, dict[str, Value]] = {}
    for field, words in entry.items():
        if field in ("present", "absent") or not isinstance(words, dict):
            raise DataError(
                f"{place}: {field!r} stands for {words!r}; an entry has either present and absent, or an attribute "
                "with its words, such as gender: {male: man, female: woman}"
            )
        out[field] = {same_word(word): _value(text) for word, text in words.items()}
        try:
            for value in out[field].values():
                TAXONOMY.check(field, value)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
    return out


def _value(text: object) -> Value:
    """A value as the taxonomy has it, from its text in yaml."""
    if not isinstance(text, str):
        return repr(text)  # no value of the taxonomy; the check names it
    return {"true": True, "false": False, "null": None, "": None}.get(text.lower(), text)


def _consistent(values: dict[str, Value]) -> dict[str, Value]:
    """Drops a label and its field where they contradict each other, and fields whose required field is not true."""
    for name, label in TAXONOMY.labels.items():
        if name in TAXONOMY.fields or values.get(name) is None or values.get(label.field) is None:
            continue
        if (values[label.field] == label.value) != values[name]:
            del values[name], values[label.field]
    return {n: v for n, v in values.items() if not (r := _requires(n)) or values.get(r) is True}


def _requires(name: str) -> str | None:
    return TAXONOMY.fields[name].requires if name in TAXONOMY.fields else None
