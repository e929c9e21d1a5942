"""What the machine computes fast."""

from __future__ import annotations

import torch


def fast_bfloat16(device: str) -> bool:
    """Whether matrix products in bfloat16 are fast on a type of device.

    A GPU has units for them or has not, and so has a CPU: without (AVX2 alone, or AVX-512 without BF16) they are ten
    times slower than in float32. The answer goes by what the machine says of itself, not by a clock, so that all
    processes of a run agree.

    Args:
        device: Such as ``cpu`` or ``cuda``; of any other type nothing is known, which counts as slow.
    """
    if device == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if device != "cpu":
        return False
    told = getattr(torch.cpu, "get_capabilities", None)  # not in torch 2.11
    arm = told is not None and told().get("bf16", False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() or arm)
