"""The transformer over text and image tokens (UniF²ace, arXiv 2503.08120; Show-o, arXiv 2408.12528).

Shapes: B sequences, L positions, P positions at which logits are read, D width, V ids of a slice of the vocabulary, N
image tokens, F dimensions of visual features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast, get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.base import MoEFactory
from unif2ace.nets.transformer.attentions.base import Attention, AttentionInputs
from unif2ace.nets.transformer.attentions.multi_head import MultiHeadAttention
from unif2ace.nets.transformer.blocks.base import Block
from unif2ace.nets.transformer.cache import Cache
from unif2ace.nets.transformer.code_embedding import CodeEmbedding
from unif2ace.nets.transformer.conditioning import NOISE, Conditioning, add_conditions
from unif2ace.nets.transformer.grounding import word_grounding
from unif2ace.nets.transformer.head import OutputHead
from unif2ace.nets.transformer.kernels import Kernel, Mask, fastest
from unif2ace.nets.transformer.norms.layer_norm import LayerNorm
from unif2ace.nets.transformer.rotary import rotary_size, rotary_tables
from unif2ace.nets.transformer.token_embeddings import TokenEmbeddings
from unif2ace.sequence.vocabulary import Slice, Vocabulary
from unif2ace.types import Condition, RouterStats, SequenceParts, TokenSequence, joined

STD = 0.02
"""Standard deviation of initial weights, as in Phi."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Output of the transformer.

    Attributes:
        values: float (B, L, D), hidden states after the last normalisation layer; (T, D) for sequences in parts.
        routers: Router statistics of each layer and level, the lowest layer first.
    """

    values: Tensor
    routers: tuple[RouterStats, ...]


class UnifiedNet(nn.Module):
    """A decoder over one vocabulary of text and image tokens; maps ids (B, L) to hidden states (B, L, D).

    Args:
        text_size: Number of ids of the text tokenizer.
        codebook_size: Number of codes of the image tokenizer.
        bos_id: Text id that starts a text.
        eos_id: Text id that ends a text.
        num_image_tokens: N.
        block: Builds a block: `ParallelBlock` or `SequentialBlock`.
        moe: Builds the experts of each block.
        dim: D.
        depth: Number of blocks.
        heads: Number of attention heads; must divide `dim`.
        visual_dims: F of each visual encoder, by name.
        code_feature_dim: Number of features of each image code, see `CodeEmbedding`; 0 for none.
        image_pos_embed: Whether each image token has a learned position embedding. Show-o has none: its rotary
            embedding alone encodes the position of an image token, which a network trained from scratch learns slowly.
        early_fusion: Whether visual features are also added to the image tokens before the first block, so that
            attention reads them. Otherwise only sequence-level experts read them.
        grounded_words: Whether word embeddings start from the image features of faces whose captions contain them, by
            the first visual encoder; see `WordGrounding`. No effect without an encoder.
        grounding_dim: Number of whitened directions of the image features, K of `WordGrounding`.
        attention_layer: Builds the attention layer of each block.
        norm: Builds a normalisation layer from a width and an epsilon.
        num_kv_heads: Number of key-value heads; fewer than `heads` for grouped-query attention. None for `heads`.
        head_dim: Width of a head; None for `dim` / `heads`.
        qkv_bias: Whether queries, keys and values have biases.
        out_bias: Whether the output layer of attention has a bias.
        head_bias: Whether the output head has a bias.
        rotary_fraction: Fraction of the dimensions of each head that the rotary embedding rotates, in [0, 1].
        rotary_theta: Base of the rotary frequencies.
        qk_norm: Whether queries and keys are normalised.
        eps: Epsilon of the normalisation layers.
        tie_embeddings: Whether embedding and head share one weight.
        text_init_std: Initial standard deviation of the rows of text ids in embedding and head. Phi's 0.02 suits a
            width of 2048.
        attention: Attention kernel, see `unif2ace.nets.transformer.kernels`.
        gradient_checkpointing: Whether to recompute blocks in the backward pass: less memory, a third more compute.
        on_block_built: Called with each block after its initialisation, to shard it before the next one is built.

    Raises:
        ConfigError: If sizes do not fit each other, or the attention kernel is unknown.
    """

    def __init__(  # noqa: PLR0913 - one argument a knob
        self,
        text_size: int,
        codebook_size: int,
        bos_id: int,
        eos_id: int,
        num_image_tokens: int,
        block: Callable[..., Block],
        moe: MoEFactory,
        *,
        dim: int = 256,
        depth: int = 6,
        heads: int = 8,
        visual_dims: Mapping[str, int] | None = None,
        code_feature_dim: int = 0,
        image_pos_embed: bool = False,
        early_fusion: bool = False,
        grounded_words: bool = False,
        grounding_dim: int = 96,
        attention_layer: Callable[..., Attention] = MultiHeadAttention,
        norm: Callable[[int, float], nn.Module] = LayerNorm,
        num_kv_heads: int | None = None,
        head_dim: int | None = None,
        qkv_bias: bool = True,
        out_bias: bool = True,
        head_bias: bool = True,
        rotary_fraction: float = 0.5,
        rotary_theta: float = 10000.0,
        qk_norm: bool = True,
        eps: float = 1e-5,
        tie_embeddings: bool = False,
        text_init_std: float = 0.02,
        attention: Kernel = "auto",
        gradient_checkpointing: bool = False,
        on_block_built: Callable[[nn.Module], object] | None = None,
    ) -> None:
        super().__init__()
        if attention not in get_args(Kernel):
            raise ConfigError(f"net.attention={attention!r}: take one of {', '.join(get_args(Kernel))}")
        self.vocabulary = Vocabulary(text_size, codebook_size, bos_id, eos_id)
        self.num_image_tokens, self.kernel = num_image_tokens, attention
        self.gradient_checkpointing, self.early_fusion = gradient_checkpointing, early_fusion
        self.rotary_size, self.rotary_theta = rotary_size(dim, heads, rotary_fraction, head_dim), rotary_theta
        visual_dims = dict(visual_dims or {})
        parts = {"dim": dim, "eps": eps, "norm": norm}
        attend = partial(attention_layer, heads=heads, num_kv_heads=num_kv_heads, head_dim=head_dim, **parts)
        attend = partial(attend, qk_norm=qk_norm, qkv_bias=qkv_bias, out_bias=out_bias)
        self.embedding = nn.Embedding(self.vocabulary.size, dim)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            self.blocks.append(_made(partial(block, **parts), attend, moe, dim, list(visual_dims), on_block_built))
        self._draws_noise = any(getattr(m, "draws_noise", False) for m in self.blocks.modules())
        self.norm, self.head = norm(dim, eps), OutputHead(dim, self.vocabulary.size, head_bias)
        self.image_pos_embed = nn.Embedding(num_image_tokens, dim) if image_pos_embed else None
        self._initialize_tables(text_init_std, tie_embeddings, code_feature_dim)
        words = visual_dims if grounded_words else {}
        self.grounding = word_grounding(words, text_size, dim, grounding_dim, tie_embeddings)
        wanted = self._read_by_experts([NOISE, *visual_dims]) | (set(visual_dims) if early_fusion else set())
        self.conditioning = Conditioning(visual_dims, wanted, dim, num_image_tokens)

    def _initialize_tables(self, init_std: float, tied: bool, code_features: int) -> None:
        _init_(self.embedding, self.head, *filter(None, [self.image_pos_embed]))
        with torch.no_grad():  # rows of words only: large rows of codes slow down learning to generate
            for table in (self.embedding, self.head):
                table.weight[: self.vocabulary.text_size] *= init_std / STD
        if tied:
            self.head.weight = self.embedding.weight
        self._share_codes(code_features, tied)

    def _share_codes(self, features: int, tied: bool) -> None:
        """Builds the code embeddings of embedding, head and bias, and the buffer of code features (K, features)."""
        dim, codes = self.embedding.embedding_dim, self.vocabulary.codebook_size
        widths = {"embedding": dim, "bias": 1} if tied else {"embedding": dim, "head": dim, "bias": 1}
        shared = {name: CodeEmbedding(features, width) for name, width in widths.items()} if features else {}
        self.code_embedding = nn.ModuleDict(shared)
        self.code_features: Tensor | None
        self.register_buffer("code_features", torch.zeros(codes, features) if shared else None)

    def _read_by_experts(self, names: Sequence[str]) -> set[str]:
        levels = [cast(Block, block).sequence_moe for block in self.blocks]
        return {n for level in levels if level is not None for n in getattr(level, "conditions", names)} & set(names)

    optional_parts = ("grounding",)
    """Parts that a checkpoint may lack: `zero_init_` initialises them so that they have no effect."""
    fsdp_methods = ("logits_of",)
    """Methods besides `forward` that read weights outside of blocks, see `unif2ace.nets.sharding.Shardable`."""

    def fsdp_modules(self) -> Iterable[nn.Module]:
        """The blocks, see `unif2ace.nets.sharding.Shardable`."""
        return self.blocks

    def zero_init_(self) -> None:
        """Initialises `optional_parts` to have no effect."""
        self.grounding.zero_init_()

    @property
    def tables(self) -> TokenEmbeddings:
        """Embeddings and logits of all ids."""
        tied = self.head.weight is self.embedding.weight
        tables = self.embedding, self.head, self.image_pos_embed, self.code_embedding
        return TokenEmbeddings(self.vocabulary, *tables, self.grounding, tied)

    def forward(
        self,
        sequence: TokenSequence | SequenceParts,
        features: Mapping[str, Condition] | None = None,
        cache: Cache | None = None,
    ) -> Hidden:
        """Hidden states of all positions; `logits_of` computes logits at the positions that are read.

        Args:
            sequence: Whole sequences (B, L), or only the positions after the cached ones, or several parts.
            features: Visual features by encoder, values (R, M, F) for the R sequences with an image. With fewer than R
                rows they belong to the last of these sequences. An encoder without an entry is present in no sequence.
            cache: Keys and values of the earlier positions; keys and values of the new positions are appended.
        """
        features = features or {}
        parts = SequenceParts.of(sequence) if isinstance(sequence, TokenSequence) else sequence
        picture_BK = self.grounding.picture(features, len(parts.parts[-1].ids), cache)
        x_TD = self.tables.embed(parts, self.code_features)
        x_TD = _modulated(
            lambda x, part, picture: self.grounding.modulate_embeddings(x, part.ids, picture), x_TD, parts, picture_BK
        )
        goes_on = cache is not None and parts.images is None
        conditions = {} if goes_on else self.conditioning(parts, features)
        if self.early_fusion:
            x_TD = add_conditions(x_TD, parts, conditions)

        rotary = rotary_tables(parts.tokens("position"), self.rotary_size, self.rotary_theta, self.head.weight.dtype)
        masks = tuple(Mask(part.attention) for part in parts.parts)
        kernel, routers = self._kernel(x_TD.device.type), list[RouterStats]()
        for layer, block in enumerate(self.blocks):
            inputs = AttentionInputs(parts, rotary, masks, kernel, layer, cache)
            x_TD, stats = self._run(block, x_TD, parts, conditions, inputs)
            routers += stats
        if cache is not None:
            cache.advance(parts.parts[0].ids.shape[1])
        hidden_TD = _modulated(
            lambda x, _, picture: self.grounding.modulate_hidden(x, picture), self.norm(x_TD), parts, picture_BK
        )
        return Hidden(hidden_TD if sequence is parts else parts.split(hidden_TD)[0], tuple(routers))

    def logits(self, hidden_PD: Tensor, part: Slice) -> Tensor:
        """Logits of hidden states (P, D) over a slice of the vocabulary, float32 (P, V)."""
        return self.logits_of([(hidden_PD, part)])[0]

    def logits_of(self, parts: Sequence[tuple[Tensor, Slice]]) -> tuple[Tensor, ...]:
        """Logits over several slices, float32 (P, V) each, of hidden states (P, D)."""
        return self.tables.logits(parts, self.code_features)

    def _run(self, block: nn.Module, *inputs: Any) -> tuple[Tensor, tuple[RouterStats, ...]]:
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            again: tuple[Tensor, tuple[RouterStats, ...]] = checkpoint(
                block, *inputs, use_reentrant=False, preserve_rng_state=self._draws_noise
            )
            return again
        out: tuple[Tensor, tuple[RouterStats, ...]] = block(*inputs)
        return out

    def _kernel(self, device: str) -> Kernel:
        if self.kernel != "auto":
            return self.kernel
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else self.head.weight.dtype
        if torch.compiler.is_compiling():  # the probe cannot be compiled
            return "math" if device == "cpu" and dtype.itemsize < 4 else "sdpa"
        return fastest(device, dtype, torch.is_grad_enabled())


def _modulated(
    change: Callable[[Tensor, TokenSequence, Tensor], Tensor],
    x_TD: Tensor,
    sequences: SequenceParts,
    picture_BK: Tensor | None,
) -> Tensor:
    """The tokens (T, D) after a change of the last B sequences, whose image features (B, K) are given."""
    if picture_BK is None:
        return x_TD
    end, found = len(picture_BK), []
    for part, x_BLD in reversed([*zip(sequences.parts, sequences.split(x_TD), strict=True)]):
        first = end - len(part.ids)
        changed = x_BLD if first < 0 else change(x_BLD, part, picture_BK[first:end])
        found.append(changed.flatten(0, 1))
        end = first
    return joined(found[::-1])


def _made(
    block: Callable[..., Block],
    attention: Callable[[], Attention],
    moe: MoEFactory,
    dim: int,
    encoders: Sequence[str],
    on_block_built: Callable[[nn.Module], object] | None,
) -> Block:
    """A block with its layers; attention is built and initialised before the experts."""
    attend = attention()
    _init_(*(part for part in attend.modules() if isinstance(part, nn.Linear)))
    made = block(attention=attend, token_moe=moe.token_layer(dim), sequence_moe=moe.sequence_layer(dim, encoders))
    if on_block_built is not None:
        on_block_built(made)
    return made


@torch.no_grad()
def _init_(*parts: nn.Linear | nn.Embedding) -> None:
    """Initialises weights of tables and attention from N(0, STD^2), biases with 0. Experts initialise themselves."""
    for part in parts:
        nn.init.normal_(part.weight, std=STD)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
