"""Attributes and nuisance variables of a batch of faces as arrays (B, 1, 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unif2ace.synthetic.noise import Array
from unif2ace.synthetic.palette import Colour
from unif2ace.synthetic.sampling import Face


class Parameters:
    """Looks up attributes and nuisance variables of a batch of B faces.

    Args:
        faces: The faces, in the order of the batch.
    """

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces = tuple(faces)
        seeds = [(f.nuisance.seed * 40503 + f.person * 7) % 1024 for f in faces]
        self.offset: NDArray[np.int32] = np.array(seeds, np.int32)[:, None, None]

    def numbers(self, values: Sequence[float]) -> Array:
        """Converts one value per face to an array, float32 (B, 1, 1)."""
        return np.asarray(values, np.float32)[:, None, None]

    def choice(self, name: str, table: Mapping[Any, float], default: float = 0.0) -> Array:
        """Looks up the value of a field in a table, for each face, float32 (B, 1, 1)."""
        return self.numbers([table.get(f.drawn[name], default) for f in self.faces])

    def flag(self, name: str) -> Array:
        """1 for faces with a true boolean field, else 0; float32 (B, 1, 1)."""
        return self.numbers([1.0 if f.drawn[name] else 0.0 for f in self.faces])

    def where(self, name: str, *values: str | bool) -> NDArray[np.intp]:
        """Indices of the R faces with one of the given values of a field, (R,)."""
        return np.flatnonzero([f.drawn[name] in values for f in self.faces])

    def nuisance(self, name: str) -> Array:
        """A nuisance variable of each face, by its name in `Nuisance`, float32 (B, 1, 1)."""
        return self.numbers([getattr(f.nuisance, name) for f in self.faces])

    def light(self, axis: int) -> Array:
        """Direction of the key light along x (axis 0) or y (axis 1), float32 (B, 1, 1)."""
        return self.numbers([f.nuisance.light[axis] for f in self.faces])

    def jitter(self, place: int) -> Array:
        """An entry of `Nuisance.jitter`, float32 (B, 1, 1)."""
        return self.numbers([f.nuisance.jitter[place] for f in self.faces])

    def chance(self, place: int, above: float = 0.0) -> Array:
        """1 for faces with an entry of `Nuisance.jitter` above a threshold, else 0; float32 (B, 1, 1)."""
        return self.numbers([1.0 if f.nuisance.jitter[place] > above else 0.0 for f in self.faces])

    def body(self, place: int) -> Array:
        """An entry of `Nuisance.body`, float32 (B, 1, 1)."""
        return self.numbers([f.nuisance.body[place] for f in self.faces])

    def colour(self, name: str, table: Mapping[str, Colour]) -> Array:
        """The colour of each face from a table by the value of a field, float32 (B, 3, 1, 1)."""
        first = next(iter(table.values()))
        rows = [table.get(str(f.drawn[name]), first) for f in self.faces]
        return np.stack(rows)[:, :, None, None]

    def one_of(self, table: NDArray[np.float32], place: int, *, of_person: bool = False) -> Array:
        """A random colour from a table (K, 3) for each image, or for each person, float32 (B, 3, 1, 1)."""
        numbers = [f.nuisance.body[place] if of_person else f.nuisance.jitter[place] for f in self.faces]
        rows = [table[int(abs(n) * 1000) % len(table)] for n in numbers]
        return np.stack(rows)[:, :, None, None]

    def take(self, which: NDArray[np.intp]) -> Parameters:
        """The parameters of the faces at the indices `which` (R,)."""
        return Parameters([self.faces[i] for i in which])
