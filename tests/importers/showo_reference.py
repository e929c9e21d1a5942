"""Show-o's forward pass, written from its published description, on tensors by their published names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear


def logits(state: Mapping[str, Tensor], ids_BL: Tensor, allowed_B1LL: Tensor) -> Tensor:
    """Logits (B, L, V) in float64."""
    weights = {name.removeprefix("showo.").removeprefix("model."): value.double() for name, value in state.items()}

    def norm(name: str, x: Tensor) -> Tensor:
        return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    def dense(name: str, x: Tensor) -> Tensor:
        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = weights["embed_tokens.weight"][ids_BL]
    layer = 0
    while f"layers.{layer}.mlp.fc1.weight" in weights:
        at = f"layers.{layer}"
        y = norm(f"{at}.input_layernorm", x)
        width = len(weights[f"{at}.self_attn.q_layernorm.weight"])
        q, k, v = (dense(f"{at}.self_attn.{n}_proj", y).unflatten(-1, (-1, width)).transpose(1, 2) for n in "qkv")
        q, k = (_rotated(norm(f"{at}.self_attn.{n}_layernorm", z)) for n, z in (("q", q), ("k", k)))
        scores = (q @ k.mT / width**0.5).masked_fill(~allowed_B1LL, -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        inner = gelu(dense(f"{at}.mlp.fc1", y), approximate="tanh")
        x = x + dense(f"{at}.self_attn.dense", mixed) + dense(f"{at}.mlp.fc2", inner)
        layer += 1
    return dense("lm_head", norm("final_layernorm", x))


def _rotated(x_BHLd: Tensor) -> Tensor:
    """Rotates the first half of the dimensions of each head by its position; the rest stays."""
    size = x_BHLd.shape[-1] // 2
    turns = 10000.0 ** (-torch.arange(0, size, 2).double() / size)
    angles = torch.arange(x_BHLd.shape[2]).double()[:, None] * torch.cat([turns, turns])
    part, rest = x_BHLd[..., :size], x_BHLd[..., size:]
    crossed = torch.cat([-part[..., size // 2 :], part[..., : size // 2]], -1)
    return torch.cat([part * angles.cos() + crossed * angles.sin(), rest], -1)
