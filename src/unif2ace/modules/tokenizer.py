"""Trains the image tokenizer. Shapes: B images of H x W pixels, P x P patches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.losses.base import LossCallback, Part, losses_of
from unif2ace.metrics.base import StepMetric
from unif2ace.modules.base import TrainingModule
from unif2ace.nets.features.base import FrozenFeatures
from unif2ace.nets.gradients import clip_gradients_
from unif2ace.nets.tokenizer.base import TokenizerNet, from_uint8
from unif2ace.types import Batch, Discrimination, LogitsSpec, StepOutput

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "64-true")


class TokenizerModule(TrainingModule):
    r"""Trains an autoencoder with a quantizer between encoder and decoder (VQGAN, arXiv 2012.09841).

    One backward pass and one optimiser train generator and discriminator from the same reconstruction. Two separate
    steps would give the same updates, because the generator's term is computed before either network is updated.
    Accumulation and all strategies therefore work as for any other module. Gradients are clipped separately for each
    network.

    The adversarial term is scaled at the decoder's last weight W (arXiv 2012.09841, eq. 7):
    :math:`\lambda = \lVert\nabla_W L_{rec}\rVert / (\lVert\nabla_W L_{gan}\rVert + 10^{-4})`, at most 10^4. L_rec is
    the sum of the other losses. Under accumulation lambda is computed per micro-batch, so it differs slightly from the
    value for the whole batch.

    Args:
        net: Makes the autoencoder; called when training starts.
        optimizer: Makes the optimiser from parameter groups.
        lr_scheduler: Makes the learning-rate schedule.
        metrics: Validation metrics by name.
        features: Makes the frozen network of the perceptual loss; called only if a loss reads ``features``.
        discriminator: Makes the discriminator, from images (B, 3, H, W) to logits (B, 1, P, P); called only if a loss
            reads ``discriminator``.
        discriminator_lr: Learning rate of the discriminator; None for the optimiser's learning rate.
        max_nonfinite_steps: Stop after this many consecutive steps skipped for NaN or Inf.
        compile: Whether the autoencoder is compiled.
        decoder_only: Whether to freeze encoder and quantizer at the weights of `init_from`. Tokens then stay the same,
            so existing tokens and models work with the new decoder.
        parameter_groups: Optimiser options for parts of the networks, by name; names in the discriminator start with
            ``discriminator.``.

    Raises:
        ConfigError: If a loss reads features or a discriminator that is not configured, or `decoder_only` is set
            without `init_from`.
    """

    kind = "tokenizer"

    def __init__(  # noqa: PLR0913 - one argument a key
        self,
        net: Callable[[], TokenizerNet],
        optimizer: Callable[[Iterable[Any]], torch.optim.Optimizer],
        lr_scheduler: Callable[..., Any] | None = None,
        metrics: Mapping[str, StepMetric] | None = None,
        features: Callable[[], FrozenFeatures] | None = None,
        discriminator: Callable[[], nn.Module] | None = None,
        discriminator_lr: float | None = None,
        max_nonfinite_steps: int = 10,
        compile: bool = False,
        decoder_only: bool = False,
        *,
        parameter_groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(net, optimizer, lr_scheduler, metrics, max_nonfinite_steps, compile, parameter_groups)
        self.decoder_only = decoder_only
        self._make_features, self._make_discriminator = features, discriminator
        self._discriminator_lr = discriminator_lr
        self._features: list[FrozenFeatures] = []  # in a list: frozen weights stay out of checkpoints
        self.discriminator: nn.Module | None = None

    def on_fit_start(self) -> None:
        """Rejects half-precision weights, which can train neither codes nor a discriminator.

        Raises:
            ConfigError: If `decoder_only` lacks a trained encoder, or ``trainer.precision`` stores half-precision
                weights.
        """
        super().on_fit_start()
        encoder = (name for name, _ in self.tokenizer.named_parameters() if name.startswith("encoder."))
        if self.decoder_only and not all(map(self.provides, encoder)):
            raise ConfigError(
                "module.decoder_only=true freezes a trained encoder: select the tokenizer with init_from=, such as "
                "init_from=builtin"
            )
        precision = str(self.trainer.precision)
        if precision not in PRECISIONS:
            raise ConfigError(
                f"trainer.precision={precision}: for a tokenizer it must be one of {', '.join(PRECISIONS)}"
            )

    @property
    def tokenizer(self) -> TokenizerNet:
        """The network, typed as `TokenizerNet`."""
        return cast(TokenizerNet, self.net)

    def configure_model(self) -> None:
        """Makes the autoencoder and the networks that the Trainer's losses need."""
        super().configure_model()
        if self.decoder_only:
            self._encoding().requires_grad_(False).eval()
        size = getattr(getattr(self.trainer, "datamodule", None), "image_size", None)
        if size and any(side % self.tokenizer.factor for side in size):
            raise ConfigError(
                f"the data's images have {size[0]}x{size[1]} pixels: both sides must be multiples of "
                f"{self.tokenizer.factor}; import the images with another source.size"
            )
        if self.discriminator is None and "discriminator" in self._reads():
            self.discriminator = _made(self._make_discriminator, "discriminator")
            self._groups.freeze_(self.trained_networks())
        if not self._features and "features" in self._reads():
            self._features = [_made(self._make_features, "features").eval().requires_grad_(False)]

    @property
    def replaceable_parts(self) -> frozenset[str]:
        """Parts of the network whose architecture may differ from that of the weights in `init_from`."""
        return frozenset({"decoder"} if self.decoder_only else ())

    def train(self, mode: bool = True) -> TokenizerModule:
        """Sets the training mode; a frozen encoder and quantizer stay in evaluation mode."""
        super().train(mode)
        if self.decoder_only and self.net is not None:
            self._encoding().eval()
        return self

    def _encoding(self) -> nn.ModuleList:
        return nn.ModuleList([self.tokenizer.encoder, self.tokenizer.quantizer])

    def _reads(self, active: bool = False) -> set[Part | LogitsSpec]:
        losses = [c for c in self.trainer.callbacks if isinstance(c, LossCallback)]  # type: ignore[attr-defined]
        return {part for loss in losses if loss.active or not active for part in loss.reads}

    def step_output(self, batch: Batch) -> StepOutput:
        """Reconstruction, codes, and the features and discriminator logits that losses read."""
        if batch.image is None:
            raise ConfigError("the tokenizer trains on images: set task=image")
        reads = self._reads(active=True)
        image = from_uint8(batch.image).to(self.tokenizer.last_layer.dtype)
        reconstruction, quantized = self.tokenizer(image, logits=self._wants_logits(reads))
        step = StepOutput(batch, image=image, reconstruction=reconstruction.to(image.dtype), quantized=quantized)
        if "features" in reads:
            step = replace(step, features=self._compare(image, reconstruction))
        if "discriminator" in reads:
            step = replace(step, discrimination=self._discriminate(step, reads))
        return step

    def _wants_logits(self, reads: set[Part | LogitsSpec]) -> bool:
        return "code_logits" in reads or ("bit_logits" in reads and self.tokenizer.quantizer.bits)

    def _compare(self, image: Tensor, reconstruction: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        features = self._features[0].to(image.device)
        slow = image.device.type == "cpu" and not features.likes_half
        with torch.autocast("cpu", enabled=False) if slow else nullcontext():
            with torch.no_grad():
                of_image = features(image)
            return of_image, features(reconstruction.to(image.dtype))

    def _discriminate(self, step: StepOutput, reads: set[Part | LogitsSpec]) -> Discrimination:
        image, reconstruction = step.image, step.reconstruction
        discriminator = self.discriminator
        assert image is not None
        assert reconstruction is not None
        assert discriminator is not None
        trained = [p for p in discriminator.parameters() if p.requires_grad]
        for parameter in trained:
            parameter.requires_grad_(False)
        generator_logits = discriminator(reconstruction)
        weight = torch.ones((), device=image.device)
        if "adaptive_weight" in reads and torch.is_grad_enabled():
            weight = self._adaptive_weight(step, generator_logits)
        for parameter in trained:
            parameter.requires_grad_(True)
        real = image.detach().requires_grad_("image_gradient" in reads and torch.is_grad_enabled())
        return Discrimination(
            generator_logits, real, discriminator(real), discriminator(reconstruction.detach()), weight
        )

    def _adaptive_weight(self, step: StepOutput, generator_logits: Tensor) -> Tensor:
        others = [loss for loss in losses_of(self.trainer) if loss.active and "discriminator" not in loss.reads]
        total = torch.stack([loss.weight * loss.compute(step).mean for loss in others]).sum()
        last = self.tokenizer.last_layer
        (of_others,) = torch.autograd.grad(total, last, retain_graph=True)
        (of_gan,) = torch.autograd.grad(generator_logits.mean(), last, retain_graph=True)
        weight: Tensor = of_others.norm() / (of_gan.norm() + 1e-4)
        return weight.clamp(max=1e4).detach()

    def objective(self, step: StepOutput, stage: str) -> Tensor:
        """The weighted sum of the losses, float (). If no loss used the discriminator, its gradient is 0."""
        total = super().objective(step, stage)
        if self.discriminator is not None and step.discrimination is None:
            total = total + 0.0 * sum(p.sum() for p in self.discriminator.parameters())  # otherwise DDP waits for it
        return total

    def trained_networks(self) -> dict[str, nn.Module]:
        """The autoencoder, and the discriminator if a loss reads it; gradients are clipped separately for each."""
        return {"net": self.tokenizer} | ({"discriminator": self.discriminator} if self.discriminator else {})

    def optimizer_groups(self) -> list[dict[str, Any]]:
        """Parameter groups; those of the discriminator have the learning rate `discriminator_lr` if it is set."""
        own = {} if self._discriminator_lr is None else {"lr": self._discriminator_lr}
        groups = super().optimizer_groups()
        return [group | own if group["name"].startswith("discriminator/") else group for group in groups]

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips each network's gradient norm separately and logs the norms."""
        for name, net in self.trained_networks().items():
            norm = clip_gradients_(net.parameters(), gradient_clip_val)
            self.log(f"train/grad_norm/{name}", norm)


def _made(make: Callable[[], Any] | None, what: str) -> Any:
    if make is None:
        raise ConfigError(
            f"a selected loss reads {what}, but module.{what} is empty: set module.{what}, or remove the loss"
        )
    return make()
