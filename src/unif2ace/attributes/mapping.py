"""Maps the attribute names of public data sets to the taxonomy: one yaml file per data set in `mappings/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import yaml

from unif2ace.attributes.record import AttributeRecord, Value
from unif2ace.attributes.taxonomy import TAXONOMY
from unif2ace.errors import DataError, nearest


class AttributeMapping:
    """Converts the yes/no labels of a data set into a record.

    A mapping file gives the meaning of each label when `present` and when `absent`, as values of the taxonomy's fields
    and labels. An empty entry is a label that is ignored on purpose. Where two labels contradict each other about a
    value, the value is null. Names are matched case-insensitively, because copies of a data set spell them differently
    (``Male``, ``male``).

    Args:
        name: Stem of a file in `mappings/`: ``celeba`` or ``celebv_hq``. FFHQ's features are scores, not yes/no labels;
            use `ffhq.record_of_ffhq` for them.

    Raises:
        DataError: If there is no such mapping, or its file contains something unknown to the taxonomy.
    """

    def __init__(self, name: str) -> None:
        folder = files("unif2ace.attributes").joinpath("mappings")
        known = sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml"))
        if name not in known:
            raise DataError(f"no attribute mapping {name!r}{nearest(name, known)}; there are {', '.join(known)}")
        self.name = name
        tree: dict[str, dict[str, dict[str, Value]] | None]
        tree = yaml.safe_load(folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
        self.meanings = {source: _meaning(f"mapping {name!r}, label {source!r}", tree[source]) for source in tree}
        self._spelling = {source.casefold(): source for source in self.meanings}

    def find(self, label: str) -> str | None:
        """The mapping's own spelling of a label; None if the data set has no such label."""
        return self._spelling.get(label.casefold())

    def __call__(self, labels: Mapping[str, bool | None]) -> AttributeRecord:
        """The record of a set of labels.

        Args:
            labels: The data set's labels, each true, false or None (not labelled).

        Raises:
            DataError: If a name is not one of the data set's labels.
        """
        said: dict[str, set[Value]] = {}
        for label, present in labels.items():
            meaning = self.meanings[self._known(label)]
            if present is None:
                continue
            for name, value in meaning["present" if present else "absent"].items():
                said.setdefault(name, set()).add(value)
        return AttributeRecord(_consistent({n: next(iter(v)) for n, v in said.items() if len(v) == 1}))

    def of_positive(self, positive: Iterable[str]) -> AttributeRecord:
        """The record of a list of true labels; all other labels are false.

        Raises:
            DataError: If a name is not one of the data set's labels.
        """
        return self({**dict.fromkeys(self.meanings, False), **dict.fromkeys(map(self._known, positive), True)})

    def _known(self, label: str) -> str:
        source = self.find(label)
        if source is None:
            raise DataError(f"{self.name!r} has no label {label!r}{nearest(label, self.meanings)}")
        return source


def _meaning(place: str, entry: Mapping[str, Any] | None) -> dict[str, dict[str, Value]]:
    """One checked entry of a mapping file, with both sides."""
    sides: dict[str, dict[str, Value]] = {"present": {}, "absent": {}}
    for side, values in (entry or {}).items():
        if side not in sides:
            raise DataError(f"{place}: {side!r} is neither 'present' nor 'absent'")
        try:
            AttributeRecord(values)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
        sides[side] = dict(values)
    return sides


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
