"""Masks for inpainting and variations. Shapes: B samples, N = h w image tokens, K codes, where code K is the mask."""

from __future__ import annotations

from torch import Tensor, nn

from unif2ace.diffusion.samplers.base import RandomSource
from unif2ace.errors import ConfigError, DataError


def keep_tokens(keep_BHW: Tensor, height: int, width: int, share: float = 1.0) -> Tensor:
    """Converts a mask of pixels to a mask of tokens.

    Args:
        keep_BHW: bool (B, H, W), pixels to keep.
        height: h, rows of tokens; must divide H.
        width: w, columns of tokens; must divide W.
        share: A token is kept if at least this fraction of its pixels is kept; 1 keeps only tokens whose pixels are all
            kept.

    Returns:
        bool (B, N), in raster order.

    Raises:
        DataError: If the tokens do not tile the pixels.
    """
    if keep_BHW.shape[1] % height or keep_BHW.shape[2] % width:
        raise DataError(
            f"a mask of {keep_BHW.shape[1]} x {keep_BHW.shape[2]} pixels does not fit {height} x {width} tokens: give "
            "a mask of the size of the image"
        )
    kept_BHW = nn.functional.adaptive_avg_pool2d(keep_BHW[:, None].double(), (height, width))[:, 0]
    return (kept_BHW >= share - 1e-9).flatten(1)


def inpaint(codes_BN: Tensor, keep: Tensor, num_codes: int) -> Tensor:
    """Initial codes for a sampler: tokens outside `keep` are masked.

    Args:
        codes_BN: int64 (B, N), codes of the image in [0, K).
        keep: bool (B, N), (B, h, w) or (h, w), tokens to keep.
        num_codes: K.

    Returns:
        int64 (B, N) in [0, K].

    Raises:
        DataError: If `keep` does not have N tokens.
    """
    keep_BN = keep.flatten() if keep.numel() == codes_BN.shape[1] else keep.flatten(1)
    if keep_BN.shape[-1] != codes_BN.shape[1]:
        raise DataError(
            f"a mask of {keep_BN.shape[-1]} tokens for images of {codes_BN.shape[1]} tokens: give one value per token"
        )
    return codes_BN.masked_fill(~keep_BN.to(codes_BN.device), num_codes)


def mask_tokens(codes_BN: Tensor, share: float, num_codes: int, rng: RandomSource) -> Tensor:
    """Initial codes for a variation of an image: a random subset is masked.

    Args:
        codes_BN: int64 (B, N), codes of the image in [0, K).
        share: Fraction of the N tokens to mask, in [0, 1]; round(share N) tokens are masked.
        num_codes: K.
        rng: Selects the tokens, independently for each sample; the sampler may use the same seeds.

    Returns:
        int64 (B, N) in [0, K].

    Raises:
        ConfigError: If the share is not in [0, 1].
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share={share}: the fraction of tokens to resample must be in [0, 1]")
    # low bits only: a sampler with the same seeds gets the same values and uses their high bits
    low_BN = (rng.uniform(codes_BN.shape[1]) * 2**26 % 1).to(codes_BN.device)
    rank_BN = low_BN.argsort(dim=1, stable=True).argsort(1)
    return codes_BN.masked_fill(rank_BN < round(share * codes_BN.shape[1]), num_codes)
