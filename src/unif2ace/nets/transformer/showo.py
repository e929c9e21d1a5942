"""Converts weights of Show-o (arXiv 2408.12528) to and from a dense `UnifiedNet` with parallel blocks.

Both models have the same order of ids, so the rows of embedding and head are copied unchanged; see
`unif2ace.sequence.vocabulary`.

Shapes: D width, d width of a head, V ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from unif2ace.errors import ConfigError, DataError, and_more
from unif2ace.sequence.vocabulary import SPECIAL

_OUTER = {
    "embedding": "showo.model.embed_tokens",
    "norm": "showo.model.final_layernorm",
    "head": "showo.lm_head",
}
PHI_LAYERS = {
    "attention_norm": "input_layernorm",
    "attention.out": "self_attn.dense",
    "attention.q_norm": "self_attn.q_layernorm",
    "attention.k_norm": "self_attn.k_layernorm",
    "token_moe.network.up": "mlp.fc1",
    "token_moe.network.down": "mlp.fc2",
}
"""Names of layers in a block of this project, and in a Phi layer of Show-o."""
_HEADS = tuple(f"self_attn.{x}_proj" for x in "qkv")
_FUSED = "attention.qkv"
_LAYER = re.compile(r"showo\.model\.layers\.(\d+)\.")
_BLOCK = re.compile(r"blocks\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class ShowoSizes:
    """Arguments of the `UnifiedNet` and the `DenseMoE` that match a checkpoint.

    Attributes:
        rows: Number of ids of the whole vocabulary, V.
        dim: Width, D.
        depth: Number of blocks.
        heads: Number of attention heads.
        hidden: Hidden dimension of the feed-forward networks.
    """

    rows: int
    dim: int
    depth: int
    heads: int
    hidden: int

    def text_size(self, codebook_size: int) -> int:
        """Number of ids of the text tokenizer, given the number of codes of the image tokenizer.

        Raises:
            ConfigError: If the vocabulary is too small for `codebook_size` codes.
        """
        left = self.rows - codebook_size - len(SPECIAL) - 1
        if left < 1:
            raise ConfigError(f"a vocabulary of {self.rows} ids is too small for {codebook_size} image codes")
        return left


def sizes_of(state: Mapping[str, Tensor]) -> ShowoSizes:
    """Sizes of a Show-o checkpoint.

    Args:
        state: Tensors by their official names, such as ``showo.model.embed_tokens.weight`` (V, D).

    Raises:
        DataError: If a tensor of Show-o is missing.
    """
    try:
        rows, dim = state["showo.model.embed_tokens.weight"].shape
        layer = "showo.model.layers.0."
        heads = dim // len(state[f"{layer}self_attn.q_layernorm.weight"])
        hidden = len(state[f"{layer}mlp.fc1.weight"])
    except KeyError as error:
        raise DataError(f"these are not weights of Show-o: {error} is missing") from None
    return ShowoSizes(rows, dim, _depth(state, _LAYER), heads, hidden)


def from_showo(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Converts the state dict of Show-o to one of a dense `UnifiedNet` with parallel blocks.

    Query, key and value weights, (D, D) each, are concatenated.

    Args:
        state: All tensors of a Show-o checkpoint by their official names.

    Raises:
        DataError: If a tensor is missing or unknown.
    """
    depth = _depth(state, _LAYER)
    _check(state, _official(depth), "Show-o")
    made = {ours: state[theirs] for ours, theirs in _pairs(depth)}
    for layer in range(depth):
        for kind in ("weight", "bias"):
            parts = [state[f"showo.model.layers.{layer}.{name}.{kind}"] for name in _HEADS]
            made[f"blocks.{layer}.{_FUSED}.{kind}"] = torch.cat(parts)
    return made


def to_showo(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Converts the state dict of a dense `UnifiedNet` to one of Show-o with its official names.

    The fused query, key and value weight is split into three, (D, D) each.

    Args:
        state: State dict of a dense `UnifiedNet` with parallel blocks, query-key normalisation and an untied head.

    Raises:
        DataError: If a tensor is missing or has no counterpart in Show-o, such as tensors of experts or grouped
            queries.
    """
    depth = _depth(state, _BLOCK)
    fused = {f"blocks.{i}.{_FUSED}.{kind}" for i in range(depth) for kind in ("weight", "bias")}
    _check(state, {ours for ours, _ in _pairs(depth)} | fused, "a dense network with parallel blocks")
    made = {theirs: state[ours] for ours, theirs in _pairs(depth)}
    dim = state["embedding.weight"].shape[1]
    for layer in range(depth):
        if len(state[f"blocks.{layer}.{_FUSED}.weight"]) != 3 * dim:
            raise DataError(
                "Show-o needs net.num_kv_heads equal to net.heads, and net.heads times net.head_dim equal to net.dim"
            )
        for kind in ("weight", "bias"):
            parts = state[f"blocks.{layer}.{_FUSED}.{kind}"].chunk(3)
            for name, part in zip(_HEADS, parts, strict=True):
                made[f"showo.model.layers.{layer}.{name}.{kind}"] = part.clone()
    return made


def _pairs(depth: int) -> Iterator[tuple[str, str]]:
    """Pairs of this project's name and the official name, for every tensor that is stored in the same form."""
    for ours, theirs in _OUTER.items():
        for kind in ("weight", "bias") if ours != "embedding" else ("weight",):
            yield f"{ours}.{kind}", f"{theirs}.{kind}"
    for layer in range(depth):
        for ours, theirs in PHI_LAYERS.items():
            for kind in ("weight", "bias"):
                yield f"blocks.{layer}.{ours}.{kind}", f"showo.model.layers.{layer}.{theirs}.{kind}"


def _official(depth: int) -> set[str]:
    heads = {f"showo.model.layers.{i}.{n}.{kind}" for i in range(depth) for n in _HEADS for kind in ("weight", "bias")}
    return {theirs for _, theirs in _pairs(depth)} | heads


def _depth(state: Mapping[str, Tensor], pattern: re.Pattern[str]) -> int:
    return 1 + max((int(found[1]) for name in state if (found := pattern.match(name))), default=-1)


def _check(state: Mapping[str, Tensor], wanted: set[str], what: str) -> None:
    if unknown := sorted(state.keys() - wanted):
        hint = " (the variant with CLIP features is not supported)" if unknown[0].startswith("mm_projector") else ""
        raise DataError(f"{what} has no tensors named {unknown[0]!r}{and_more(unknown)}{hint}")
    if missing := sorted(wanted - state.keys()):
        raise DataError(f"{what} also needs the tensors {missing[0]!r}{and_more(missing)}")
