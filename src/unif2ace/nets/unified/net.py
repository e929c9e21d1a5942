"""The transformer that reads and writes text and image tokens (UniF²ace, arXiv 2503.08120; Show-o, arXiv 2408.12528).

Letters: B rows, L columns, P columns at which logits are read, D width, V ids of a slice of the vocabulary, N image
tokens, F numbers of a condition's vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unif2ace.errors import ConfigError
from unif2ace.nets.conditions.resampler import Resampler
from unif2ace.nets.moe.base import MoE
from unif2ace.nets.unified.attention import Attention, View
from unif2ace.nets.unified.blocks.base import Block
from unif2ace.nets.unified.cache import Cache
from unif2ace.nets.unified.code_rows import CodeRows
from unif2ace.nets.unified.grounding import Grounding
from unif2ace.nets.unified.head import sliced_logits
from unif2ace.nets.unified.kernels import Kernel, Mask, fastest
from unif2ace.nets.unified.noise_level import NoiseLevel
from unif2ace.nets.unified.rotary import rotary_tables
from unif2ace.sequence.vocabulary import Slice, Vocabulary
from unif2ace.types import Condition, RouterStats, TokenSequence

NOISE = "noise"
"""Name of the condition that the network makes itself."""
STD = 0.02
"""Of drawn weights, as Phi's."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the transformer computes.

    Attributes:
        values: float (B, L, D), after the last LayerNorm.
        routers: Of each layer and level, the lowest layer first.
    """

    values: Tensor
    routers: tuple[RouterStats, ...]


class Head(nn.Linear):
    """Hidden states to logits: a row for each id."""

    weight_kind = "table"  # see `unif2ace.modules.base.parameter_groups`


class UnifiedNet(nn.Module):
    """A decoder over one vocabulary of text and image tokens.

    Args:
        text_size: Ids of the text tokenizer.
        codebook_size: Codes of the image tokenizer.
        bos_id: Text id that starts a text.
        eos_id: Text id that ends it.
        num_image_tokens: N.
        block: Makes a block: `ParallelBlock` or `PaperBlock`.
        moe: Makes the experts of each block.
        dim: D.
        depth: Blocks.
        heads: Of the attention; they divide `dim`.
        conditions: Of each condition from outside, the numbers of its vectors, F.
        code_features: Numbers that are known of each image code, see `CodeRows`; 0 if none.
        image_positions: Whether each place of the picture has a learned vector of its own. Without, as in Show-o, only
            the rotary embedding tells where an image token is, which a network that starts from nothing learns slowly.
        early_conditions: Whether conditions from outside are also added to the image tokens before the first block, so
            that its attention finds them; else experts of the sequence level alone blend them in.
        grounding: Whether words start as what is seen where they are said, in the features of the first condition; see
            `unif2ace.nets.unified.grounding`. Without any there is nothing to see.
        directions: Of these features, K.
        rotary_fraction: Share of each head that the rotary embedding turns.
        rotary_theta: Base of its frequencies.
        qk_norm: Whether queries and keys are normalised.
        eps: Of the LayerNorms.
        tie: Whether the head's weight is the embedding.
        text_std: Standard deviation of the words' rows in embedding and head at the start. Phi's 0.02 is made for a
            width of 2048.
        attention: How attention is computed, see `unif2ace.nets.unified.kernels`.
        checkpoint: Whether blocks are computed again in the backward pass: less memory, a third more work.
        made: Called with each block when its weights are drawn, to cut it before the next one is made.

    Raises:
        ConfigError: If sizes do not fit each other, or attention cannot be computed so.
    """

    def __init__(  # noqa: PLR0913 - one argument a knob
        self,
        text_size: int,
        codebook_size: int,
        bos_id: int,
        eos_id: int,
        num_image_tokens: int,
        block: Callable[..., Block],
        moe: MoE,
        *,
        dim: int = 256,
        depth: int = 6,
        heads: int = 8,
        conditions: Mapping[str, int] | None = None,
        code_features: int = 0,
        image_positions: bool = False,
        early_conditions: bool = False,
        grounding: bool = False,
        directions: int = 96,
        rotary_fraction: float = 0.5,
        rotary_theta: float = 10000.0,
        qk_norm: bool = True,
        eps: float = 1e-5,
        tie: bool = False,
        text_std: float = 0.02,
        attention: Kernel = "auto",
        checkpoint: bool = False,
        made: Callable[[nn.Module], object] | None = None,
    ) -> None:
        super().__init__()
        if attention not in get_args(Kernel):
            raise ConfigError(f"net.attention={attention!r}: take one of {', '.join(get_args(Kernel))}")
        self.vocabulary = Vocabulary(text_size, codebook_size, bos_id, eos_id)
        self.num_image_tokens, self.checkpoint, self.kernel = num_image_tokens, checkpoint, attention
        self.rotated, self.rotary_theta = _rotated(dim, heads, rotary_fraction), rotary_theta
        self._widths = conditions = dict(conditions or {})
        self.embedding = nn.Embedding(self.vocabulary.size, dim)
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            attends = Attention(dim, heads, qk_norm, eps)
            _draw(attends.qkv, attends.out)
            token, sequence = moe.token_layer(dim), moe.sequence_layer(dim, list(conditions))
            self.blocks.append(block(dim=dim, attention=attends, token=token, sequence=sequence, eps=eps))
            if made is not None:
                made(self.blocks[-1])
        self.norm, self.head = nn.LayerNorm(dim, eps), Head(dim, self.vocabulary.size)
        self.image_positions = nn.Embedding(num_image_tokens, dim) if image_positions else None
        _draw(self.embedding, self.head, *filter(None, [self.image_positions]))
        _spread_words(text_size, text_std, self.embedding, self.head)
        if tie:
            self.head.weight = self.embedding.weight
        self._first_code = self.vocabulary.bounds("codebook")[0]
        self.code_rows = _code_rows(code_features, dim, tie)
        if code_features:
            self.register_buffer("code_features", torch.zeros(codebook_size, code_features))
        self.ground = next(iter(conditions), None) if grounding else None
        seen = conditions.get(self.ground or "")
        self.grounding, self.word_rows = _grounding(text_size, seen, dim, directions, tie)
        self.tied, self.early_conditions = tie, early_conditions
        self._take_conditions(dim)

    def _take_conditions(self, dim: int) -> None:
        """Makes what spreads conditions over the image span, of those that somebody reads."""
        conditions = self._widths
        wanted = self._wanted([NOISE, *conditions]) | (set(conditions) if self.early_conditions else set())
        self.noise_level = NoiseLevel(dim) if NOISE in wanted else None
        spread = {n: Resampler(f, dim, self.num_image_tokens) for n, f in conditions.items() if n in wanted}
        self.resamplers = nn.ModuleDict(spread)

    def _blocks(self) -> list[Block]:
        return [b for b in self.blocks if isinstance(b, Block)]

    def _wanted(self, names: Sequence[str]) -> set[str]:
        """The conditions that some sequence layer reads: data-parallel training has no use for idle parameters."""
        layers = [b.sequence for b in self._blocks() if b.sequence is not None]
        return {n for layer in layers for n in getattr(layer, "conditions", names)} & set(names)

    added = ("grounding", "word_rows")
    """Parts that trained weights may lack: with `silence_` such a network goes on as if it had none."""

    @torch.no_grad()
    def silence_(self) -> None:
        """Gives the parts of `added` no effect until they learn, with one zero factor each."""
        if self.grounding is not None:
            self.grounding.silence_()
        for rows in self.word_rows.parameters():
            rows.zero_()

    entries = ("logits_of",)
    """Methods that use weights outside of blocks, see `unif2ace.nets.sharding.Shardable`."""

    def units(self) -> Iterable[nn.Module]:
        """The blocks; see `unif2ace.nets.sharding.Shardable`."""
        return self.blocks

    def forward(
        self,
        sequence: TokenSequence,
        conditions: Mapping[str, Condition] | None = None,
        cache: Cache | None = None,
    ) -> Hidden:
        """Hidden states of the columns; logits are made of them where they are read.

        Args:
            sequence: Whole rows, or the columns behind those in the cache.
            conditions: What is known of the rows' pictures, by name, values (B, M, F); missing ones are not present.
            cache: Of the columns before these; theirs are appended to it.
        """
        seen_BK = self._seen(sequence, conditions or {}, cache)
        x_BLD = self._embedded(sequence)
        if seen_BK is not None and self.grounding is not None:
            x_BLD = self.grounding.heard(x_BLD, sequence.ids, seen_BK)
        tables = rotary_tables(sequence.position, self.rotated, self.rotary_theta, self.head.weight.dtype)
        spread = self._conditions(sequence, conditions or {}, cache)
        if self.early_conditions:
            x_BLD = _told(x_BLD, sequence, [c for name, c in spread.items() if name in self.resamplers])
        kernel = self._kernel(x_BLD.device.type)
        mask, routers = Mask(sequence.attention), list[RouterStats]()
        for layer, block in enumerate(self.blocks):
            view = View(tables, mask, kernel, layer, cache)
            x_BLD, stats = self._run(block, x_BLD, sequence, spread, view)
            routers += stats
        if cache is not None:
            cache.advance(sequence.ids.shape[1])
        hidden_BLD = self.norm(x_BLD)
        if seen_BK is not None and self.grounding is not None:
            hidden_BLD = self.grounding.said(hidden_BLD, seen_BK @ self._words_of("head").weight)
        return Hidden(hidden_BLD, tuple(routers))

    def _seen(self, sequence: TokenSequence, given: Mapping[str, Condition], cache: Cache | None) -> Tensor | None:
        """What is seen of each row's picture, (B, K), always in training, see `_conditions`; None for nothing."""
        if self.grounding is None or self.ground is None:
            return None
        if cache is not None and cache.seen is not None:
            return cache.seen
        condition = given.get(self.ground)
        if condition is None and not torch.is_grad_enabled():
            return None
        if condition is None:
            return self.head.weight.new_zeros(len(sequence.ids), self.grounding.words.shape[1])
        seen_BK = self.grounding.seen(condition.values, condition.present)
        if cache is not None:
            cache.seen = seen_BK
        return seen_BK

    def _embedded(self, sequence: TokenSequence) -> Tensor:
        if sequence.image_start is None:  # no code among them: text goes on, an id or so at a time
            x_BLD = nn.functional.embedding(sequence.ids, self.embedding.weight)
            return x_BLD if self.grounding is None else x_BLD + self._words_added(sequence.ids)
        table_VD = self._with_word_rows("embedding", self.embedding.weight)
        x_BLD = nn.functional.embedding(sequence.ids, self._with_code_rows("embedding", table_VD))
        if self.image_positions is None:
            return x_BLD
        places_BND = self.image_positions.weight.to(x_BLD.dtype).expand(len(x_BLD), -1, -1)
        return x_BLD.scatter_add(1, sequence.image_columns[..., None].expand_as(places_BND), places_BND)

    def _kernel(self, device: str) -> Kernel:
        if self.kernel != "auto":
            return self.kernel
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else self.head.weight.dtype
        if torch.compiler.is_compiling():  # the probe cannot be compiled
            return "math" if device == "cpu" and dtype.itemsize < 4 else "sdpa"
        return fastest(device, dtype, torch.is_grad_enabled())

    def _run(self, block: nn.Module, *inputs: Any) -> tuple[Tensor, tuple[RouterStats, ...]]:
        if self.checkpoint and self.training and torch.is_grad_enabled():
            again: tuple[Tensor, tuple[RouterStats, ...]] = checkpoint(
                block, *inputs, use_reentrant=False, preserve_rng_state=False
            )
            return again
        out: tuple[Tensor, tuple[RouterStats, ...]] = block(*inputs)
        return out

    def _conditions(
        self, sequence: TokenSequence, given: Mapping[str, Condition], cache: Cache | None
    ) -> dict[str, Condition]:
        """All conditions, spread over the image span. Every rank makes each of them in every step, whatever its rows:
        ranks that shard the network wait for each other's calls.
        """
        if unknown := given.keys() - self._widths.keys():
            raise ConfigError(f"conditions {sorted(unknown)}: the network was built for {sorted(self._widths)}")
        if cache is not None and sequence.image_start is None:
            return {}
        rows, device = len(sequence.ids), sequence.ids.device
        found: dict[str, Condition] = {}
        if self.noise_level is not None:
            visible_B = torch.ones(rows, device=device) if sequence.visible is None else sequence.visible
            found[NOISE] = self.noise_level(visible_B)
        for name, resampler in self.resamplers.items():
            condition = given.get(name)
            if condition is None and not torch.is_grad_enabled():
                continue  # nobody could choose it, and nobody waits for its gradient
            if condition is None:
                nothing_BMF = torch.zeros(rows, 1, self._widths[name], device=device)
                condition = Condition(nothing_BMF, torch.zeros(rows, dtype=torch.bool, device=device))
            found[name] = resampler(condition)
        return found

    def logits(self, hidden_PD: Tensor, part: Slice) -> Tensor:
        """Logits over a slice of the vocabulary, float32 (P, V)."""
        return self.logits_of([(hidden_PD, part)])[0]

    def logits_of(self, parts: Sequence[tuple[Tensor, Slice]]) -> tuple[Tensor, ...]:
        """Logits over several slices, float32 (P, V) each; one gradient of the head's weight serves all of them."""
        spans = [(hidden_PD, self.vocabulary.bounds(part)) for hidden_PD, part in parts]
        weight_VD: Tensor = self.head.weight
        bias_V: Tensor = self.head.bias
        if torch.is_grad_enabled():
            weight_VD = self._with_word_rows("head", weight_VD)
        # in training always: data-parallel ranks wait for a gradient of every weight
        if torch.is_grad_enabled() or any(part != "text" for _, part in parts):
            weight_VD = self._with_code_rows("embedding" if self.tied else "head", weight_VD)
            bias_V = self._with_code_rows("bias", bias_V[:, None])[:, 0]
        found = sliced_logits(weight_VD, bias_V, spans)
        if self.grounding is None or torch.is_grad_enabled():
            return found
        for logits_PV, (hidden_PD, part) in zip(found, parts, strict=True):
            if part != "codebook":  # words have the first ids
                scored_PV = self._words_of("head").scored(hidden_PD, self.grounding.words)
                logits_PV[:, : scored_PV.shape[1]] += scored_PV
        return found

    def _words_added(self, ids: Tensor) -> Tensor:
        """What `_with_word_rows` adds to the rows of some ids, without the table: no work for words that are absent."""
        assert self.grounding is not None
        words_VK = self.grounding.words
        known = ids < len(words_VK)
        rows = self._words_of("embedding").looked_up(ids.where(known, 0), words_VK)
        return rows.where(known[..., None], 0)

    def _words_of(self, name: str) -> CodeRows:
        rows = self.word_rows["embedding" if self.tied else name]
        assert isinstance(rows, CodeRows)
        return rows

    def _with_word_rows(self, name: str, table_VD: Tensor) -> Tensor:
        if self.grounding is None:
            return table_VD
        table: Tensor = self._words_of(name)(table_VD, self.grounding.words, 0)
        return table

    def _with_code_rows(self, name: str, table_VD: Tensor) -> Tensor:
        if name not in self.code_rows:
            return table_VD
        table: Tensor = self.code_rows[name](table_VD, self.code_features, self._first_code)
        return table


