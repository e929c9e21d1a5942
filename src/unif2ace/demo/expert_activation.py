"""A figure of the experts that a face activates: the share of its tokens that each expert receives, by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from unif2ace.inference.unified_model import UnifiedModel

_QUESTION = "Describe the face."


def expert_figure(model: UnifiedModel, images: Tensor, prompt: str) -> Image.Image:
    """Draws heat maps of the experts that a face activates during generation and during description.

    Args:
        model: The model.
        images: The face, uint8 (1, 3, S, S).
        prompt: The prompt for generation; may be empty.

    Raises:
        ConfigError: If the network has no routed experts, or the prompt is too long.
    """
    import numpy as np
    import torch
    from PIL import Image

    from unif2ace.callbacks.expert_usage import draw

    with torch.inference_mode():
        codes = model.encode(images)
        masked = codes.masked_fill(torch.arange(codes.shape[1], device=codes.device) % 2 == 0, model.num_codes)
        ids, length = model.ids([prompt], by_words=False)
        net: Any = model.net
        generated = net(model.layout.text_to_image(ids, length, masked, codes)).routers
        sequence, features = model.asked(images, _QUESTION)
        described = net(sequence, features).routers
    panels = {**_panels(generated, 0, "generation, half of the tokens masked"), **_panels(described, 1, "description")}
    if not panels:
        raise ConfigError("this network has no routed experts to show: train a network with moe=grouped")
    figure = draw(panels)
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])  # type: ignore[attr-defined]


def _panels(routers: Any, group: int, what: str) -> dict[str, Any]:
    """Shares of the tokens by layer and expert, (R, E), by panel title. Levels without routed tokens are omitted."""
    import torch

    levels: dict[str, list[Any]] = {}
    for stats in routers:
        if stats.count[group] > 0:
            levels.setdefault(stats.level, []).append(stats.assigned[group] / stats.count[group])
    return {f"{level} level, {what}": torch.stack(rows).float().cpu().numpy() for level, rows in levels.items()}
