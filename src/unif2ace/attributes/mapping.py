"""How a public data set's attribute names become the taxonomy's: one yaml per data set in `mappings/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import yaml

from unif2ace.attributes.record import AttributeRecord, Value
from unif2ace.attributes.taxonomy import TAXONOMY
from unif2ace.errors import DataError, nearest


class AttributeMapping:
    """Turns a data set's yes/no labels into a record, stating no more than they say.

    A mapping file gives each name what it means when `present` and when `absent`, as values of the
    taxonomy's fields and labels; an empty entry is a label left out on purpose. Where two labels disagree about one
    value, that value is null: a contradiction is not knowledge. Names are found in any case, because copies of a data
    set spell them differently (``Male``, ``male``).

    Args:
        name: Stem of a file in `mappings/`: ``celeba`` or ``celebv_hq``. (FFHQ's features are scores, not yes/no
            labels; `ffhq.record_of_ffhq` reads them.)

    Raises:
        DataError: If there is no such mapping, or its file says what the taxonomy does not know.
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
        """The mapping's own spelling of a data set's label, or None if it is not one."""
        return self._spelling.get(label.casefold())

    def __call__(self, labels: Mapping[str, bool | None]) -> AttributeRecord:
        """The record that the given labels say.

        Args:
            labels: The data set's names, each true, false or None (not labelled).

        Raises:
            DataError: If a name is not the data set's.
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
        """The record for a list of the labels that hold, every other one being false.

        Raises:
            DataError: If a name is not the data set's.
        """
        return self({**dict.fromkeys(self.meanings, False), **dict.fromkeys(map(self._known, positive), True)})

    def _known(self, label: str) -> str:
        source = self.find(label)
        if source is None:
            raise DataError(f"{self.name!r} has no label {label!r}{nearest(label, self.meanings)}")
        return source


def _meaning(place: str, entry: Mapping[str, Any] | None) -> dict[str, dict[str, Value]]:
    """One entry of a mapping file with both its sides, checked."""
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
    """Drops a stated label and its field where they contradict each other, and what lacks the field it requires."""
    for name, label in TAXONOMY.labels.items():
        if name in TAXONOMY.fields or values.get(name) is None or values.get(label.field) is None:
            continue
        if (values[label.field] == label.value) != values[name]:
            del values[name], values[label.field]
    return {n: v for n, v in values.items() if not (r := _requires(n)) or values.get(r) is True}


def _requires(name: str) -> str | None:
    return TAXONOMY.fields[name].requires if name in TAXONOMY.fields else None
