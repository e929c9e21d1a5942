"""Features of generated and real pictures, computed once for all metrics. Shapes: S samples, N pictures, D features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.evaluation.real import RealPictures
    from unif2ace.metrics.extractors.base import Extractor


def load_extractor(make: Callable[[], Any] | None, metric: str, device: str) -> Extractor:
    """The extractor of a metric.

    Args:
        make: Builds the extractor; None if no extractor is selected.
        metric: Name of the metric.
        device: Torch device.

    Raises:
        ConfigError: If `make` is None, or the weights or the package are missing.
    """
    if make is None:
        raise ConfigError(f"metric.{metric}.extractor is not set: select one, such as extractor=efficientnet_lite0")
    extractor: Extractor = make().to(device)
    return extractor


def features(pictures: Iterable[Tensor], extractor: Extractor, setting: Setting) -> Tensor:
    """Features of pictures, float32 (N, D) on the CPU. A batch has pictures of one size.

    Args:
        pictures: uint8 (3, H, W) each.
        extractor: The extractor.
        setting: Device and batch size.
    """
    import torch

    found = [
        extractor.pooled(torch.stack(batch).to(setting.device)).float().cpu()
        for batch in _batches(pictures, setting.batch_size)
    ]
    return torch.cat(found) if found else torch.zeros(0, 1)


def generated_features(eval_set: EvalSet, outputs: Outputs, extractor: Extractor, setting: Setting) -> Tensor:
    """Features of the first face of each prompt, float32 (S, D). The faces are not resized before the extractor."""

    def picture(number: int) -> Tensor:
        return outputs.generated(eval_set.keys[number], prompt=eval_set.prompts[number])

    return _by_key(eval_set, outputs, ("generated features", extractor.name), picture, extractor, setting)


def real_features(
    real: RealPictures | None, eval_set: EvalSet, outputs: Outputs, extractor: Extractor, setting: Setting
) -> Tensor:
    """Features of the reference pictures, float32 (N, D).

    If `real` is None or the evaluation set itself, the reference pictures are the true faces of `eval_set`.
    """
    if real is None or real.own:
        own = ("real features", extractor.name)
        return _by_key(eval_set, outputs, own, lambda number: eval_set.images[number], extractor, setting)
    name = ("folder features", extractor.name, real.name)
    return outputs.shared(name, lambda: features(real, extractor, setting))


def _by_key(
    eval_set: EvalSet,
    outputs: Outputs,
    name: Any,
    picture: Callable[[int], Tensor],
    extractor: Extractor,
    setting: Setting,
) -> Tensor:
    import torch

    known: dict[str, Tensor] = outputs.shared(name, dict)
    missing = [number for number, key in enumerate(eval_set.keys) if key not in known]
    found = features(map(picture, missing), extractor, setting)
    known.update({eval_set.keys[number]: row for number, row in zip(missing, found, strict=True)})
    return torch.stack([known[key] for key in eval_set.keys])


def _batches(pictures: Iterable[Tensor], size: int) -> Iterator[list[Tensor]]:
    batch: list[Tensor] = []
    for picture in pictures:
        if batch and (len(batch) == size or picture.shape != batch[0].shape):
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch
