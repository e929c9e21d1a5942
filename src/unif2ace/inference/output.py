"""The output of `FacePipeline` for generated faces."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unif2ace.inference.generated import Generated, png_info, save_faces

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FacePipelineOutput:
    """Generated faces.

    Attributes:
        faces: The faces with their prompts and seeds.
        checkpoint: Fingerprint of the model's weights.
        settings: Settings needed to reproduce the faces, by name.
    """

    faces: tuple[Generated, ...]
    checkpoint: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> list[Image.Image]:
        """The faces as PIL images, RGB."""
        return [Image.fromarray(face.pixels) for face in self.faces]

    @property
    def prompts(self) -> list[str]:
        """The prompt of each face."""
        return [face.prompt for face in self.faces]

    @property
    def seeds(self) -> list[int]:
        """The seed of each face."""
        return [face.seed for face in self.faces]

    def numpy(self) -> NDArray[np.uint8]:
        """The faces, uint8 (B, S, S, 3)."""
        return np.stack([face.pixels for face in self.faces])

    def tensor(self) -> Tensor:
        """The faces, uint8 (B, 3, S, S), on the CPU."""
        import torch

        return torch.from_numpy(self.numpy()).permute(0, 3, 1, 2)

    def save(self, folder: str | Path) -> list[Path]:
        """Writes each face as a PNG file. Text entries mark the face as generated and record how it was generated.

        Args:
            folder: Output folder.

        Returns:
            The written files.
        """
        return save_faces(self.faces, Path(folder), self.checkpoint, self.settings)

    def png(self, number: int) -> bytes:
        """The bytes of the PNG file that `save` writes for a face.

        Args:
            number: Index of the face.
        """
        face, buffer = self.faces[number], io.BytesIO()
        info = png_info(face, self.checkpoint, self.settings)
        Image.fromarray(face.pixels).save(buffer, "PNG", pnginfo=info)
        return buffer.getvalue()

    def __repr__(self) -> str:
        side = self.faces[0].pixels.shape[0]
        return f"FacePipelineOutput({len(self.faces)} images of {side}x{side}, seeds {self.seeds})"

    def _repr_html_(self) -> str:
        """The faces side by side in a notebook. Prompt and seed appear as tooltips."""
        shown = []
        for number, face in enumerate(self.faces):
            data = base64.b64encode(self.png(number)).decode()
            title = html.escape(f"{face.prompt} (seed {face.seed})", quote=True)
            shown.append(
                f'<img src="data:image/png;base64,{data}" title="{title}" alt="{title}" width="128" height="128">'
            )
        return f"<div>{''.join(shown)}</div>"
