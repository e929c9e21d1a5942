"""The unified model: one transformer that generates faces from text (T2I) and answers about them (MMU).

Letters: B rows, G of them generate, N image tokens, K codes, L columns, P columns at which logits are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from unif2ace.diffusion.forward_processes.base import ForwardProcess, sample_uniforms
from unif2ace.diffusion.likelihood import bound_noise, bound_of_rows
from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback, losses_of
from unif2ace.metrics.base import StepMetric
from unif2ace.modules.base import TrainingModule
from unif2ace.nets.conditions.base import ConditionEncoder
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.nets.unified.code_rows import code_features
from unif2ace.nets.unified.faces import Faces
from unif2ace.nets.unified.fitting import Described, ground_words
from unif2ace.nets.unified.grounding import Grounding, WordVectors
from unif2ace.nets.unified.net import UnifiedNet
from unif2ace.sequence.columns import masked_image
from unif2ace.sequence.layout import Layout, stack
from unif2ace.types import (
    Batch,
    Condition,
    Contrasts,
    CorruptedTokens,
    Logits,
    Reading,
    StepOutput,
    Task,
    TokenSequence,
    UnifiedStep,
)

GROUNDED = 8192
"""Faces of each data set whose captions and questions words are grounded in."""


class TextIds(Protocol):
    """What the network must know of the text tokenizer."""

    vocab_size: int
    eos_id: int


class FaceData(Protocol):
    """What words are grounded in: pictures in one order."""

    def captions(self, number: int) -> Iterable[Batch]:
        """At most so many of each data set, each with a caption."""
        ...

    def contrasts(self, number: int) -> Contrasts:
        """What questions tell of them."""
        ...


class UnifiedModule(TrainingModule):
    """Trains the transformer on rows of both tasks; either may be absent.

    Image tokens come with the batch, or the frozen tokenizer makes them of its pictures. They are corrupted once, so
    every loss sees the same noise; logits are computed only where a loss reads them.

    Args:
        net: Makes the transformer; it is told the sizes of the vocabulary and the number of image tokens.
        optimizer: Makes the optimiser from parameter groups.
        scheduler: Makes the learning-rate schedule.
        metrics: What validation measures, by name.
        tokenizer: Loads the frozen image tokenizer.
        forward_process: Corrupts image tokens.
        image_size: Pixels of the pictures' sides.
        conditions: Load the frozen encoders that tell the transformer more of the pictures it answers about, by name.
        guidance_dropout: Share of captions that are left out, for classifier-free guidance.
        condition_dropout: Share of rows whose conditions are left out, so that the model also works without.
        max_text: Longest text part of a row, see `Layout`.
        share_codes: Whether image codes that look alike share rows of embedding and head, see `CodeRows`.
        seed: Key of noise and dropout, together with the place of each row.
        compile: Whether the transformer is compiled.

    Raises:
        ConfigError: If a share is no probability.
    """

    memory_format = torch.contiguous_format  # stacked experts have four axes too

    def __init__(  # noqa: PLR0913
        self,
        net: Callable[..., UnifiedNet],
        optimizer: Callable[[Iterable[Any]], torch.optim.Optimizer],
        scheduler: Callable[..., Any] | None = None,
        metrics: Mapping[str, StepMetric] | None = None,
        *,
        tokenizer: Callable[[], TokenizerNet],
        forward_process: ForwardProcess,
        image_size: int,
        conditions: Mapping[str, Callable[[], ConditionEncoder]] | None = None,
        guidance_dropout: float = 0.1,
        condition_dropout: float = 0.1,
        max_text: int = 256,
        share_codes: bool = True,
        seed: int = 0,
        compile: bool = False,
    ) -> None:
        super().__init__(net, optimizer, scheduler, metrics, compile)
        for name, share in (
            ("guidance_dropout", guidance_dropout),
            ("condition_dropout", condition_dropout),
        ):
            if not 0 <= share <= 1:
                raise ConfigError(f"module.{name}={share}: it must be between 0 and 1")
        self._make_tokenizer, self._make_conditions = tokenizer, dict(conditions or {})
        self.forward_process, self.image_size, self.max_text, self.seed = forward_process, image_size, max_text, seed
        self.share_codes = share_codes
        self.guidance_dropout, self.condition_dropout = guidance_dropout, condition_dropout
        self._frozen: dict[str, nn.Module] = {}  # a plain mapping: frozen weights stay out of checkpoints

    @property
    def unified(self) -> UnifiedNet:
        """The network as what it is."""
        return cast(UnifiedNet, self.net)

    @property
    def tokenizer(self) -> TokenizerNet:
        """The frozen image tokenizer."""
        return cast(TokenizerNet, self._loaded("tokenizer", self._make_tokenizer))

    @property
    def faces(self) -> Faces:
        """The network as it is now, with all that it takes to draw faces and to answer about them."""
        encoders = {n: cast(ConditionEncoder, self._loaded(n, make)) for n, make in self._make_conditions.items()}
        return Faces(self.unified, self.layout, self.tokenizer, encoders)

    def _loaded(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        if name not in self._frozen:
            self._frozen[name] = make().eval().requires_grad_(False)
        return self._frozen[name].to(self.device)

    def configure_model(self) -> None:
        """Makes the transformer to the measure of the tokenizers, unless it was given whole."""
        if self.net is None:
            make = self._make_net
            self.net_arguments = self._sizes()
            features_KF = self._code_features() if self.share_codes else torch.zeros(0, 0)
            self.net_arguments["code_features"] = features_KF.shape[1]
            cut = {} if self.sharding is None else {"made": self.sharding.unit}
            self._make_net = lambda: self._prepared(cast(Any, make)(**self.net_arguments, **cut), features_KF)
        super().configure_model()
        self.layout = Layout(self.unified.vocabulary, self.max_text)

    def _sizes(self) -> dict[str, int]:
        text: TextIds | None = getattr(self.trainer.datamodule, "text_tokenizer", None)  # type: ignore[attr-defined]
        if text is None:
            raise ConfigError("the unified model reads text: select task=[text_to_image,understanding]")
        return {
            "text_size": text.vocab_size,
            "bos_id": text.eos_id,
            "eos_id": text.eos_id,
            "codebook_size": self.tokenizer.quantizer.num_codes,
            "num_image_tokens": (self.image_size // self.tokenizer.factor) ** 2,
        }

    def _code_features(self) -> Tensor:
        quantizer = self.tokenizer.quantizer
        ids_K = torch.arange(quantizer.num_codes, device=self.device)
        return code_features(quantizer.decode_ids(ids_K.view(-1, 1, 1)).flatten(1))

    def _prepared(self, net: UnifiedNet, features_KF: Tensor) -> UnifiedNet:
        if self.share_codes:
            cast(Tensor, net.code_features).copy_(features_KF)
        data: FaceData = self.trainer.datamodule  # type: ignore[attr-defined]
        if net.grounding is None or net.ground is None or getattr(data, "captions", None) is None:  # a plan has none
            return net
        if not self.trainer.ckpt_path and "grounding.words" not in self.awaited:  # these have their own
            found = self._word_vectors(net.ground, net.grounding, data) if self.trainer.is_global_zero else None
            found = cast(WordVectors, self.trainer.strategy.broadcast(found))  # one process reads for all
            net.grounding.start_(found, net.embedding.weight)
        return net

    def _word_vectors(self, name: str, grounding: Grounding, data: FaceData) -> WordVectors:
        text, features, directions = grounding.sizes
        faces = (self._described(name, batch) for batch in data.captions(GROUNDED))
        told = data.contrasts(GROUNDED)
        return ground_words(faces, told, text_size=text, features=features, directions=directions)

    @torch.no_grad()
    def _described(self, name: str, batch: Batch) -> Described:
        if batch.image is None or batch.prompt is None or batch.prompt_length is None:
            raise ConfigError("net.grounding=true reads pictures and captions: set data.inputs=both")
        said: Condition = self._loaded(name, self._make_conditions[name])(batch.image.to(self.device))
        known_B = said.present.cpu() & batch.valid
        return Described(batch.prompt, batch.prompt_length, said.values.mean(1).float().cpu(), known_B)

    def on_fit_start(self) -> None:
        """Fails before the first step if there is no loss, or one cannot be trained under the chosen corruption."""
        for loss in losses_of(self.trainer):
            if loss.forward_processes and self.forward_process.name not in loss.forward_processes:
                fits = " or ".join(f"forward_process={name}" for name in sorted(loss.forward_processes))
                raise ConfigError(f"loss {loss.name!r} needs {fits}, not forward_process={self.forward_process.name}")
            if loss.forward_processes and self.forward_process.masking not in loss.maskings:
                fits = " or ".join(sorted(loss.maskings))
                raise ConfigError(
                    f"loss {loss.name!r} needs forward_process.masking={fits}, not {self.forward_process.masking}"
                )

    def step_output(self, batch: Batch) -> StepOutput:
        """One forward pass; see `UnifiedStep`."""
        codes_BN = self.codes(batch)
        number = codes_BN.shape[1]
        rows_G = (batch.task == Task.TEXT_TO_IMAGE).nonzero()[:, 0]
        key = self.seed if self.training else self.seed + 1
        uniform_BM = sample_uniforms(key, batch.index, 3 + 2 * number)
        noised = None
        if len(rows_G):
            noise_GM = uniform_BM[rows_G, : 1 + 2 * number]
            noised = self.forward_process.corrupt(
                rows_G, codes_BN[rows_G], noise_GM, self.unified.vocabulary.codebook_size
            )
        dropped_B = (uniform_BM[:, -1] < self.guidance_dropout) & self.training
        sequence = self._lay_out(batch, codes_BN, noised, dropped_B)
        absent_B = (uniform_BM[:, -2] < self.condition_dropout) & self.training
        readings = self._readings()
        places = self._places(sequence, readings, batch.valid)  # before the forward pass: a GPU is waited for here
        hidden = self.unified(sequence, self._conditions(batch, absent_B))
        logits = self._logits(hidden.values, sequence, readings, places)
        return StepOutput(batch, unified=UnifiedStep(sequence, noised, logits, hidden.routers))

    def codes(self, batch: Batch) -> Tensor:
        """Image codes of a batch, int64 (B, N).

        Raises:
            ConfigError: If it has neither codes nor pictures, or rows of no task of this module.
        """
        if bool((batch.task == Task.IMAGE).any()) or batch.prompt is None:
            raise ConfigError(
                "the unified model trains on text and pictures: select task=[text_to_image,understanding]"
            )
        if batch.image_ids is not None:
            return batch.image_ids
        if batch.image is None:
            raise ConfigError("the batch has neither pictures nor their tokens: set data.inputs=pixels")
        with torch.autocast(self.device.type, enabled=False):
            return self.tokenizer.encode(batch.image).clone()

    def _lay_out(
        self, batch: Batch, codes_BN: Tensor, noised: CorruptedTokens | None, dropped_B: Tensor
    ) -> TokenSequence:
        assert batch.prompt is not None
        assert batch.prompt_length is not None
        assert batch.answer is not None
        assert batch.answer_length is not None
        parts = []
        if noised is not None:
            g = noised.row
            length_G = batch.prompt_length[g].where(~dropped_B[g], 0)
            parts.append(self.layout.text_to_image(batch.prompt[g], length_G, noised.xt, noised.x0))
        u = (batch.task == Task.UNDERSTANDING).nonzero()[:, 0]
        if len(u):
            answers = batch.answer[u], batch.answer_length[u]
            said = None if batch.answer_said is None else batch.answer_said[u]
            asked = batch.prompt[u], batch.prompt_length[u]
            parts.append(self.layout.understanding(codes_BN[u], *asked, *answers, said))
        return parts[0] if len(parts) == 1 else stack(parts[0], parts[1], self.unified.vocabulary)

    def _conditions(self, batch: Batch, absent_B: Tensor) -> dict[str, Condition]:
        """What the encoders say of the pictures that are answered about; nothing of those to generate."""
        found: dict[str, Condition] = {}
        for name, make in self._make_conditions.items():
            encoder = self._loaded(name, make)
            if batch.image is None:
                raise ConfigError(f"condition {name!r} reads pictures: set data.inputs=both, or condition=none")
            u = ((batch.task == Task.UNDERSTANDING) & ~absent_B).nonzero()[:, 0]
            with torch.no_grad():
                said: Condition = encoder(batch.image[u])
            values_BMF = said.values.new_zeros(len(batch), *said.values.shape[1:]).index_copy(0, u, said.values)
            present_B = torch.zeros_like(absent_B).index_copy(0, u, said.present)
            found[name] = Condition(values_BMF, present_B)
        return found

    def _readings(self) -> list[Reading]:
        losses = [c for c in self.trainer.callbacks if isinstance(c, LossCallback)]  # type: ignore[attr-defined]
        found = [part for loss in losses if loss.active for part in loss.reads if isinstance(part, Reading)]
        return list(dict.fromkeys(found))

    @staticmethod
    def _places(sequence: TokenSequence, readings: Sequence[Reading], valid_B: Tensor) -> list[tuple[Tensor, ...]]:
        """Rows and columns of each reading."""
        return [(r.columns(sequence) & valid_B[:, None]).nonzero().unbind(1) for r in readings]

    def _logits(
        self,
        hidden_BLD: Tensor,
        sequence: TokenSequence,
        readings: Sequence[Reading],
        places: Sequence[tuple[Tensor, ...]],
    ) -> dict[Reading, Logits]:
        """Logits of all readings, in one call of the head."""
        assert sequence.target is not None
        parts = [(hidden_BLD[place[0], place[1]], r.vocabulary) for place, r in zip(places, readings, strict=True)]
        found: dict[Reading, Logits] = {}
        for reading, place, values_PV in zip(readings, places, self.unified.logits_of(parts), strict=True):
            first, end = self.unified.vocabulary.bounds(reading.vocabulary)
            target_P = sequence.target[place[0], place[1]]
            target_P = torch.where((target_P >= first) & (target_P < end), target_P - first, -100)
            found[reading] = Logits(place[0], place[1], values_PV, target_P)
        return found

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Losses and metrics; the likelihood bound has a pass of its own, whatever the training noise."""
        step = self.step_output(batch)
        if step.unified is not None and step.unified.noised is not None:
            bound_G = self._bound(batch, step.unified.noised)
            step = replace(step, unified=replace(step.unified, bound=bound_G))
        return self.validate(step)

    def _bound(self, batch: Batch, noised: CorruptedTokens) -> Tensor:
        """One draw of the bound for each row that generates, float32 (G,), nats per image token."""
        vocabulary = self.unified.vocabulary
        index_G = batch.index[noised.row]
        uniform_GM = sample_uniforms(self.seed + 2, index_G, 1 + 2 * noised.x0.shape[1])
        noise = bound_noise(noised.row, noised.x0, uniform_GM, vocabulary.codebook_size)
        assert batch.prompt is not None
        assert batch.prompt_length is not None
        g = noised.row
        sequence = self.layout.text_to_image(batch.prompt[g], batch.prompt_length[g], noise.xt, noise.x0)
        valid_G = torch.ones(len(g), dtype=torch.bool, device=g.device)
        reading = Reading(masked_image, "codebook")
        places = self._places(sequence, [reading], valid_G)
        hidden = self.unified(sequence, {})
        return bound_of_rows(self._logits(hidden.values, sequence, [reading], places)[reading], noise)
