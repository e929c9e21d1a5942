"""Implements `FacePipeline.edit`: region, editor and soft edge. Shapes: B pictures of S x S pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError, DataError
from unif2ace.inference.edit_output import EditOutput
from unif2ace.inference.editing import EditResult, pixels_of
from unif2ace.inference.generated import Generated
from unif2ace.inference.sampling_options import SamplingPlan, shown_progress
from unif2ace.language.instructions import Instruction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from unif2ace.data.images import FaceFinder
    from unif2ace.data.sources.alignment import Points
    from unif2ace.diffusion.samplers.base import Sampler
    from unif2ace.inference.edit_regions.base import EditRegion
    from unif2ace.inference.unified_model import UnifiedModel


def region_of(
    mask: Tensor | None, region: Sequence[float] | None, edit_region: EditRegion | None, repeat: int = 1
) -> EditRegion | None:
    """The region method for the arguments of an edit; None if no region is given.

    Args:
        mask: One mask per picture, bool (B, S, S).
        region: Left, top, right and bottom edge as shares of the picture's sides, 0 to 1.
        edit_region: A region method.
        repeat: Number of results per picture.

    Raises:
        ConfigError: If more than one of `mask`, `region` and `edit_region` is given, or the edges are not a rectangle.
        DataError: If the mask is empty.
    """
    from unif2ace.inference.edit_regions.box import BoxRegion
    from unif2ace.inference.edit_regions.mask import MaskRegion

    ways = {"mask": mask, "region": region, "edit_region": edit_region}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are all set: give only one of them")
    if mask is not None:
        return MaskRegion(mask.repeat_interleave(repeat, 0))
    return edit_region if region is None else BoxRegion(region)


def edit_pictures(
    model: UnifiedModel,
    images: Tensor,
    plan: SamplingPlan,
    region: EditRegion | None,
    sampler: Sampler,
    *,
    attempts: int = 1,
    paste: bool = True,
) -> EditOutput:
    """Edits pictures according to text instructions.

    Args:
        model: The model.
        images: The pictures, uint8 (B, 3, S, S). Each is edited `plan.num_images` times.
        plan: Prompts and seeds of the B x `plan.num_images` results.
        region: Finds the tokens to change; None for `PredictionDifference`.
        sampler: The sampler of the plan, which may report its steps.
        attempts: Maximum number of attempts per result.
        paste: Whether to keep the original pixels outside the region, with a soft edge. With False all pixels are
            decoded from the tokens.

    Raises:
        ConfigError: If a prompt is empty or too long, or a number is out of range.
    """
    from unif2ace.inference.editing import FaceEditor, paste_region

    given, each = plan.options, plan.num_images
    numbers: dict[str, Any] = {"guidance": given.get("guidance_scale", 4.0), "best_of": given.get("best_of", 4)}
    editor = FaceEditor(
        model, region, sampler=sampler, **numbers, attempts=attempts, batch_size=given.get("batch_size", 32)
    )
    with shown_progress(given.get("progress", False)) as advance:
        edited = editor.edit(images, plan.prompts[::each], plan.seeds, repeat=each, progress=advance)
    originals = images.repeat_interleave(each, 0)
    made = paste_region(originals, edited.images, edited.region, editor.grid) if paste else edited.images
    pixels, before = (x.permute(0, 2, 3, 1).contiguous().numpy() for x in (made, originals))
    shares = edited.region.double().mean(1).tolist()
    settings = {"edit": type(editor.region).__name__, "attempts": str(attempts), "paste": str(paste).lower()}
    return EditOutput(
        faces=tuple(Generated(*row) for row in zip(pixels, plan.prompts, plan.seeds, strict=True)),
        checkpoint=model.fingerprint,
        settings={**settings, "sampler": plan.sampler_name, **{n: f"{v:g}" for n, v in numbers.items()}},
        originals=before,
        masks=pixels_of(edited.region, editor.grid, images.shape[-1]).cpu().numpy(),
        shares=tuple(shares),
        changes=edited.changes,
        notes=tuple(_note(edited, number, share) for number, share in enumerate(shares)),
    )


def _note(edited: EditResult, number: int, share: float) -> str:
    said, seen = _understood(edited.instructions[number]), edited.confirmed[number]
    tries, kept = edited.attempts[number], edited.kept[number]
    words = f"{said}: {share:.0%} of the tokens sampled again"
    if seen is None:
        return words
    if seen:
        return f"{words}{'' if tries == 1 else f' in attempt {kept}'}; the model sees the change"
    return (
        f"{words}; the model does not see the change in any of {tries} attempts: attempt {kept} is kept, because it "
        "fits the new description best"
    )


def _understood(instruction: Instruction) -> str:
    """The requested values in words, the parts used as written, and the words that were not understood."""
    found = []
    for name, value in instruction.values.items():
        plain = name.replace("_", " ")
        found.append(plain if value is True else f"no {plain}" if value is False else f"{plain} {value}")
    found += [f"{text!r} as written" for text in instruction.rest]
    if instruction.unread:
        found.append(f"not understood: {' '.join(instruction.unread)}")
    return ", ".join(found)


class _SameFace:
    """A `FaceFinder` that returns a known square, so that a mask is cropped like its picture."""

    def __init__(self, corners: Points | None) -> None:
        self._corners = corners

    def face(self, pixels: NDArray[np.uint8]) -> Points | None:
        """The known square; `pixels` is ignored."""
        return self._corners


def read_mask(masks: Any, images: Any, size: int, finder: FaceFinder | None) -> Tensor:
    """Reads masks, cropped and resized like their pictures, bool (B, S, S).

    Args:
        masks: One mask for all pictures, or one per picture, in any form of a picture and of its picture's size. White
            marks the part that may change.
        images: The pictures as given by the caller.
        size: S, side of the model's images in pixels.
        finder: Finds the face that a picture is cropped to; None for the central square.

    Raises:
        DataError: If a mask cannot be read, or has another size than its picture.
    """
    import torch

    from unif2ace.data.images import each_picture, read_pictures, rgb_pixels, stacked

    pictures, given = each_picture(images)[0], each_picture(masks)[0]
    if len(given) not in (1, len(pictures)):
        raise DataError(f"{len(given)} masks for {len(pictures)} pictures: give one mask, or one for each picture")
    found: list[Tensor] = []
    for number, picture in enumerate(pictures):
        pixels, mask = rgb_pixels(picture), rgb_pixels(given[min(number, len(given) - 1)])
        if mask.shape != pixels.shape:
            sizes = [f"{x.shape[1]}x{x.shape[0]}" for x in (mask, pixels)]
            raise DataError(f"the mask has {sizes[0]} pixels, its picture {sizes[1]}: give a mask of the same size")
        corners = None if finder is None or pixels.shape[:2] == (size, size) else finder.face(pixels)
        read, _ = read_pictures(mask, size, None if corners is None else _SameFace(corners))
        found.append(stacked(read)[0, 0] > 127)
    return torch.stack(found)
