"""The pipeline around a trained model: reads pictures in any form, returns pictures and texts.

``pipe = unif2ace.load()``, then ``pipe("a smiling woman").images``, ``pipe.ask("face.jpg", "Is he old?")``.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from unif2ace.errors import ConfigError
from unif2ace.inference.arguments import check_number, in_order
from unif2ace.inference.attribute_probabilities import attribute_probabilities, classifier_of
from unif2ace.inference.choice_answer import ChoiceAnswer
from unif2ace.inference.face_finder import installed_finder
from unif2ace.inference.generated import Generated
from unif2ace.inference.loading import load_model
from unif2ace.inference.output import FacePipelineOutput
from unif2ace.inference.sampling_options import (
    SamplingOptions,
    SamplingPlan,
    plan_edit,
    plan_sampling,
    shown_progress,
)
from unif2ace.inference.sampling_steps import reporting_sampler
from unif2ace.inference.unified_model import UnifiedModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from unif2ace.data.images import Picture
    from unif2ace.inference.edit_output import EditOutput
    from unif2ace.inference.edit_regions.base import EditRegion


Texts = str | Sequence[str]
Length = Literal["long", "short"]


def load(
    path: str | Path = "builtin",
    *,
    revision: str | None = None,
    device: str | None = None,
    allow: Iterable[str] = (),
    **components: str,
) -> FacePipeline:
    """Loads a trained model.

    Args:
        path: ``builtin``, a release folder, a run folder, or ``owner/name`` on the hub.
        revision: Branch, tag or commit on the hub.
        device: Torch device; None for a GPU if there is one.
        allow: Module prefixes whose classes a weights file may name, besides the default ones (`engine.allow`).
        components: New paths of the model's other networks, if they were moved: ``tokenizer=...``, ``attributes=...``.
            Any other name is an error.

    Raises:
        DataError: If a network is missing, damaged, or not the one that the model was trained with.
        ConfigError: If the weights are not those of a unified model, or an option is unknown.
    """
    return FacePipeline(load_model(path, revision=revision, device=device, allow=allow, **components))


class FacePipeline:
    """Generates faces from text, describes faces, and answers questions about them.

    A picture may be the path of a file, a PIL image, an array or a tensor, of any size. The pipeline turns it upright,
    crops and resizes it like training data (`unif2ace.data.images.read_pictures`). The result does not depend on the
    form of the picture. One picture and one text give one result; a list or a batch gives a list.

    Args:
        model: The model on tensors.

    Attributes:
        model: The model on tensors, for example for codes and likelihoods.
        face_finder: Finds the face that a picture is cropped to; None for the central square. The default is dlib's
            detector if dlib is installed, else None.
    """

    def __init__(self, model: UnifiedModel) -> None:
        self.model = model
        self.face_finder = installed_finder()
        self._classifiers: dict[str | None, Any] = {}

    @property
    def image_size(self) -> int:
        """Side of the model's images in pixels."""
        return self.model.image_size

    @property
    def device(self) -> torch.device:
        """Torch device of the model."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the transformer."""
        return self.model.dtype

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | str | None = None) -> FacePipeline:
        """Moves the model; see `UnifiedModel.to`.

        Args:
            device: Torch device; None keeps it.
            dtype: Floating-point precision of the transformer, such as ``bfloat16``; None keeps it.

        Returns:
            The pipeline itself.

        Raises:
            ConfigError: If the device does not exist, or `dtype` is not float32, bfloat16 or float16.
        """
        self.model.to(device, dtype)
        return self

    def __call__(self, prompt: str | Sequence[str], **options: Unpack[SamplingOptions]) -> FacePipelineOutput:
        """Generates faces from text.

        Args:
            prompt: One description, or a list of descriptions.
            options: ``num_images``: images per description, 1 by default. ``seed``: seed of the first image, 0 by
                default (image i has seed + i), or one seed per image; or ``generator``, from which the seeds are drawn.
                ``guidance_scale``: w in (1 + w) conditional - w unconditional, 2 by default, 0 for no guidance.
                ``num_inference_steps``: 16 by default; or ``sampler``. ``best_of``: samples per image; the one with
                the highest caption likelihood is kept. ``batch_size``: samples per batch. ``progress``: True for a
                bar, or a function of the number of finished images and the total. ``callback_on_step_end``: called as
                in diffusers with the pipeline, the step, its time t in [0, 1] and a dictionary. The dictionary has the
                entries listed in ``callback_on_step_end_tensor_inputs``: ``codes``, int64 (B, N), and ``images``, PIL
                images with gray for tokens not sampled yet.

        Returns:
            The faces. The faces of one prompt are consecutive.

        Raises:
            ConfigError: If an option is unknown or out of range, or a prompt is empty or too long.
        """
        return self.sample(plan_sampling(prompt, options))

    def variations(
        self,
        image: Any,
        prompt: str | Sequence[str] | None = None,
        *,
        strength: float = 0.5,
        **options: Unpack[SamplingOptions],
    ) -> FacePipelineOutput:
        """Generates variations of a face by sampling a random part of its tokens again.

        Args:
            image: One picture, or several.
            prompt: One description, one per picture, or several for one picture; None for the model's short caption.
            strength: Share of the tokens that are sampled again, in [0, 1].
            options: Options of `__call__`.

        Raises:
            DataError: If a picture cannot be read.
            ConfigError: If the numbers of pictures and prompts differ, or `strength`, an option or a prompt is invalid.
        """
        from unif2ace.diffusion.inpainting import mask_tokens
        from unif2ace.diffusion.samplers.base import PerSampleRNG

        images, texts, _ = self._paired(image, "" if prompt is None else prompt, "prompt")
        texts = [texts] * len(images) if isinstance(texts, str) else texts
        if prompt is None:
            texts = self.model.caption(images, length="short", max_new=min(64, self.model.max_tokens // 3))
        if len(texts) != len(images):
            raise ConfigError(f"{len(images)} images and {len(texts)} prompts: give one prompt for each image")
        plan = plan_sampling(texts, options)
        codes_BN = self.model.encode(images).cpu().repeat_interleave(plan.num_images, 0)
        return self.sample(plan, mask_tokens(codes_BN, strength, self.model.num_codes, PerSampleRNG(plan.seeds)))

    def edit(
        self,
        image: Any,
        prompt: Texts,
        mask: Any = None,
        region: Sequence[float] | None = None,
        *,
        edit_region: EditRegion | None = None,
        attempts: int = 1,
        paste: bool = True,
        **options: Unpack[SamplingOptions],
    ) -> EditOutput:
        """Edits pictures by text instructions. Only the tokens of a region are sampled again, all others are kept.

        Args:
            image: One picture, or several.
            prompt: Instruction such as "with glasses" or "remove the beard": one for all pictures, or one per picture.
            mask: Mask of the same size as `image`, or one per picture; white marks the part that may change. Without
                `mask`, `region` and `edit_region` the model finds the region.
            region: Rectangle in place of a mask: left, top, right and bottom edge as shares of the sides of the cropped
                picture, 0 to 1.
            edit_region: Region method in place of a mask, such as
                `unif2ace.inference.edit_regions.prediction_difference.PredictionDifference(share=0.5)`.
            attempts: Maximum number of attempts. The region grows if the model does not confirm the change.
            paste: Whether to keep the original pixels outside the region, with a soft edge. With False all pixels are
                decoded from the tokens.
            options: Options of `__call__`. The defaults here are ``guidance_scale=4`` (see `FaceEditor`),
                ``num_inference_steps=8`` and ``best_of=4``.

        Raises:
            DataError: If a picture or the mask cannot be read, or the mask is empty or has another size.
            ConfigError: If a prompt is empty or too long, more than one of `mask`, `region` and `edit_region` is
                given, or an option is invalid.
        """
        from unif2ace.inference.edit_pictures import edit_pictures, read_mask, region_of

        images, _ = self._read(image)
        marked = None if mask is None else read_mask(mask, image, self.image_size, self.face_finder)
        plan = plan_edit(prompt, len(images), options)
        found = region_of(marked, region, edit_region, plan.num_images)
        sampler = reporting_sampler(self, self.model, plan)
        return edit_pictures(self.model, images, plan, found, sampler, attempts=attempts, paste=paste)

    def sample(self, plan: SamplingPlan, start_BN: Tensor | None = None) -> FacePipelineOutput:
        """Generates the faces of a sampling plan. `__call__` and `variations` use this method.

        Args:
            plan: Prompts, seeds and options, the result of `plan_sampling`.
            start_BN: Codes to keep, int64 (B, N); K, the codebook size, marks a code to sample. None samples all codes.

        Raises:
            ConfigError: If an option is out of range, or a prompt is empty or too long.
        """
        given = plan.options
        guidance, best_of = check_number(given.get("guidance_scale", 2.0), "guidance_scale"), given.get("best_of", 1)
        with shown_progress(given.get("progress", False)) as advance:
            made = self.model.generate(
                plan.prompts,
                plan.seeds,
                sampler=reporting_sampler(self, self.model, plan),
                guidance=guidance,
                start=start_BN,
                best_of=best_of,
                batch_size=given.get("batch_size", 32),
                progress=advance,
            )
        pixels = made.permute(0, 2, 3, 1).numpy()
        faces = tuple(Generated(*row) for row in zip(pixels, plan.prompts, plan.seeds, strict=True))
        settings = {"guidance": f"{guidance:g}", "best_of": str(best_of)}
        return FacePipelineOutput(faces, self.model.fingerprint, {"sampler": plan.sampler_name, **settings})

    @overload
    def ask(self, image: list[Any], question: Texts, choices: None = None, *, max_new: int = 64) -> list[str]: ...

    @overload
    def ask(self, image: list[Any], question: Texts, choices: Sequence[str]) -> list[ChoiceAnswer]: ...

    @overload
    def ask(self, image: Any, question: Texts, choices: None = None, *, max_new: int = 64) -> Any: ...

    @overload
    def ask(self, image: Any, question: Texts, choices: Sequence[str]) -> Any: ...

    def ask(self, image: Any, question: Texts, choices: Sequence[str] | None = None, *, max_new: int = 64) -> Any:
        """Answers questions about pictures.

        Args:
            image: One picture, or several.
            question: One question, one per picture, or several about one picture.
            choices: Candidate answers, all different; None for a free answer.
            max_new: Maximum number of text tokens of a free answer.

        Returns:
            The answer as a string; with `choices` a `ChoiceAnswer`. A list of answers if several pictures or questions
            are given.

        Raises:
            DataError: If a picture cannot be read.
            ConfigError: If the numbers of pictures and questions differ, or a text is empty or too long.
        """
        images, questions, several = self._paired(image, question, "question")
        if choices is None:
            answers = self.model.ask(images, questions, max_new=max_new)
            return answers if several else answers[0]
        chosen = self.model.choose(images, questions, choices)
        return chosen if several else chosen[0]

    @overload
    def caption(self, image: list[Any], *, length: Length = "long", max_new: int = 200) -> list[str]: ...

    @overload
    def caption(self, image: Any, *, length: Length = "long", max_new: int = 200) -> str | list[str]: ...

    def caption(self, image: Any, *, length: Length = "long", max_new: int = 200) -> str | list[str]:
        """Describes pictures.

        Args:
            image: One picture, or several.
            length: ``short`` for about a dozen words, ``long`` for about a hundred.
            max_new: Maximum number of text tokens per caption.

        Raises:
            DataError: If a picture cannot be read.
            ConfigError: If the length is unknown.
        """
        images, several = self._read(image)
        captions = self.model.caption(images, length=length, max_new=max_new)
        return captions if several else captions[0]

    def score(self, image: Any, text: str | Sequence[str]) -> float | list[float]:
        """Log-likelihood of descriptions given pictures, in nats. Use it to rank pictures for a text, or the reverse.

        Args:
            image: One picture, or several.
            text: One description, one per picture, or several of one picture.

        Raises:
            DataError: If a picture cannot be read.
            ConfigError: If the numbers of pictures and texts differ, or a text is empty or too long.
        """
        images, texts, several = self._paired(image, text, "text")
        found: list[float] = self.model.likelihood(images, texts).tolist()
        return found if several else found[0]

    def attributes(self, image: Any, *, classifier: str | None = None) -> Any:
        """Calibrated probabilities of the taxonomy's 46 attributes by name; a list of them for several pictures.

        Args:
            image: One picture, or several.
            classifier: ``builtin``, the run folder or the weights file of an attribute classifier; None for the
                classifier that the model uses.

        Raises:
            DataError: If a picture or the classifier cannot be read.
            ConfigError: If `classifier` is None and the model uses no classifier.
        """
        from unif2ace.attributes import TAXONOMY

        images, several = self._read(image)
        if classifier not in self._classifiers:
            self._classifiers[classifier] = classifier_of(self.model, classifier)
        rows = attribute_probabilities(self._classifiers[classifier].to(self.device), images).tolist()
        found = [dict(zip(TAXONOMY.labels, row, strict=False)) for row in rows]
        return found if several else found[0]

    def encode(self, image: Any) -> Tensor:
        """Image codes of pictures, int64 (B, N) on the CPU.

        Args:
            image: One picture, or several.

        Raises:
            DataError: If a picture cannot be read.
        """
        return self.model.encode(self._read(image)[0]).cpu()

    def read(self, images: Any) -> list[Picture]:
        """The pictures cropped and resized to the model's input, with a record of these operations.

        Args:
            images: One picture, or several.

        Raises:
            DataError: If a picture cannot be read.
        """
        from unif2ace.data.images import read_pictures

        return read_pictures(images, self.image_size, self.face_finder)[0]

    def _read(self, images: Any) -> tuple[Tensor, bool]:
        """Images uint8 (B, 3, S, S), and whether a list or a batch was given."""
        from unif2ace.data.images import read_pictures, stacked

        pictures, several = read_pictures(images, self.image_size, self.face_finder)
        return stacked(pictures), several

    def _paired(self, image: Any, text: str | Sequence[str], what: str) -> tuple[Tensor, list[str] | str, bool]:
        """Images uint8 (B, 3, S, S), one text for all or a list of texts, and whether the result is a list."""
        images, several = self._read(image)
        if isinstance(text, str):
            return images, text, several
        texts = in_order(text, what)
        if not texts:
            raise ConfigError(f"{what}=[]: give at least one {what}")
        return images if several else images.expand(len(texts), -1, -1, -1), texts, True

    def __repr__(self) -> str:
        size, number = self.image_size, sum(weight.numel() for weight in self.model.net.parameters())
        place = f"{self.device}, {str(self.dtype).removeprefix('torch.')}"
        what = f"{size}x{size} pixels, {number / 1e6:.1f} M parameters"
        return f"FacePipeline({self.model.fingerprint[:12]}: {what}, {place})"

    def _repr_html_(self) -> str:
        """The pipeline in a notebook: its summary and example calls."""
        calls = ('pipe("a smiling woman").images', 'pipe.ask(image, "Is he old?")', "pipe.caption(image)")
        listed = "".join(f"<li><code>{html.escape(call)}</code></li>" for call in calls)
        return f"<p><b>{html.escape(repr(self))}</b></p><ul>{listed}</ul>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            hint = f": it is a method on tensors, pipe.model.{name}" if hasattr(UnifiedModel, name) else ""
            raise AttributeError(f"FacePipeline has no {name!r}{hint}")
