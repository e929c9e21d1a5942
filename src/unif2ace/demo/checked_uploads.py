"""Upload components of the page, which check a file before Gradio decodes it.

The check replaces the method `preprocess` of each component. A subclass would be simpler, but Gradio writes a stub file
next to the source of every subclass.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import mkstemp
from typing import Any

import gradio as gr

from unif2ace.demo.limits import Limits
from unif2ace.errors import DataError


def checked_image(limits: Limits, label: str) -> gr.Image:
    """A component to upload an image. Event functions receive the path of the image."""
    part = gr.Image(
        label=label, type="filepath", sources=["upload", "clipboard"], height=320, min_width=300, buttons=[]
    )

    def preprocess(payload: Any) -> str | None:
        return None if payload is None else _checked(limits, payload)

    part.preprocess = preprocess
    return part


def checked_editor(limits: Limits, label: str) -> gr.ImageEditor:
    """A component to upload and brush an image. Event functions receive the paths of the image and its layers."""
    part = gr.ImageEditor(
        label=label, type="filepath", image_mode="RGBA", sources=["upload"], layers=False, transforms=(), height=420,
        brush=gr.Brush(colors=["#e0457b"], default_size=24), eraser=gr.Eraser(),
    )  # fmt: skip

    def preprocess(payload: Any) -> dict[str, Any] | None:
        if payload is None:
            return None
        if payload.id is not None:  # the page sent the canvas as bytes before
            payload = part.blob_storage.pop(payload.id, payload)
        layers = [_checked(limits, layer) for layer in payload.layers or [] if layer]
        return {"background": _checked(limits, payload.background) if payload.background else None, "layers": layers}

    part.preprocess = preprocess
    return part


def _checked(limits: Limits, file: Any) -> str:
    """Checks an upload and returns its path. Bytes that the page sent are written to a temporary file first."""
    try:
        if isinstance(file, bytes | bytearray | memoryview):
            place = Path(mkstemp(prefix="face-canvas-", suffix=".png")[1])
            place.write_bytes(file)
            return str(limits.picture(place))
        if not file.path:
            raise DataError("the image is not an uploaded file: upload an image file")
        return str(limits.picture(file.path))
    except DataError as error:
        raise gr.Error(str(error), duration=None) from error
