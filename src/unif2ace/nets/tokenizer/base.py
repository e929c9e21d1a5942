"""What every image tokenizer is: an encoder, a quantizer, a decoder. N = h w tokens of a picture of H x W pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.types import Quantized


class TokenizerNet(nn.Module):
    """Pixels to tokens and back; an architecture sets the attributes in its constructor.

    Attributes:
        encoder: float (B, 3, H, W) in [-1, 1] -> (B, C, h, w).
        quantizer: Vectors to codes.
        decoder: float (B, C, h, w) -> (B, 3, H, W).
        factor: Pixels per token along each side, H / h.
    """

    encoder: nn.Module
    quantizer: Quantizer
    decoder: nn.Module
    factor: int

    @property
    def last_layer(self) -> Tensor:
        """Weight of the decoder's last convolution: where the adversarial term is balanced against the others."""
        return [m.weight for m in self.decoder.modules() if isinstance(m, nn.Conv2d)][-1]

    def forward(self, image: Tensor, *, logits: bool = False) -> tuple[Tensor, Quantized]:
        """One pass in training.

        Args:
            image: float (B, 3, H, W) in [-1, 1].
            logits: Whether a loss reads `Quantized.logits`.

        Returns:
            The reconstruction, float (B, 3, H, W), not clamped, and what lies between.
        """
        quantized = self.quantizer(self.encoder(image), logits=logits)
        return self.decoder(quantized.straight_through), quantized

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """Tokens of pictures, the row of cells at the top first.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255; sides are multiples of `factor`.

        Returns:
            int64 (B, N), values in [0, num_codes).

        Raises:
            ConfigError: If a side is no multiple of `factor`.
        """
        height, width = image.shape[-2:]
        if height % self.factor or width % self.factor:
            raise ConfigError(f"a picture of {width}x{height} pixels: sides must be multiples of {self.factor}")
        ids: Tensor = self.quantizer(self.encoder(from_uint8(image).to(self.last_layer.dtype))).ids
        return ids.flatten(1)

    @torch.inference_mode()
    def decode(self, ids: Tensor, shape: tuple[int, int] | None = None) -> Tensor:
        """Pictures of tokens.

        Args:
            ids: int64 (B, N).
            shape: Height and width in tokens; by default a square.

        Returns:
            uint8 (B, 3, H, W).

        Raises:
            ConfigError: If the tokens do not fill the shape or an id is no code.
        """
        side = round(ids.shape[1] ** 0.5)
        height, width = shape or (side, side)
        if height * width != ids.shape[1]:
            raise ConfigError(f"{ids.shape[1]} tokens do not fill {height}x{width} cells: give shape=(height, width)")
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < self.quantizer.num_codes:
            raise ConfigError(f"token ids {int(ids.min())} to {int(ids.max())}: {self.quantizer.num_codes} codes exist")
        codes = self.quantizer.decode_ids(ids.view(-1, height, width))
        return to_uint8(self.decoder(codes.to(self.last_layer.dtype)))


def from_uint8(image: Tensor) -> Tensor:
    """Uint8 0..255 -> float32 in [-1, 1], in the memory order that convolutions like."""
    return (image.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_uint8(image: Tensor) -> Tensor:
    """Float in [-1, 1], clamped -> uint8 0..255."""
    return ((image.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
