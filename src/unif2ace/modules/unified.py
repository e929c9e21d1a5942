"""The unified model: one transformer that generates faces from text (T2I) and answers questions about them (MMU).

Shapes: B samples, of which G are T2I samples, N image tokens, K codes, L positions, P positions at which logits are
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from unif2ace.diffusion.forward_processes.base import ForwardProcess
from unif2ace.diffusion.likelihood import nelbo_corruption, nelbo_per_sample
from unif2ace.diffusion.noise import SampleNoise, Stream
from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback, losses_of
from unif2ace.metrics.base import StepMetric
from unif2ace.modules.base import TrainingModule
from unif2ace.modules.router_balance import RouterBalance, check_router_losses
from unif2ace.modules.word_initialization import initialize_words
from unif2ace.nets.lora import LoRA
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.nets.transformer.code_embedding import code_features
from unif2ace.nets.transformer.face_decoder import FaceDecoder
from unif2ace.nets.transformer.grounding import WordGrounding
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.visual_encoders.base import VisualEncoder
from unif2ace.sequence.placed_sequences import PlacedSequences
from unif2ace.sequence.positions import masked_image
from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.types import (
    Batch,
    Condition,
    CorruptedTokens,
    Logits,
    LogitsSpec,
    SequenceParts,
    StepOutput,
    Task,
    TokenSequence,
    UnifiedStep,
)


class TextIds(Protocol):
    """Properties of the text tokenizer that the network needs."""

    vocab_size: int
    eos_id: int


class UnifiedModule(TrainingModule):
    """Trains the transformer on samples of T2I and MMU; either task may be absent.

    Image tokens (B, N) come with the batch, or the frozen image tokenizer encodes the batch's images (B, 3, H, W).
    Image tokens are corrupted once, so all losses read the same noise. Logits are computed only at positions that a
    loss reads.

    Args:
        net: Makes the transformer from the sizes of the vocabulary and the number of image tokens.
        optimizer: Makes the optimiser from parameter groups.
        lr_scheduler: Makes the learning-rate schedule.
        metrics: Validation metrics by name.
        image_tokenizer: Loads the frozen image tokenizer.
        forward_process: Corrupts image tokens.
        image_size: Height and width of the images in pixels.
        visual_encoders: Load the frozen networks that encode images for understanding, by name.
        guidance_dropout: Probability of dropping a caption, for classifier-free guidance.
        visual_dropout: Probability of dropping a sample's visual features, so that the model also works without them.
        max_text: Longest text part of a sequence in tokens, see `SequenceLayout`.
        code_features: Whether embeddings of image codes also use the tokenizer's code vectors, see `CodeEmbedding`.
        corruptions: Number of corrupted copies of each T2I sample's image in training. The copies share one caption,
            and their times are evenly spaced.
        seed: Seed of noise and dropout, together with the index of each sample.
        max_nonfinite_steps: Stop after this many consecutive steps skipped for NaN or Inf.
        compile: Whether to compile the transformer with `torch.compile`.
        parameter_groups: Optimiser options for parts of the transformer, by name, see `NamedGroups`.
        finetune: Trains low-rank adapters instead of all weights; the run must start from trained weights.

    Raises:
        ConfigError: If a dropout probability is not in [0, 1], or `corruptions` is below 1.
    """

    kind = "unified"
    memory_format = torch.contiguous_format  # stacked experts have four axes too

    def __init__(  # noqa: PLR0913
        self,
        net: Callable[..., UnifiedNet],
        optimizer: Callable[[Iterable[Any]], torch.optim.Optimizer],
        lr_scheduler: Callable[..., Any] | None = None,
        metrics: Mapping[str, StepMetric] | None = None,
        *,
        image_tokenizer: Callable[[], TokenizerNet],
        forward_process: ForwardProcess,
        image_size: int,
        visual_encoders: Mapping[str, Callable[[], VisualEncoder]] | None = None,
        guidance_dropout: float = 0.1,
        visual_dropout: float = 0.1,
        max_text: int = 256,
        code_features: bool = True,
        corruptions: int = 1,
        seed: int = 0,
        max_nonfinite_steps: int = 10,
        compile: bool = False,
        parameter_groups: Mapping[str, Mapping[str, Any]] | None = None,
        finetune: LoRA | None = None,
    ) -> None:
        super().__init__(net, optimizer, lr_scheduler, metrics, max_nonfinite_steps, compile, parameter_groups)
        for name, share in (("guidance_dropout", guidance_dropout), ("visual_dropout", visual_dropout)):
            if not 0 <= share <= 1:
                raise ConfigError(f"module.{name}={share}: it must be in [0, 1]")
        self._make_image_tokenizer, self._make_encoders = image_tokenizer, dict(visual_encoders or {})
        self.forward_process, self.image_size, self.max_text, self.seed = forward_process, image_size, max_text, seed
        if corruptions < 1:
            raise ConfigError(f"module.corruptions={corruptions}: it must be 1 or more")
        self.code_features, self.corruptions = code_features, corruptions
        self.guidance_dropout, self.visual_dropout = guidance_dropout, visual_dropout
        self._router_balance, self._lora = RouterBalance(), finetune or None  # finetune=full is an empty mapping
        self._frozen: dict[str, nn.Module] = {}  # a plain mapping: frozen weights stay out of checkpoints

    @property
    def unified(self) -> UnifiedNet:
        """The network, typed as `UnifiedNet`."""
        return cast(UnifiedNet, self.net)

    @property
    def image_tokenizer(self) -> TokenizerNet:
        """The frozen image tokenizer."""
        return cast(TokenizerNet, self._loaded("image_tokenizer", self._make_image_tokenizer))

    @property
    def faces(self) -> FaceDecoder:
        """The current network with the other components that generate faces and answer questions about them."""
        encoders = {n: cast(VisualEncoder, self._loaded(n, make)) for n, make in self._make_encoders.items()}
        return FaceDecoder(self.unified, self.layout, self.image_tokenizer, encoders)

    def _loaded(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        if name not in self._frozen:
            self._frozen[name] = make().eval().requires_grad_(False)
        return self._frozen[name].to(self.device)

    def configure_model(self) -> None:
        """Makes the transformer with the sizes of both tokenizers, unless the network already exists."""
        if self.net is None:
            make = self._make_net
            self.net_arguments = self._sizes()
            features_KF = self._code_features() if self.code_features else torch.zeros(0, 0)
            self.net_arguments["code_feature_dim"] = features_KF.shape[1]
            built = {"on_block_built": self._on_block_built}
            self._make_net = lambda: self._prepared(cast(Any, make)(**self.net_arguments, **built), features_KF)
        super().configure_model()
        if self._lora is not None:
            self._lora.freeze_(self.unified)
        self.layout = SequenceLayout(self.unified.vocabulary, self.max_text)

    def _on_block_built(self, block: nn.Module) -> None:
        """Adds adapters to a block, then shards it."""
        if self._lora is not None:
            if self.sharding is not None and self.sharding.tensor.size() > 1:
                raise ConfigError(
                    "finetune=lora does not support tensor parallelism: set strategy=fsdp or strategy=ddp"
                )
            self._lora.adapt_(block)
        if self.sharding is not None:
            self.sharding.unit(block)

    def _sizes(self) -> dict[str, int]:
        text: TextIds | None = getattr(self.trainer.datamodule, "text_tokenizer", None)  # type: ignore[attr-defined]
        if text is None:
            raise ConfigError("the unified model reads text: set task=[text_to_image,understanding]")
        self._check_sizes()
        return {
            "text_size": text.vocab_size,
            "bos_id": text.eos_id,
            "eos_id": text.eos_id,
            "codebook_size": self.image_tokenizer.quantizer.num_codes,
            "num_image_tokens": (self.image_size // self.image_tokenizer.factor) ** 2,
        }

    def _check_sizes(self) -> None:
        """Checks before the first step that the sizes of images and texts fit the data."""
        data, side, factor = self.trainer.datamodule, self.image_size, self.image_tokenizer.factor  # type: ignore[attr-defined]
        if side % factor:
            raise ConfigError(f"image_size={side}: it must be a multiple of the image tokenizer's factor {factor}")
        found = getattr(data, "image_size", None)
        if found not in (None, (side, side)):
            raise ConfigError(
                f"image_size={side}, but the data's images have {found[0]}x{found[1]} pixels: set "
                f"image_size={found[0]}, or import (and tokenize) the images with source.size={side}"
            )
        longest = getattr(data, "max_text_tokens", self.max_text)
        if longest > self.max_text:
            raise ConfigError(
                f"data.max_text_tokens={longest} exceeds module.max_text={self.max_text}, so texts would be "
                f"truncated: set module.max_text={longest} or data.max_text_tokens={self.max_text}"
            )

    def _code_features(self) -> Tensor:
        quantizer = self.image_tokenizer.quantizer
        ids_K = torch.arange(quantizer.num_codes, device=self.device)
        return code_features(quantizer.decode_ids(ids_K.view(-1, 1, 1)).flatten(1))

    def _prepared(self, net: UnifiedNet, features_KF: Tensor) -> UnifiedNet:
        if net.code_features is not None:
            net.code_features.copy_(features_KF)
        grounding, data = net.grounding, self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(grounding, WordGrounding) and hasattr(data, "captions") and not self.provides("grounding.words"):
            encoder = self._loaded(grounding.encoder, self._make_encoders[grounding.encoder])
            initialize_words(net, cast(VisualEncoder, encoder), data, self.trainer.strategy, self.device)
        return net

    def on_fit_start(self) -> None:
        """Raises an error before the first step if there is no loss, or a loss does not fit the configuration."""
        check_router_losses(self.unified, losses_of(self.trainer))
        if self._lora is not None and not self.provides("embedding.weight"):
            raise ConfigError(
                "finetune=lora adapts trained weights: select them with init_from=, such as init_from=builtin"
            )
        for loss in losses_of(self.trainer):
            if loss.forward_processes and self.forward_process.name not in loss.forward_processes:
                fits = " or ".join(f"forward_process={name}" for name in sorted(loss.forward_processes))
                raise ConfigError(f"loss {loss.name!r} needs {fits}, not forward_process={self.forward_process.name}")
            if loss.forward_processes and self.forward_process.masking not in loss.maskings:
                fits, found = " or ".join(sorted(loss.maskings)), self.forward_process.masking
                raise ConfigError(f"loss {loss.name!r} needs forward_process.masking={fits}, not {found}")

    def step_output(self, batch: Batch) -> StepOutput:
        """One forward pass of both tasks; see `UnifiedStep`."""
        codes_BN = self.codes(batch)
        stream, copies = (Stream.TRAIN, self.corruptions) if self.training else (Stream.VALIDATION, 1)
        noise = SampleNoise.draw(self.seed, stream, batch.index, codes_BN.shape[1], copies)
        g = (batch.task == Task.TEXT_TO_IMAGE).nonzero()[:, 0]
        corrupted = None
        if len(g):
            num_codes = self.unified.vocabulary.codebook_size
            copy = torch.arange(copies, device=g.device)
            sample, drawn = g.repeat_interleave(copies), (g[:, None] * copies + copy).flatten()
            corrupted = self.forward_process.corrupt(sample, codes_BN[sample], noise[drawn], num_codes)
        uncaptioned_B = (noise.guidance_dropout[::copies] < self.guidance_dropout) & self.training
        unseen_B = (noise.visual_dropout[::copies] < self.visual_dropout) & self.training
        placed = self.build_sequences(batch, codes_BN, corrupted, uncaptioned_B)
        specs = self._logits_specs()
        read = placed.read(specs, batch.valid)  # before the forward pass: this waits for the GPU
        hidden = self.unified(placed.sequences, self._visual_features(batch, unseen_B))
        logits = self._logits(hidden.values, placed, specs, read)
        return StepOutput(batch, unified=UnifiedStep(placed.sequences, corrupted, logits, hidden.routers))

    def objective(self, step: StepOutput, stage: str) -> Tensor:
        """The weighted sum of the losses, float (). In training it also records the experts' loads."""
        if stage == "train" and step.unified is not None:
            self._router_balance.see(self.unified, step.unified.routers)
        return super().objective(step, stage)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Takes an optimiser step, then adapts the routers to their load unless the step was skipped."""
        super().optimizer_step(*args, **kwargs)
        if self.guard.skipping:
            self._router_balance.forget()
        self._router_balance.step(self.unified, lambda counts: self.trainer.strategy.reduce(counts, reduce_op="sum"))

    def codes(self, batch: Batch) -> Tensor:
        """Image codes of a batch, int64 (B, N).

        Raises:
            ConfigError: If the batch has neither codes nor images, another number of codes, no text, or samples of
                `Task.IMAGE`.
        """
        if bool((batch.task == Task.IMAGE).any()) or batch.text is None:
            raise ConfigError("the unified model trains on text and images: set task=[text_to_image,understanding]")
        if batch.image_ids is not None:
            count, wanted = batch.image_ids.shape[1], self.unified.num_image_tokens
            if count != wanted:
                raise ConfigError(
                    f"image_size={self.image_size} needs {wanted} tokens per image, but the data has {count}: set "
                    "image_size to the size that was tokenized"
                )
            return batch.image_ids
        if batch.image is None:
            raise ConfigError("the batch has neither images nor image tokens: set data.inputs=pixels")
        with torch.autocast(self.device.type, enabled=False):
            return self.image_tokenizer.encode(batch.image).clone()

    def build_sequences(
        self, batch: Batch, codes_BN: Tensor, corrupted: CorruptedTokens | None, uncaptioned_B: Tensor
    ) -> PlacedSequences:
        """The token sequences of a batch; T2I samples come first.

        Args:
            batch: Batch with text ids int64 (B, T).
            codes_BN: int64 (B, N), clean codes of the batch's images.
            corrupted: Corrupted codes of the T2I samples; None if there are none.
            uncaptioned_B: bool (B,), samples whose caption is dropped.
        """
        assert batch.text is not None
        assert batch.text_length is not None
        assert batch.text_loss is not None
        parts: list[TokenSequence] = []
        before: list[int | None] = []
        samples: list[Tensor] = []
        if corrupted is not None:
            g = (batch.task == Task.TEXT_TO_IMAGE).nonzero()[:, 0]
            length_G = batch.text_length[g].where(~uncaptioned_B[g], 0)
            made = self.layout.text_to_images(batch.text[g], length_G, corrupted.xt, corrupted.x0)
            parts, before, samples = [*made.parts], [*made.before], [g, corrupted.sample]
        u = (batch.task == Task.UNDERSTANDING).nonzero()[:, 0]
        if len(u):
            segment = None if batch.text_segment is None else batch.text_segment[u]
            text = batch.text[u], batch.text_length[u], batch.text_loss[u], segment
            parts.append(self.layout.conversation(codes_BN[u], *text))
            before.append(None)
            samples.append(u)
        return PlacedSequences(SequenceParts(tuple(parts), tuple(before)), tuple(samples))

    def _visual_features(self, batch: Batch, unseen_B: Tensor) -> dict[str, Condition]:
        """Visual features (U, M, F) of the U MMU samples by encoder; T2I samples have none."""
        found: dict[str, Condition] = {}
        u = (batch.task == Task.UNDERSTANDING).nonzero()[:, 0]
        seen = (~unseen_B[u]).nonzero()[:, 0]
        for name, make in self._make_encoders.items():
            encoder = self._loaded(name, make)
            if batch.image is None:
                raise ConfigError(f"visual encoder {name!r} reads images: set data.inputs=both, or visual_encoder=none")
            if not len(u):
                continue
            with torch.no_grad():
                features: Condition = encoder(batch.image[u[seen]])
            values_UMF = features.values.new_zeros(len(u), *features.values.shape[1:])
            present_U = torch.zeros_like(unseen_B[u]).index_copy(0, seen, features.present)
            found[name] = Condition(values_UMF.index_copy(0, seen, features.values), present_U)
        return found

    def _logits_specs(self) -> list[LogitsSpec]:
        losses = [c for c in self.trainer.callbacks if isinstance(c, LossCallback)]  # type: ignore[attr-defined]
        found = [part for loss in losses if loss.active for part in loss.reads if isinstance(part, LogitsSpec)]
        return list(dict.fromkeys(found))

    def _logits(
        self, hidden_TD: Tensor, placed: PlacedSequences, specs: Sequence[LogitsSpec], read: Sequence[Tensor]
    ) -> dict[LogitsSpec, Logits]:
        """Logits of all specs in one call of the head, from hidden states (T, D) at tokens int64 (P,)."""
        parts = [(hidden_TD.index_select(0, at), spec.vocabulary) for at, spec in zip(read, specs, strict=True)]
        values = self.unified.logits_of(parts)
        bounds = self.unified.vocabulary.bounds
        scored = zip(specs, read, values, strict=True)
        return {spec: placed.logits(at, values_PV, bounds(spec.vocabulary)) for spec, at, values_PV in scored}

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        """Losses and metrics; the likelihood bound has its own forward pass and its own noise."""
        step = self.step_output(batch)
        if step.unified is not None and step.unified.corrupted is not None:
            nelbo_G = self._nelbo(batch, step.unified.corrupted)
            step = replace(step, unified=replace(step.unified, nelbo=nelbo_G))
        return self.validate(step)

    def _nelbo(self, batch: Batch, corrupted: CorruptedTokens) -> Tensor:
        """Unbiased estimate of the likelihood bound of each T2I sample, float32 (G,), nats per image token."""
        vocabulary, g = self.unified.vocabulary, corrupted.sample
        noise = SampleNoise.draw(self.seed, Stream.NELBO, batch.index[g], corrupted.x0.shape[1])
        masked = nelbo_corruption(g, corrupted.x0, noise, vocabulary.codebook_size)
        assert batch.text is not None
        assert batch.text_length is not None
        sequences = self.layout.text_to_images(batch.text[g], batch.text_length[g], masked.xt, masked.x0)
        placed, spec = PlacedSequences(sequences, (g, g)), LogitsSpec(masked_image, "codebook")
        read = placed.read([spec], torch.ones_like(batch.valid))
        hidden = self.unified(sequences, {})
        return nelbo_per_sample(self._logits(hidden.values, placed, [spec], read)[spec], masked)
