"""Base class of the importers, which map weights of another project to a network of this one, and back.

An importer is one class in one file here, with one file of the same name in ``configs/importer``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from unif2ace.engine.weights import FILE_NAME, Weights, save_weights
from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Imported:
    """A network with the weights of another project.

    Attributes:
        kind: Kind of the network, see `Weights`.
        config: Its configuration: a plain tree with `_target_`.
        state: All its tensors, of any shape (...), by name.
        made: Names of tensors that are new: the source has nothing for them.
        left_out: Tensors of the source that have no use here, by the source's names, and why.
        notes: Further lines of the report.
        provenance: Further entries of the header.
    """

    kind: str
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]
    made: frozenset[str] = frozenset()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """One line for each group of tensors: taken, made (new) or left out."""
        for what, names in (("taken", self.state.keys() - self.made), ("made", self.made)):
            for group, members in _groups(names).items():
                values = sum(self.state[name].numel() for name in members)
                tensors = "1 tensor" if len(members) == 1 else f"{len(members)} tensors"
                yield f"{what:<9} {group:<32} {tensors:>12} {values:>15,} values"
        yield from self.notes
        for reason in dict.fromkeys(self.left_out.values()):
            without = [name for name, why in self.left_out.items() if why == reason]
            more = f" and {len(without) - 1} more" if len(without) > 1 else ""
            yield f"left out  {without[0]}{more}: {reason}"


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    """Names by what they have in common: numbers of layers and the last parts are left out."""
    groups = defaultdict(list)
    for name in sorted(names):
        words = ["*" if word.isdigit() else word for word in name.split(".")[:-1]] or [name]
        groups[".".join(words[: 4 if "*" in words else 2])].append(name)
    return dict(sorted(groups.items()))


class Importer(ABC):
    """Maps weights of another project to a network of this one.

    Attributes:
        kind: Kind of the network, see `Weights`.
        source: What is read, in words, such as ``a Show-o transformer``.
        mark: Pattern of a name that only such weights have, for messages about other weights.
    """

    kind: ClassVar[str]
    source: ClassVar[str]
    mark: ClassVar[str]

    @classmethod
    def recognises(cls, names: Iterable[str]) -> bool:
        """Whether tensors of these names look like weights that this importer reads."""
        return any(re.search(cls.mark, name) for name in names)

    @abstractmethod
    def imported(self, state: Mapping[str, Tensor]) -> Imported:
        """The network with the source's weights.

        Args:
            state: All tensors of the source, of any shape (...), by its names.

        Raises:
            DataError: If a tensor is missing, unknown or of another shape.
            ConfigError: If a setting does not fit the tensors.
        """

    @classmethod
    def exported(cls, weights: Weights) -> dict[str, Tensor]:
        """The tensors of a network under the names of the other project.

        Args:
            weights: Weights of a network that such weights may have been imported to, or that was trained since.

        Raises:
            ConfigError: If there is no export, or the other project's network cannot compute what this one does.
        """
        raise ConfigError(f"weights of the form of {cls.source} can be imported, but not exported")

    def write(self, imported: Imported, folder: Path) -> Path:
        """Writes the network so that `init_from` and other commands take its folder.

        Args:
            imported: Result of `imported`.
            folder: Folder to write; it exists.

        Returns:
            The weights file.
        """
        file = folder / FILE_NAME
        provenance = imported.provenance
        save_weights(file, imported.state, kind=imported.kind, config=imported.config, provenance=provenance)
        return file
