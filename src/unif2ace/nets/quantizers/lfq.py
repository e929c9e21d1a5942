"""Lookup-free quantization: signs as codes. Shapes: B images, C channels (bits), h x w cells."""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.types import Quantized


class LFQ(Quantizer):
    r"""Lookup-free quantization: every channel is a bit (arXiv 2310.05737, section 3.1).

    A bit is 1 where z > 0. Codes (B, C, h, w) are +1 and -1, not scaled. The id is :math:`\sum_c bit_c\,2^{C-1-c}`:
    channel 0 is the most significant bit, as in Show-o's tokenizer; in the paper it is the least significant. There are
    no parameters.

    The logits of the values -1 and +1 of a bit are :math:`-2z` and :math:`2z`, so :math:`p(+1) = \sigma(4z)`. They are
    the negative squared distances :math:`-(z + 1)^2` and :math:`-(z - 1)^2` without their common term. Bits are treated
    as independent, so the entropy needs no table of 2^C codes.

    Args:
        num_bits: C, 1 to 62; there are 2^C codes.

    Raises:
        ConfigError: If `num_bits` is not in 1 to 62, so that ids would not fit int64.
    """

    bits = True
    place_values: Tensor
    """int64 (C,), place value of each bit in the id."""

    def __init__(self, num_bits: int = 13) -> None:
        super().__init__()
        if not 1 <= num_bits <= 62:
            raise ConfigError(f"quantizer.num_bits={num_bits}: take 1 to 62")
        self.dim, self.num_codes = num_bits, 2**num_bits
        self.register_buffer("place_values", 2 ** torch.arange(num_bits).flip(0), persistent=False)

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        """Quantizes vectors (B, C, h, w) to their signs; `Quantized.z` is the unchanged input."""
        with torch.autocast(z.device.type, enabled=False):
            z_BCHW = z.to(torch.promote_types(z.dtype, torch.float32))
            bits_BCHW = z_BCHW.detach() > 0
            ids_BHW = torch.einsum("bchw,c->bhw", bits_BCHW.long(), self.place_values)
            codes_BCHW = bits_BCHW.to(z_BCHW.dtype) * 2 - 1
            straight_BCHW = codes_BCHW + (z_BCHW - z_BCHW.detach())  # the difference is exactly 0
            z_BHWC = z_BCHW.permute(0, 2, 3, 1)
            scores = torch.stack([-2 * z_BHWC, 2 * z_BHWC], dim=-1) if logits else None
        return Quantized(z_BCHW, codes_BCHW, straight_BCHW, ids_BHW, scores, self.num_codes)

    def decode_ids(self, ids: Tensor) -> Tensor:
        """The codes (B, C, h, w) of ids (B, h, w), +1 and -1."""
        bits_BHWC = ids[..., None] & self.place_values != 0
        return (bits_BHWC.float() * 2 - 1).permute(0, 3, 1, 2)