def _told(x_BLD: Tensor, sequence: TokenSequence, conditions: Sequence[Condition]) -> Tensor:
    """Conditions, spread over the image span, added to its tokens."""
    for condition in conditions:
        values_BND = torch.where(condition.present[:, None, None], condition.values, 0).to(x_BLD.dtype)
        x_BLD = x_BLD.scatter_add(1, sequence.image_columns[..., None].expand_as(values_BND), values_BND)
    return x_BLD


@torch.no_grad()
def _draw(*parts: nn.Linear | nn.Embedding) -> None:
    """Weights of tables and attention from N(0, STD^2); biases 0. Experts know their own."""
    for part in parts:
        nn.init.normal_(part.weight, std=STD)
        if isinstance(part, nn.Linear):
            nn.init.zeros_(part.bias)


@torch.no_grad()
def _spread_words(text_size: int, std: float, *tables: nn.Linear | nn.Embedding) -> None:
    """Another standard deviation for drawn rows of words alone: large rows of codes delay drawing."""
    for table in tables:
        table.weight[:text_size] *= std / STD


def _code_rows(features: int, dim: int, tie: bool) -> nn.ModuleDict:
    """What makes rows of codes of features of theirs, one for each table."""
    of = {"embedding": dim} if tie else {"embedding": dim, "head": dim, "bias": 1}
    return nn.ModuleDict({name: CodeRows(features, width) for name, width in of.items()} if features else {})


def _grounding(
    text_size: int, features: int | None, dim: int, directions: int, tie: bool
) -> tuple[Grounding | None, nn.ModuleDict]:
    """What grounds words in so many features, and what makes rows of tables of their vectors."""
    if features is None:
        return None, nn.ModuleDict()
    rows = {name: CodeRows(directions, dim) for name in (("embedding",) if tie else ("embedding", "head"))}
    with torch.no_grad():
        for of in rows.values():
            of.weight.copy_(nn.init.orthogonal_(torch.empty(directions, dim, dtype=torch.float32)))  # no QR in 16 bits
    return Grounding(text_size, features, dim, directions), nn.ModuleDict(rows)


def _rotated(dim: int, heads: int, fraction: float) -> int:
    if heads < 1 or dim % heads:
        raise ConfigError(f"net.heads={heads}: they must divide net.dim={dim}")
    rotated = int(fraction * (dim // heads))
    if rotated % 2 or not 0 <= fraction <= 1:
        raise ConfigError(
            f"net.rotary_fraction={fraction} turns {rotated} of the {dim // heads} numbers of a head: "
            "it must be in [0, 1] and give an even number"
        )
    return rotated
