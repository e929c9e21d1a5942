"""Vector quantization with a learned codebook. Shapes: B images, C channels, h x w cells, N = B h w, K codes."""

from __future__ import annotations

from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.quantizers.base import Quantizer
from unif2ace.nets.uncompiled import uncompiled
from unif2ace.types import Quantized

GOLDEN = 2654435769
"""2^32 divided by the golden ratio: any number of its multiples modulo 2^32 are evenly spaced."""


class VQ(Quantizer):
    r"""Replaces each vector of (B, C, h, w) by its nearest code (VQ-VAE, arXiv 1711.00937).

    Codes are initialised with vectors of the first batch. With ``update=ema`` code k is a moving average of the vectors
    :math:`S_k` assigned to it (appendix A.1 of the paper). Its count n and sum m are updated by
    :math:`n \leftarrow \gamma n + (1 - \gamma) |S_k|` and
    :math:`m \leftarrow \gamma m + (1 - \gamma) \sum_{z \in S_k} z`; the code is m / n, or m / ||m|| with `cosine`. With
    ``update=gradient`` the codes are a parameter that a loss on `Quantized.codes` must train.

    A code with few assigned vectors is reset to a vector of the batch, so that the whole codebook stays in use. The
    number of earlier resets selects the vector, so no random state is consumed and resuming does not change a run.
    Non-finite vectors do not update codes.

    In training mode with gradients enabled, the forward pass updates the codes after it has assigned the vectors. Each
    micro-batch is one update, so with gradient accumulation the moving averages span fewer optimiser steps. Under
    `torch.distributed` counts and sums are added over all ranks, and codes are reset to vectors of rank 0.

    Args:
        num_codes: K.
        dim: C.
        update: ``ema`` for moving averages of the vectors, ``gradient`` for a trained parameter.
        cosine: Whether vectors and codes are normalised to the unit sphere; otherwise distances are Euclidean.
        decay: :math:`\gamma`, in [0, 1).
        dead_share: A code is reset when its moving count n falls below this fraction of N / K, in [0, 1); 0 for never.
            A code that had an average count and is no longer used is reset after
            :math:`\log(dead\_share) / \log \gamma` steps, 114 with the defaults.
        temperature: Divides the logits, which are negative squared distances; above 0.

    Raises:
        ConfigError: If an argument is out of its range.
    """

    num_placed: Tensor
    """int64 (), number of times that a code was initialised or reset; 0 before the first batch."""
    counts: Tensor
    """float (K,), moving average of the number of vectors assigned to each code in a step."""
    sums: Tensor
    """float (K, C), moving average of the sum of the vectors assigned to each code in a step."""

    def __init__(
        self,
        num_codes: int = 1024,
        dim: int = 16,
        update: Literal["ema", "gradient"] = "ema",
        cosine: bool = True,
        decay: float = 0.98,
        dead_share: float = 0.1,
        temperature: float = 0.1,
    ) -> None:
        super().__init__()
        _check(num_codes, dim, update, decay, dead_share, temperature)
        self.num_codes, self.dim, self.update, self.cosine = num_codes, dim, update, cosine
        self.decay, self.dead_share, self.temperature = decay, dead_share, temperature
        self.codebook = nn.Embedding(num_codes, dim)  # an embedding: no weight decay
        codes_KC = self._normalised(self.codebook.weight.detach())
        if update == "ema":
            del self.codebook.weight
            self.codebook.register_buffer("weight", codes_KC.clone())
        self.register_buffer("counts", torch.ones(num_codes))
        self.register_buffer("sums", codes_KC.clone() if update == "ema" else None)
        self.register_buffer("num_placed", torch.zeros((), dtype=torch.int64))
        self._ready = False  # avoids reading `num_placed` from the device in every step

    def forward(self, z: Tensor, *, logits: bool = False) -> Quantized:
        """Quantizes vectors (B, C, h, w) to the nearest codes; `Quantized.z` is normalised if `cosine`."""
        with torch.autocast(z.device.type, enabled=False):
            z_BCHW = self._normalised(z.to(torch.promote_types(z.dtype, torch.float32)))
            learns = self.training and torch.is_grad_enabled()
            if learns:  # a separate view: the compiler fails on one that is also used below
                self._initialise(z_BCHW.detach().permute(0, 2, 3, 1).flatten(0, 2))
            z_NC = z_BCHW.permute(0, 2, 3, 1).flatten(0, 2)
            codes_KC = self._codes().to(z_BCHW.dtype)
            scores_NK = self._scores(z_NC if logits else z_NC.detach(), codes_KC)
            ids_N = scores_NK.detach().argmax(1)
            ids_BHW = ids_N.view(len(z), *z.shape[2:])
            codes_BCHW = functional.embedding(ids_BHW, codes_KC).permute(0, 3, 1, 2)
            if learns:
                self._learn(z_NC.detach(), ids_N)
            straight_BCHW = codes_BCHW.detach() + (z_BCHW - z_BCHW.detach())  # the difference is exactly 0
            scores = scores_NK.view(*ids_BHW.shape, 1, -1) * (2 / self.temperature) if logits else None
        return Quantized(z_BCHW, codes_BCHW, straight_BCHW, ids_BHW, scores, self.num_codes)

    def decode_ids(self, ids: Tensor) -> Tensor:
        """The codes (B, C, h, w) of ids (B, h, w)."""
        return functional.embedding(ids, self._codes()).permute(0, 3, 1, 2)

    def _normalised(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=1) if self.cosine else x

    @uncompiled  # a compiler would recompute the copy in the backward
    def _codes(self) -> Tensor:
        """A copy (K, C), so that codes may change before the backward pass."""
        return self._normalised(self.codebook.weight.clone())

    def _scores(self, z_NC: Tensor, codes_KC: Tensor) -> Tensor:
        """Minus half the squared distance (N, K), without the term that is the same for all codes."""
        if self.cosine:
            return z_NC @ codes_KC.T
        return torch.addmm(codes_KC.square().sum(1) / -2, z_NC, codes_KC.T)

    @uncompiled
    @torch.no_grad()
    def _initialise(self, z_NC: Tensor) -> None:
        if not self._ready and not self.num_placed:
            mean_use = _over_ranks(z_NC.new_tensor(len(z_NC))) / self.num_codes
            self._place(z_NC, torch.ones_like(self.counts, dtype=torch.bool), mean_use)
        self._ready = True

    @uncompiled
    @torch.no_grad()
    def _learn(self, z_NC: Tensor, ids_N: Tensor) -> None:
        finite_N1 = z_NC.isfinite().all(1, keepdim=True)
        rows = torch.cat([z_NC.where(finite_N1, 0), finite_N1.to(z_NC.dtype)], dim=1)
        stats = _over_ranks(rows.new_zeros(self.num_codes, self.dim + 1).index_add_(0, ids_N, rows))
        sums_KC, counts_K = stats[:, :-1].to(self.counts.dtype), stats[:, -1].to(self.counts.dtype)
        self.counts.lerp_(counts_K, 1 - self.decay)
        if self.update == "ema":
            self.sums.lerp_(sums_KC, 1 - self.decay)
            moved_KC = self._normalised(self.sums / self.counts[:, None])
            self.codebook.weight.copy_(torch.where(counts_K[:, None] > 0, moved_KC, self.codebook.weight))
        if self.dead_share:
            mean_use = counts_K.sum() / self.num_codes
            self._place(z_NC, self.counts < self.dead_share * mean_use, mean_use)

    def _place(self, z_NC: Tensor, dead_K: Tensor, mean_use: Tensor) -> None:
        """Resets dead codes to vectors of the batch, with the statistics of an average code."""
        order_K = self.num_placed + dead_K.cumsum(0)
        vectors_KC = z_NC[(order_K * GOLDEN % 2**32 * len(z_NC)) >> 32].to(self.counts.dtype)
        if _distributed():
            dist.broadcast(vectors_KC, 0)
        dead_K = dead_K & vectors_KC.isfinite().all(1)
        self.num_placed += dead_K.sum()
        self.counts.copy_(torch.where(dead_K, mean_use, self.counts))
        self.codebook.weight.copy_(torch.where(dead_K[:, None], vectors_KC, self.codebook.weight))
        if self.update == "ema":
            self.sums.copy_(torch.where(dead_K[:, None], vectors_KC * mean_use, self.sums))


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _over_ranks(x: Tensor) -> Tensor:
    if _distributed():
        dist.all_reduce(x)
    return x


def _check(num_codes: int, dim: int, update: str, decay: float, dead_share: float, temperature: float) -> None:
    if update not in ("ema", "gradient"):
        raise ConfigError(f"quantizer.update={update!r}: take ema or gradient{nearest(update, ['ema', 'gradient'])}")
    if num_codes < 1 or dim < 1:
        raise ConfigError(f"quantizer.num_codes={num_codes}, quantizer.dim={dim}: each must be 1 or more")
    if not 0 <= decay < 1:
        raise ConfigError(f"quantizer.decay={decay}: it must be at least 0 and below 1")
    if not 0 <= dead_share < 1:
        raise ConfigError(f"quantizer.dead_share={dead_share}: it must be at least 0 and below 1")
    if temperature <= 0:
        raise ConfigError(f"quantizer.temperature={temperature}: it must be above 0")
