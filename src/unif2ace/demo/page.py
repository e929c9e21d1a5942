"""The demo page in Gradio: its layout, and the calls of `DemoActions`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from unif2ace.demo.actions import DemoActions, PageView
from unif2ace.demo.attribute_choices import CHOICES, TOGGLES, options, prompt_of
from unif2ace.demo.checked_uploads import checked_editor, checked_image
from unif2ace.errors import Unif2aceError

CSS = """
.gradio-container {max-width: 1200px !important; margin: 0 auto !important}
.faces img, .faces .image-frame img {image-rendering: pixelated}
footer {display: none !important}
"""
TITLE = "UniF²ace"
_NOTE = (
    "Every picture here is made by a model or is a copy that it changed. The files say so in their metadata "
    "(`generated: yes`). Give no picture of a person who has not agreed."
)
_EXAMPLES = ("with glasses", "without beard", "smiling", "blond hair", "add a hat", "make her older")


def build(actions: DemoActions) -> gr.Blocks:
    """Builds the page.

    Args:
        actions: The actions of its buttons.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown(f"# {TITLE}: faces from words, and words about faces\n{_NOTE}")
        with gr.Tab("Generate"):
            _generate_tab(actions)
        with gr.Tab("Describe"):
            _describe_tab(actions)
        with gr.Tab("Edit"):
            _edit_tab(actions)
    page.queue(max_size=actions.limits.waiting, default_concurrency_limit=1)
    return page


def _explained(work: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function so that the page shows a `Unif2aceError`, which a visitor can fix, as a message."""

    @wraps(work)
    def call(*inputs: Any) -> Any:
        try:
            return work(*inputs)
        except Unif2aceError as error:
            raise gr.Error(str(error), duration=None) from error

    return call


def _steps(work: Callable[..., Iterator[PageView]]) -> Callable[..., Iterator[Any]]:
    """Like `_explained`, for a function that yields the content of the page."""

    def call(*inputs: Any) -> Iterator[Any]:
        try:
            for shown in work(*inputs):
                yield _gallery(shown), shown.text
        except Unif2aceError as error:
            raise gr.Error(str(error), duration=None) from error

    return call


def _gallery(shown: PageView) -> list[tuple[str, str]]:
    return [(str(path), caption) for path, caption in shown.pictures]


def _faces(label: str, columns: int, height: int) -> gr.Gallery:
    return gr.Gallery(
        label=label, show_label=False, columns=columns, height=height, object_fit="contain", elem_classes="faces",
        format="png", interactive=False, buttons=["download", "fullscreen"],
    )  # fmt: skip


def _generate_tab(actions: DemoActions) -> None:
    limits = actions.limits
    with gr.Row():
        with gr.Column(min_width=300):
            prompt = gr.Textbox(
                label="Description", lines=3, max_length=limits.prompt_chars,
                value="A smiling young woman with long red hair wearing eyeglasses.",
            )  # fmt: skip
            with gr.Accordion("Attributes that write the description", open=False):
                chosen = [gr.Dropdown(options(name), value="any", label=name.replace("_", " ")) for name in CHOICES]
                toggled = gr.CheckboxGroup([(name.replace("_", " "), name) for name in TOGGLES], label="also")
            with gr.Row():
                faces = gr.Slider(1, limits.faces, value=2, step=1, label="Faces", min_width=120)
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=120)
            with gr.Accordion("Sampling", open=False):
                steps = gr.Slider(1, limits.steps, value=16, step=1, label="Steps")
                guidance = gr.Slider(0, 8, value=2, step=0.5, label="Guidance")
                best = gr.Slider(1, limits.best_of, value=1, step=1, label="Best of (by the model's own likelihood)")
            button = gr.Button("Generate", variant="primary")
        with gr.Column(min_width=300):
            gallery, state = _faces("Generated faces", 2, 320), gr.Markdown()
            experts_button = gr.Button("Which experts did the first face use?")
            experts = gr.Image(
                label="Experts", show_label=False, type="filepath", format="png", interactive=False, visible=False,
                buttons=["download", "fullscreen"],
            )  # fmt: skip
    write = _explained(lambda *values: prompt_of(dict(zip(CHOICES, values[:-1], strict=True)), values[-1]))
    for part in (*chosen, toggled):
        part.input(write, [*chosen, toggled], prompt, show_progress="hidden")
    inputs = [prompt, faces, seed, steps, guidance, best]
    gr.on([button.click, prompt.submit], _steps(actions.generate), inputs, [gallery, state], api_name="generate")

    def show_experts(shown: list[tuple[str, str]] | None, text: str) -> Any:
        first = Path(shown[0][0]) if shown else None
        return gr.Image(str(actions.experts(first, text)), visible=True)

    experts_button.click(_explained(show_experts), [gallery, prompt], experts, api_name=False)


def _describe_tab(actions: DemoActions) -> None:
    with gr.Row():
        picture = checked_image(actions.limits, "Picture")
        with gr.Column(min_width=300):
            length = gr.Radio(["long", "short"], value="long", label="Length")
            describe = gr.Button("Describe", variant="primary")
            description = gr.Textbox(label="Description", lines=5, interactive=False)
            question = gr.Textbox(
                label="Question", value="Is the person wearing glasses?", max_length=actions.limits.prompt_chars
            )
            ask = gr.Button("Ask")
            answer = gr.Textbox(label="Answer", interactive=False)
    describe.click(_explained(actions.caption), [picture, length], description, api_name="caption")
    gr.on([ask.click, question.submit], _explained(actions.ask), [picture, question], answer, api_name="ask")


def _edit_tab(actions: DemoActions) -> None:
    limits = actions.limits
    with gr.Row():
        with gr.Column(min_width=300):
            picture = checked_editor(limits, "Picture")
            gr.Markdown("Brush over the part that may change, or brush nothing: then the model finds the part.")
        with gr.Column(min_width=300):
            words = gr.Textbox(label="What to change", value=_EXAMPLES[0], max_length=limits.prompt_chars)
            gr.Examples([[text] for text in _EXAMPLES], words, label="Examples")
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=120)
                attempts = gr.Slider(1, 4, value=2, step=1, label="Attempts", min_width=120)
            button = gr.Button("Edit", variant="primary")
            gallery, state = _faces("Before, region, after", 3, 200), gr.Markdown()

    def edit(value: dict[str, Any] | None, text: str, number: int, tries: int) -> Any:
        value = value or {}
        shown = actions.edit(value.get("background"), text, brushed(value.get("layers")), number, 4, tries)
        return _gallery(shown), shown.text

    outputs = [gallery, state]
    gr.on([button.click, words.submit], _explained(edit), [picture, words, seed, attempts], outputs, api_name="edit")


def brushed(layers: list[str] | None) -> Image.Image | None:
    """Combines the painted layers into a mask with values 0 and 255; None if nothing is painted.

    Args:
        layers: Image files of the layers; their alpha channel is above 0 where they are painted.
    """
    alpha = [np.asarray(Image.open(file).convert("RGBA"))[..., 3] for file in layers or []]
    painted = np.max(alpha, 0) > 0 if alpha else np.zeros((1, 1), bool)
    return Image.fromarray(painted.astype(np.uint8) * 255) if painted.any() else None
