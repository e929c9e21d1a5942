"""Base class of the image tokenizers: encoder, quantizer, decoder.

Shapes: B images of H x W pixels, C channels on a grid of h x w cells, N = h w tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError
from unif2ace.nets.images import check_images
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.types import Quantized


class TokenizerNet(nn.Module):
    """Maps images to tokens and back; subclasses set the attributes in their constructor.

    Attributes:
        encoder: Maps float (B, 3, H, W) in [-1, 1] to (B, C, h, w).
        quantizer: Maps vectors (B, C, h, w) to codes.
        decoder: Maps float (B, C, h, w) to (B, 3, H, W).
        factor: Pixels per token along each side, H / h.
    """

    encoder: nn.Module
    quantizer: Quantizer
    decoder: nn.Module
    factor: int

    @property
    def last_layer(self) -> Tensor:
        """Weight (O, C, k, k) of the decoder's last convolution, used to balance the adversarial loss."""
        return [m.weight for m in self.decoder.modules() if isinstance(m, nn.Conv2d)][-1]

    def forward(self, image: Tensor, *, logits: bool = False) -> tuple[Tensor, Quantized]:
        """Encodes, quantizes and decodes images, for training.

        Args:
            image: float (B, 3, H, W) in [-1, 1].
            logits: Whether to compute `Quantized.logits`.

        Returns:
            The reconstruction, float (B, 3, H, W), not clamped, and the quantizer's output.
        """
        quantized = self.quantizer(self.encoder(image), logits=logits)
        return self.decoder(quantized.straight_through), quantized

    @torch.inference_mode()
    def encode(self, image: Tensor) -> Tensor:
        """Encodes images to tokens, in raster order.

        Args:
            image: uint8 (B, 3, H, W), 0 to 255; sides are multiples of `factor`.

        Returns:
            int64 (B, N), values in [0, num_codes).

        Raises:
            DataError: If `image` is not uint8 (B, 3, H, W).
            ConfigError: If a side is not a multiple of `factor`.
        """
        height, width = check_images(image).shape[-2:]
        if height % self.factor or width % self.factor:
            raise ConfigError(f"an image of {width}x{height} pixels: both sides must be multiples of {self.factor}")
        ids: Tensor = self.quantizer(self.encoder(from_uint8(image).to(self.last_layer.dtype))).ids
        return ids.flatten(1)

    @torch.inference_mode()
    def decode(self, ids: Tensor, shape: tuple[int, int] | None = None) -> Tensor:
        """Decodes tokens to images.

        Args:
            ids: int64 (B, N).
            shape: Height and width in tokens; by default a square.

        Returns:
            uint8 (B, 3, H, W).

        Raises:
            ConfigError: If the tokens do not fill the shape or an id is out of range.
        """
        side = round(ids.shape[1] ** 0.5)
        height, width = shape or (side, side)
        if height * width != ids.shape[1]:
            raise ConfigError(f"{ids.shape[1]} tokens do not fill {height}x{width} cells: give shape=(height, width)")
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < self.quantizer.num_codes:
            last = self.quantizer.num_codes - 1
            raise ConfigError(f"token ids {int(ids.min())} to {int(ids.max())}: this tokenizer has ids 0 to {last}")
        codes = self.quantizer.decode_ids(ids.view(-1, height, width))
        return to_uint8(self.decoder(codes.to(self.last_layer.dtype)))


def from_uint8(image: Tensor) -> Tensor:
    """Converts uint8 (B, 3, H, W) in 0..255 to float32 in [-1, 1], in channels-last memory format.

    Raises:
        DataError: If `image` is not uint8 (B, 3, H, W).
    """
    return (check_images(image).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def to_uint8(image: Tensor) -> Tensor:
    """Clamps float (B, 3, H, W) to [-1, 1] and converts it to uint8 in 0..255."""
    return ((image.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
