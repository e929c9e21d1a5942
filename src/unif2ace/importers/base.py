"""Base class of the importers, which convert weights of another project to a network of this project, and back.

Each importer is a class in its own file in this package, with a file of the same name in ``configs/importer``.
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
from unif2ace.errors import ConfigError, and_more

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Imported:
    """A network with the weights of another project.

    Attributes:
        kind: Kind of the network, see `Weights`.
        config: Configuration of the network as plain containers, with `_target_`.
        state: All tensors of the network, of any shape (...), by name.
        made: Names of newly initialised tensors, which the source does not have.
        left_out: Reasons why tensors of the source are not used, by their names in the source.
        notes: Further lines of the report.
        provenance: Further entries for the header of the weights file.
    """

    kind: str
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]
    made: frozenset[str] = frozenset()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Yields the lines of the report: groups of tensors that are taken, made (newly initialised) or left out."""
        for what, names in (("taken", self.state.keys() - self.made), ("made", self.made)):
            for group, members in _groups(names).items():
                values = sum(self.state[name].numel() for name in members)
                tensors = "1 tensor" if len(members) == 1 else f"{len(members)} tensors"
                yield f"{what:<9} {group:<32} {tensors:>12} {values:>15,} values"
        yield from self.notes
        for reason in dict.fromkeys(self.left_out.values()):
            without = [name for name, why in self.left_out.items() if why == reason]
            yield f"left out  {without[0]}{and_more(without)}: {reason}"


def _groups(names: Iterable[str]) -> dict[str, list[str]]:
    """Groups tensor names that differ only in layer numbers and in the last part of the name."""
    groups = defaultdict(list)
    for name in sorted(names):
        words = ["*" if word.isdigit() else word for word in name.split(".")[:-1]] or [name]
        groups[".".join(words[: 4 if "*" in words else 2])].append(name)
    return dict(sorted(groups.items()))


class Importer(ABC):
    """Converts weights of another project to a network of this project.

    Attributes:
        kind: Kind of the network, see `Weights`.
        source: Description of the source for messages, such as ``a Show-o transformer``.
        mark: Regular expression that matches a tensor name of this source only.
    """

    kind: ClassVar[str]
    source: ClassVar[str]
    mark: ClassVar[str]

    @classmethod
    def recognises(cls, names: Iterable[str]) -> bool:
        """Whether tensors with these names look like weights for this importer."""
        return any(re.search(cls.mark, name) for name in names)

    @abstractmethod
    def imported(self, state: Mapping[str, Tensor]) -> Imported:
        """Converts the source's weights to a network of this project.

        Args:
            state: All tensors of the source, of any shape (...), by their names in the source.

        Raises:
            DataError: If a tensor is missing, unknown or of another shape.
            ConfigError: If a setting does not fit the tensors.
        """

    @classmethod
    def exported(cls, weights: Weights) -> dict[str, Tensor]:
        """Converts the weights of a network back to the format of the other project.

        Args:
            weights: Weights of an imported network, possibly trained further.

        Raises:
            ConfigError: If this importer has no export, or the other project cannot represent the network.
        """
        raise ConfigError(f"weights in the format of {cls.source} can only be imported: export is not supported")

    def write(self, imported: Imported, folder: Path) -> Path:
        """Writes the network to a folder that `init_from=` and other commands can load.

        Args:
            imported: The converted network, from the method `imported`.
            folder: Existing folder to write to.

        Returns:
            Path of the weights file.
        """
        file = folder / FILE_NAME
        provenance = imported.provenance
        save_weights(file, imported.state, kind=imported.kind, config=imported.config, provenance=provenance)
        return file
