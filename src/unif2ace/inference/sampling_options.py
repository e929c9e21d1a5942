"""The sampling options that all generating methods of the pipeline share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from unif2ace.errors import ConfigError, nearest
from unif2ace.inference.arguments import check_count, check_seeds, in_order
from unif2ace.progress import progress

if TYPE_CHECKING:
    import torch

    from unif2ace.diffusion.samplers.base import Sampler

OnStepEnd = Callable[[Any, int, float, dict[str, Any]], Any]
"""Called with the pipeline, the step (from 0), its time t (from 1 to 0), and the requested inputs by name."""
STEP_INPUTS = ("codes", "images")


class SamplingOptions(TypedDict, total=False):
    """Keyword arguments of `FacePipeline.__call__`, `edit` and `variations`, documented at `__call__`."""

    num_images: int
    seed: int | Sequence[int]
    generator: torch.Generator
    guidance_scale: float
    num_inference_steps: int
    sampler: Sampler
    best_of: int
    batch_size: int
    progress: bool | Callable[[int, int], None]
    callback_on_step_end: OnStepEnd
    callback_on_step_end_tensor_inputs: Sequence[str]


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """Checked prompts, seeds and options of a sampling call.

    Attributes:
        prompts: One prompt per image.
        seeds: One seed per image.
        num_images: Number of images per prompt.
        sampler: The sampler.
        sampler_name: Description of the sampler for the metadata of images.
        options: The given options.
    """

    prompts: list[str]
    seeds: list[int]
    num_images: int
    sampler: Sampler
    sampler_name: str
    options: SamplingOptions


def plan_sampling(prompts: Sequence[str] | str, options: Mapping[str, Any]) -> SamplingPlan:
    """Checks options, and assigns a prompt and a seed to each image.

    Args:
        prompts: One prompt or several.
        options: Keyword arguments, see `SamplingOptions`.

    Raises:
        ConfigError: If an option is unknown, two options exclude each other, or the number of seeds is wrong.
    """
    from unif2ace.diffusion.samplers.maskgit import MaskgitSampler

    for name in options.keys() - SamplingOptions.__annotations__.keys():
        raise ConfigError(f"there is no option {name!r}{nearest(name, SamplingOptions.__annotations__)}")
    given = SamplingOptions(**{name: value for name, value in options.items() if value is not None})  # type: ignore[typeddict-item]
    listed = [prompts] if isinstance(prompts, str) else in_order(prompts, "prompt")
    if not listed:
        raise ConfigError("prompt=[]: give at least one prompt")
    steps = given.get("num_inference_steps")
    if steps is not None and "sampler" in given:
        raise ConfigError(
            f"num_inference_steps={steps} has no effect together with sampler=...: set the sampler's own steps"
        )
    steps = 16 if steps is None else check_count(steps, "num_inference_steps")
    sampler = given.get("sampler") or MaskgitSampler(steps=steps)
    name = type(sampler).__name__ + ("" if "sampler" in given else f"(steps={steps})")
    number = _number(given, len(listed))
    seeds = _seeds(given, number * len(listed))
    return SamplingPlan([p for p in listed for _ in range(number)], seeds, number, sampler, name, given)


def plan_edit(prompts: Sequence[str] | str, pictures: int, options: Mapping[str, Any]) -> SamplingPlan:
    """The sampling plan of an edit. The defaults are ``guidance_scale=4``, ``best_of=4``, ``num_inference_steps=8``.

    Args:
        prompts: One prompt for all pictures, or one per picture.
        pictures: Number of pictures.
        options: Keyword arguments, see `SamplingOptions`.

    Raises:
        ConfigError: If `plan_sampling` refuses an option, or the numbers of pictures and prompts differ.
    """
    texts = [prompts] * pictures if isinstance(prompts, str) else in_order(prompts, "prompt")
    if len(texts) != pictures:
        raise ConfigError(f"{pictures} images and {len(texts)} prompts: give one prompt for each image")
    usual = {"guidance_scale": 4.0, "best_of": 4, **({} if options.get("sampler") else {"num_inference_steps": 8})}
    return plan_sampling(texts, {**usual, **{name: value for name, value in options.items() if value is not None}})


@contextmanager
def shown_progress(wanted: bool | Callable[[int, int], None]) -> Iterator[Callable[[int, int], None] | None]:
    """Opens the progress display that the option ``progress`` requests.

    Args:
        wanted: True for a progress bar, a function to call, or False for no display.

    Yields:
        A function to call with the number of finished images and the total; None for no display.
    """
    if wanted is not True:
        yield wanted or None
        return
    with progress("faces") as advance:
        yield lambda done, total: advance(done, total, "faces")


def _number(given: SamplingOptions, prompts: int) -> int:
    """Images per prompt: ``num_images`` if given, else the number of seeds per prompt, else 1."""
    if (number := given.get("num_images")) is not None:
        return check_count(number, "num_images")
    seeds: Any = given.get("seed")
    if seeds is None or not hasattr(seeds, "__len__") or isinstance(seeds, str):
        return 1
    if not len(seeds) or len(seeds) % prompts:
        raise ConfigError(f"{prompts} prompts and {len(seeds)} seeds: give one seed for each image")
    return len(seeds) // prompts


def _seeds(given: SamplingOptions, count: int) -> list[int]:
    seed: Any = given.get("seed", 0)
    if "generator" in given:
        import torch

        if "seed" in given:
            raise ConfigError("seed and generator are both given: give only one of them")
        generator = given["generator"]
        if not isinstance(generator, torch.Generator):
            raise ConfigError(f"generator={generator!r} is of type {type(generator).__name__}: give a torch.Generator")
        drawn = torch.randint(2**31, (count,), generator=generator, device=generator.device)
        return [int(value) for value in drawn]
    if not isinstance(seed, str) and hasattr(seed, "__iter__") and getattr(seed, "ndim", 1) != 0:
        return check_seeds(seed, count, "image")
    first = check_count(seed.item() if hasattr(seed, "item") else seed, "seed", least=0)
    return [first + place for place in range(count)]
