"""CLIPScore of generated faces. Shapes: S images, D dimensions of an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError
from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from torch import Tensor

    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class ClipScoreMetric(OutputMetric):
    """CLIPScore (Hessel et al., arXiv 2104.08718): 100 max(cos(image embedding, prompt embedding), 0).

    The paper's factor is 2.5 instead of 100. CLIP reads 77 tokens and truncates longer prompts; their number is
    reported. Use ``scores.caption=short`` to avoid truncation. Needs the package ``open_clip_torch``.

    Args:
        model: Name of an OpenCLIP model, or ``local-dir:FOLDER`` with ``open_clip_config.json`` and weights.
        weights: Weights file of the model; None with ``local-dir:``.
    """

    needs = frozenset({"generated"})

    def __init__(self, model: str = "ViT-B-32", weights: str | None = None) -> None:
        self._name, self._weights = model, weights

    def prepare(self, setting: Setting) -> None:
        """Loads the model.

        Raises:
            ConfigError: If the package or the weights are missing.
        """
        super().prepare(setting)
        folder = self._name.removeprefix("local-dir:")
        if folder != self._name:
            if not Path(folder).is_dir():
                raise ConfigError(f"metric.clip_score.model={self._name}: there is no folder {folder}; give another")
        elif self._weights is None or not Path(self._weights).exists():
            raise ConfigError(
                f"metric.clip_score.weights={self._weights}: there is no such file; give the weights of "
                f"{self._name}, such as open_clip_model.safetensors of laion/CLIP-ViT-B-32-laion2B-s34B-b79K on the "
                "Hugging Face hub, or metric.clip_score.model=local-dir:FOLDER"
            )
        self._clip = _Clip(self._name, self._weights, setting.device)

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Computes the cosine similarity of each face and its prompt."""
        import torch

        size = self.setting.batch_size
        scores = []
        for start in range(0, len(eval_set), size):
            rows = range(start, min(start + size, len(eval_set)))
            pairs = [(eval_set.keys[n], eval_set.prompts[n]) for n in rows]
            pictures = [outputs.generated(key, prompt=prompt) for key, prompt in pairs]
            scores.append(self._clip.cosines(pictures, [prompt for _, prompt in pairs]))
        self._scores = 100 * torch.cat(scores).clamp(min=0)
        self._keys = eval_set.keys
        self._cut = sum(map(self._clip.is_cut, eval_set.prompts))

    def compute(self) -> Mapping[str, Score]:
        """``clip_score``, 0 to 100."""
        from unif2ace.metrics.scores import bootstrap_mean

        return {"clip_score": bootstrap_mean(self._scores, self.setting.resamples, self.setting.seed)}

    def describe(self) -> Mapping[str, str]:
        """The model, and the number of truncated prompts."""
        cut = f"; {self._cut} of {len(self._keys)} prompts cut to {self._clip.context} tokens"
        return {"clip_score": f"{self._clip.name}{cut}"}

    def conditions(self) -> Mapping[str, Any]:
        """The model."""
        return {"clip": self._clip.name}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """The score of each face."""
        return {"clip_score": dict(zip(self._keys, self._scores.tolist(), strict=True))}


class _Clip:
    """A CLIP model with its tokenizer and image preprocessing."""

    def __init__(self, model: str, weights: str | None, device: str) -> None:
        import torch

        from unif2ace.nets.features.backbone import digest_of_tensors

        try:
            import open_clip
        except ImportError as error:
            raise ConfigError(
                "metric=clip_score needs a package: pip install open_clip_torch, or install unif2ace[clip]"
            ) from error
        try:
            with torch.random.fork_rng(devices=[]):
                found = open_clip.create_model_and_transforms(model, pretrained=weights)
                self._tokenizer = open_clip.get_tokenizer(model)
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise ConfigError(
                f"metric.clip_score.model={model}, metric.clip_score.weights={weights}: {str(error).splitlines()[0]}; "
                "give weights of this model"
            ) from error
        self._net, _, self._transform = found
        self._net.float().eval().requires_grad_(False)
        self._device = device
        self.name = f"{model.rsplit('/', maxsplit=1)[-1].removeprefix('local-dir:')}-{digest_of_tensors(self._net)[:8]}"
        self._net.to(device)
        self.context = int(self._net.context_length)

    def cosines(self, pictures: list[Tensor], texts: list[str]) -> Tensor:
        """Cosine similarities of pictures and texts, float64 (S,)."""
        import torch
        from PIL import Image

        shown = [self._transform(Image.fromarray(p.permute(1, 2, 0).numpy())) for p in pictures]
        with torch.inference_mode():
            image_SD = self._net.encode_image(torch.stack(shown).to(self._device), normalize=True)
            text_SD = self._net.encode_text(self._tokenizer(texts).to(self._device), normalize=True)
        cosine_S: Tensor = (image_SD.double() * text_SD.double()).sum(1).cpu()
        return cosine_S

    def is_cut(self, text: str) -> bool:
        """Whether a text has more tokens than the model reads, so that it is truncated."""
        longer = self._tokenizer([text], context_length=self.context + 1)
        return bool(longer[0, -1] != 0)
