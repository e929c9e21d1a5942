"""The MAGVIT-v2 image tokenizer that Show-o uses; Show-o's published weights can be loaded.

A convolutional autoencoder of single images. Show-o (arXiv 2408.12528) quantizes to 13 bits with the lookup-free
quantization of MAGVIT-v2 (arXiv 2310.05737). Lists with one entry per level start with the finest level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError, DataError, nearest
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.nets.tokenizer.base import TokenizerNet
from unif2ace.nets.tokenizer.magvit_blocks import DownLevel, Middle, UpLevel, conv3x3, group_norm


class MagvitNet(TokenizerNet):
    """Encoder, any quantizer, decoder; maps images (B, 3, H, W) to reconstructions of the same shape.

    With the defaults and 13 bits it has 95,387,004 parameters, and a token covers 16 x 16 pixels. All layers are
    convolutions except one attention layer at the coarsest level of encoder and decoder, so image sides may be any
    multiples of `factor`.

    Args:
        quantizer: Builds the quantizer.
        channels: Base width; every width must be a multiple of 32.
        encoder_multipliers: Width of each encoder level in units of `channels`, the finest level first; each level
            after the first halves height and width.
        decoder_multipliers: Width of each decoder level, as for the encoder.
        encoder_blocks: Number of residual blocks of each encoder level.
        decoder_blocks: Number of residual blocks of each decoder level.
        gradient_checkpointing: Whether to recompute residual blocks in the backward pass: less memory, up to a third
            more compute.

    Raises:
        ConfigError: If the four lists differ in length or a width is not a multiple of 32.
    """

    def __init__(
        self,
        quantizer: Callable[[], Quantizer],
        channels: int = 128,
        encoder_multipliers: Sequence[int] = (1, 2, 2, 4, 4),
        decoder_multipliers: Sequence[int] = (1, 1, 2, 2, 4),
        encoder_blocks: Sequence[int] = (4, 3, 4, 3, 4),
        decoder_blocks: Sequence[int] = (4, 4, 3, 4, 3),
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        lists = (encoder_multipliers, decoder_multipliers, encoder_blocks, decoder_blocks)
        if not encoder_blocks or len({len(values) for values in lists}) > 1:
            raise ConfigError(
                "net: encoder_multipliers, decoder_multipliers, encoder_blocks and decoder_blocks need one number for "
                f"each level, but have {', '.join(str(len(values)) for values in lists)}"
            )
        self.factor = 2 ** (len(encoder_blocks) - 1)
        self.quantizer = quantizer()
        dim = self.quantizer.dim
        self.encoder = MagvitEncoder(
            dim, [channels * m for m in encoder_multipliers], encoder_blocks, gradient_checkpointing
        )
        self.decoder = MagvitDecoder(
            dim, [channels * m for m in decoder_multipliers], decoder_blocks, gradient_checkpointing
        )

    def load_official(self, state_dict: Mapping[str, Tensor]) -> None:
        """Loads the weights of Show-o's published tokenizer, in any floating dtype.

        The file's two buffers ``quantize.*`` list the codes, which must equal the codes of this network's quantizer.

        Args:
            state_dict: Tensors by the names of the published file, such as ``quantize.embedding`` (K, C).

        Raises:
            DataError: If a tensor is missing, unknown or of another shape, or the codes differ.
        """
        weights = {name: tensor for name, tensor in state_dict.items() if name not in CODE_BUFFERS}
        self._check_codes(state_dict)
        own = {name: t for name, t in self.state_dict().items() if not name.startswith("quantizer.")}
        _check_names(set(weights), set(own))
        for name, tensor in weights.items():
            if tensor.shape != own[name].shape:
                raise DataError(
                    f"published weights: {name} has shape {list(tensor.shape)}, but this network's has "
                    f"{list(own[name].shape)}: set net.channels, net.encoder_multipliers, "
                    "net.decoder_multipliers and quantizer as in the file"
                )
        self.load_state_dict(weights, strict=False)  # all names are known; the file has no quantizer weights

    def official(self) -> dict[str, Tensor]:
        """All tensors under the names of the published file, including its two buffers that list the codes.

        Raises:
            ConfigError: If the quantizer is not `LFQ`, the quantizer of Show-o.
        """
        bits = self.quantizer.dim
        if not isinstance(self.quantizer, LFQ):
            raise ConfigError(f"quantizer {type(self.quantizer).__name__}: Show-o's format needs quantizer=lfq")
        weights = {name: t for name, t in self.state_dict().items() if not name.startswith("quantizer.")}
        codes = self.quantizer.decode_ids(torch.arange(2**bits).view(1, 1, -1))[0, :, 0].T.contiguous()
        return weights | {"quantize.embedding": codes, "quantize.power_vals": self.quantizer.place_values.clone()}

    def _check_codes(self, state_dict: Mapping[str, Tensor]) -> None:
        """Compares the number of bits and, if the file has them, the codes."""
        num_codes, dim = self.quantizer.num_codes, self.quantizer.dim
        for name in CODE_BUFFERS & state_dict.keys():
            bits = state_dict[name].shape[-1]
            if bits != dim or num_codes != 2**bits:
                raise DataError(
                    f"published weights: {name} has {bits} bits, but the quantizer has {num_codes} codes of {dim} "
                    f"dimensions: set quantizer=lfq and quantizer.num_bits={bits}"
                )
        if (table := state_dict.get("quantize.embedding")) is not None:
            ids = torch.arange(num_codes, device=self.last_layer.device)
            codes = self.quantizer.decode_ids(ids.view(1, 1, -1))[0, :, 0].T
            if not torch.equal(codes.float(), table.to(codes.device, torch.float32)):
                raise DataError(
                    "published weights: quantize.embedding differs from the quantizer's codes: set quantizer=lfq"
                )


CODE_BUFFERS = {"quantize.embedding", "quantize.power_vals"}
"""Buffers of the published file: the table of codes, (2^bits, bits), and the place value of each bit, (bits,)."""


class MagvitEncoder(nn.Module):
    """Maps images, float (B, 3, H, W) in [-1, 1], to vectors (B, C, h, w).

    Args:
        dim: Channels of a vector, C.
        widths: Channels of each level, the finest first.
        blocks: Number of residual blocks of each level.
        checkpointed: Whether to recompute the residual blocks in the backward pass.
    """

    def __init__(self, dim: int, widths: Sequence[int], blocks: Sequence[int], checkpointed: bool) -> None:
        super().__init__()
        coarsest = len(widths) - 1
        inputs = [widths[0], *widths[:-1]]
        self.conv_in = conv3x3(3, widths[0])
        self.down = nn.ModuleList(
            DownLevel(inputs[i], widths[i], blocks[i], checkpointed, last=i == coarsest) for i in range(len(widths))
        )
        self.mid = Middle(widths[-1])
        self.norm_out = group_norm(widths[-1])
        self.conv_out = conv3x3(widths[-1], dim)
        self.quant_conv = nn.Conv2d(dim, dim, 1)

    def forward(self, image: Tensor) -> Tensor:
        """The vectors (B, C, h, w) of images (B, 3, H, W)."""
        x = self.conv_in(image)
        for level in self.down:
            x = level(x)
        z: Tensor = self.quant_conv(self.conv_out(functional.silu(self.norm_out(self.mid(x)))))
        return z


class MagvitDecoder(nn.Module):
    """Maps codes, float (B, C, h, w), to images (B, 3, H, W), not clamped.

    Args:
        dim: Channels of a code, C.
        widths: Channels of each level, the finest first.
        blocks: Number of residual blocks of each level.
        checkpointed: Whether to recompute the residual blocks in the backward pass.
    """

    def __init__(self, dim: int, widths: Sequence[int], blocks: Sequence[int], checkpointed: bool) -> None:
        super().__init__()
        inputs = [*widths[1:], widths[-1]]
        self.post_quant_conv = nn.Conv2d(dim, dim, 1)
        self.conv_in = conv3x3(dim, widths[-1])
        self.mid = Middle(widths[-1])
        self.up = nn.ModuleList(
            UpLevel(inputs[i], widths[i], blocks[i], checkpointed, last=i == 0) for i in range(len(widths))
        )
        self.norm_out = group_norm(widths[0])
        self.conv_out = conv3x3(widths[0], 3)

    def forward(self, codes: Tensor) -> Tensor:
        """The images (B, 3, H, W) of codes (B, C, h, w)."""
        x = self.mid(self.conv_in(self.post_quant_conv(codes)))
        for level in reversed(self.up):
            x = level(x)
        image: Tensor = self.conv_out(functional.silu(self.norm_out(x)))
        return image


def _check_names(given: set[str], own: set[str]) -> None:
    missing, unknown = sorted(own - given), sorted(given - own)
    parts = [
        f"{len(names)} tensors {what}, such as {names[0]!r}"
        for what, names in (("of the network are missing in the file", missing), ("of the file are unknown", unknown))
        if names
    ]
    if parts:
        hint = nearest(unknown[0], missing or own) if unknown else ""
        raise DataError(f"published weights: {'; '.join(parts)}{hint}; give the complete file of a MAGVIT-v2 tokenizer")
