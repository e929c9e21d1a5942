"""Sequence-level experts: one choice of experts for all image tokens of a sequence.

Shapes: T tokens of all sequences, R sequences with an image, N image tokens, D width, E experts per group, C experts of
both groups that blend in a condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from unif2ace.errors import ConfigError, nearest
from unif2ace.nets.moe.base import MoEFactory, SequenceLayer, TokenLayer
from unif2ace.nets.moe.dense import DenseLayer
from unif2ace.nets.moe.feed_forwards.base import FeedForward
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.nets.moe.routers.base import Routing, group_of
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.types import Condition, RouterStats, SequenceParts

COPY, ZERO, NOISE, VISUAL = "copy", "zero", "noise", "visual"
"""Kinds of experts; ``visual`` stands for one expert per selected visual encoder."""
GEN = (COPY, ZERO, NOISE, COPY)
"""Experts of the generation group, as in the paper."""


class SequenceLevel(SequenceLayer):
    r"""Applies the experts that each sequence chose to its image tokens; maps (T, D) to (T, D).

    Sequence-level experts of UniF2ace (arXiv 2503.08120), with the experts of MoE++ (arXiv 2410.07348): ``copy``
    returns x and ``zero`` returns 0. Any other expert is named after a condition S and returns w x + (1 - w) S, where
    (w, 1 - w) is the softmax of two trained logits.

    All experts are affine in x, so the gated sum is :math:`a x + \sum_m c_m S_m` with one a and one c_m per sequence.
    The coefficients are combined without materialising the outputs of single experts. A trained scale multiplies the
    result.

    The router reads only the mean of the image tokens, so it does not make any text position depend on later positions.
    A sequence cannot choose an expert whose condition it lacks.

    Args:
        dim: D.
        gen: Names of the generation experts.
        und: Names of the understanding experts; the shorter of the two lists is padded with ``copy``.
        top_k: Number of experts per sequence; each list needs at least this many ``copy`` or ``zero`` experts.
        scale: Initial value of the trained scale.

    Raises:
        ConfigError: If a list has too few experts that every sequence can use.
    """

    blend: nn.Parameter | None
    """float (2 C,), logits of (w, 1 - w) of each blending expert; None if there is no such expert."""

    def __init__(self, dim: int, gen: Sequence[str], und: Sequence[str], top_k: int = 2, scale: float = 1.0) -> None:
        super().__init__()
        size = max(len(gen), len(und))
        self.names = tuple((*names, *[COPY] * (size - len(names))) for names in (gen, und))
        for key, names in zip(("gen_experts", "und_experts"), self.names, strict=True):
            if sum(name in (COPY, ZERO) for name in names) < top_k:
                raise ConfigError(
                    f"moe.{key}={list(names)}: at least {top_k} must be copy or zero, because a sequence may lack the "
                    "conditions of all other experts"
                )
        flat = [name for names in self.names for name in names]
        self.places = {e: name for e, name in enumerate(flat) if name not in (COPY, ZERO)}
        self.conditions = tuple(dict.fromkeys(self.places.values()))
        self.router = TopKRouter(dim, size, top_k, "sequence")
        blend = nn.Parameter(torch.zeros(2 * len(self.places)))  # one axis: no weight decay
        self.register_parameter("blend", blend if self.places else None)
        self.scale = nn.Parameter(torch.full((1,), float(scale)))

    def reset_parameters(self) -> None:
        """Sets w = 1/2 for all blending experts; the scale is unchanged."""
        if self.blend is not None:
            nn.init.zeros_(self.blend)

    def forward(
        self, x_TD: Tensor, sequences: SequenceParts, conditions: Mapping[str, Condition]
    ) -> tuple[Tensor, RouterStats | None]:
        """The update of the residual stream, (T, D), and the router statistics.

        Raises:
            ConfigError: If a condition's values do not fit the image span.
        """
        images = sequences.images
        if images is None:
            return self._nothing(x_TD, conditions), None
        flat = images.token.flatten()
        x_RND = x_TD.index_select(0, flat).view(*images.token.shape, x_TD.shape[1])
        group_R = group_of(images.task)
        routing = self._route(x_RND, group_R, images.whole, conditions)
        a_R, c = self._coefficients(routing, group_R)
        y_RND = x_RND * a_R[:, None, None].to(x_RND.dtype)
        for name, condition in conditions.items():
            if name in c:
                y_RND = torch.addcmul(y_RND, c[name][:, None, None].to(y_RND.dtype), _values(condition, name, y_RND))
        return torch.zeros_like(x_TD).index_add(0, flat, y_RND.flatten(0, 1)), routing.stats

    def upcycled(self) -> dict[str, Tensor]:
        """A scale of 0, with which the layer adds nothing until it is trained."""
        return {"scale": torch.zeros(1)}

    def _route(self, x_RND: Tensor, group_R: Tensor, whole_R: Tensor, conditions: Mapping[str, Condition]) -> Routing:
        rows, always = len(x_RND), torch.ones_like(whole_R)
        never = torch.zeros_like(whole_R)
        present = {name: conditions[name].present if name in conditions else never for name in self.conditions}
        flat = [present[self.places[e]] if e in self.places else always for e in range(2 * len(self.names[0]))]
        both_R2E = torch.stack(flat, 1).view(rows, 2, -1)
        available_RE = torch.where(group_R[:, None] == 1, both_R2E[:, 1], both_R2E[:, 0])
        mean_R1D = x_RND.mean(1, keepdim=True, dtype=torch.promote_types(x_RND.dtype, torch.float32))
        routing: Routing = self.router(mean_R1D, group_R, whole_R[:, None], available_RE)
        return routing

    def _coefficients(self, routing: Routing, group_R: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """a, float (R,), and c of each condition, float (R,), times the scale; 0 for sequences without an image."""
        gate_RK = routing.gate[:, 0] * self.scale.to(routing.gate.dtype)
        total = 2 * len(self.names[0])
        gate_RX = gate_RK.new_zeros(len(gate_RK), total + 1).scatter_add(1, routing.expert[:, 0], gate_RK)
        blend = self.blend if self.blend is not None else gate_RX.new_zeros(0)
        blend_C2 = blend.to(gate_RX.dtype).view(len(self.places), 2).softmax(-1)
        place = {e: n for n, e in enumerate(self.places)}
        flat = [name for names in self.names for name in names]
        a_R = gate_RX.new_zeros(len(gate_RX))
        c: dict[str, Tensor] = {}
        for e, name in enumerate(flat):
            if name == COPY:
                a_R = a_R + gate_RX[:, e]
            elif name != ZERO:
                a_R = a_R + gate_RX[:, e] * blend_C2[place[e], 0]
                c[name] = c.get(name, 0) + gate_RX[:, e] * blend_C2[place[e], 1]
        return a_R, c

    def _nothing(self, x_TD: Tensor, conditions: Mapping[str, Condition]) -> Tensor:
        """Zeros (T, D); in training attached to all unused inputs, because DDP waits for their gradients."""
        zeros = torch.zeros_like(x_TD)
        if not torch.is_grad_enabled():
            return zeros
        tied = [p.sum() for p in self.parameters()]
        tied += [_values(condition, "", None).sum() for condition in conditions.values()]
        return zeros + 0 * torch.stack([t.to(zeros.dtype) for t in tied]).sum()


def _values(condition: Condition, name: str, x_RND: Tensor | None) -> Tensor:
    """The condition's values (R, M, D), 0 for sequences that lack it."""
    values = torch.where(condition.present[:, None, None], condition.values, 0)
    if x_RND is None:
        return values
    if values.shape[0] != len(x_RND) or values.shape[1] not in (1, x_RND.shape[1]) or values.shape[2] != x_RND.shape[2]:
        raise ConfigError(
            f"condition {name}: values {tuple(values.shape)} do not fit the image span {tuple(x_RND.shape)}"
        )
    return values.to(x_RND.dtype)


class SequenceMoE(MoEFactory):
    """Sequence-level experts after a dense feed-forward network.

    Args:
        shared_ffn_dim: Hidden dimension of the feed-forward network; None for the network's default.
        gen_experts: Experts for generation: ``copy``, ``zero``, ``noise`` or the name of a visual encoder; ``visual``
            stands for one expert per visual encoder.
        und_experts: Experts for understanding; here ``visual`` stands for the encoders that `gen_experts` does not
            name. None for ``visual`` and ``copy`` experts: at least two, up to the length of `gen_experts`.
        top_k: Number of experts per sequence.
        residual_scale_init: Initial scale of the update; 0 for an upcycled model.
        feed_forward: Builds the feed-forward network from the model width and the hidden dimension.
    """

    def __init__(
        self,
        shared_ffn_dim: int | None = None,
        gen_experts: Sequence[str] = GEN,
        und_experts: Sequence[str] | None = None,
        top_k: int = 2,
        residual_scale_init: float = 1.0,
        feed_forward: Callable[..., FeedForward] = GELUFeedForward,
    ) -> None:
        self.feed_forward = feed_forward
        self.shared_ffn_dim, self.gen_experts, self.und_experts, self.top_k, self.residual_scale_init = (
            shared_ffn_dim,
            gen_experts,
            und_experts,
            top_k,
            residual_scale_init,
        )

    def token_layer(self, dim: int) -> TokenLayer:
        """One feed-forward network for all tokens."""
        return DenseLayer(dim, self.shared_ffn_dim, self.feed_forward)

    def sequence_layer(self, dim: int, conditions: Sequence[str]) -> SequenceLayer | None:
        """Sequence-level experts for these conditions."""
        return sequence_level(dim, conditions, self.gen_experts, self.und_experts, self.top_k, self.residual_scale_init)


def sequence_level(
    dim: int,
    conditions: Sequence[str],
    gen_experts: Sequence[str],
    und_experts: Sequence[str] | None,
    top_k: int,
    residual_scale_init: float,
) -> SequenceLevel:
    """Builds the sequence-level experts for the available conditions.

    Args:
        dim: Model width.
        conditions: Names of the visual encoders; `NOISE` is always available.
        gen_experts: As in `SequenceMoE`.
        und_experts: As in `SequenceMoE`.
        top_k: As in `SequenceMoE`.
        residual_scale_init: As in `SequenceMoE`.

    Raises:
        ConfigError: If an expert needs a condition that is not available: it would never be chosen.
    """
    gen_experts = _named("gen_experts", gen_experts, conditions, conditions)
    own = [name for name in conditions if name != NOISE and name not in gen_experts]
    und_experts = _named(
        "und_experts", [VISUAL, *[COPY] * max(2, top_k)] if und_experts is None else und_experts, own, conditions
    )
    return SequenceLevel(dim, gen_experts, und_experts, top_k, residual_scale_init)


def _named(key: str, names: Sequence[str], each: Sequence[str], conditions: Sequence[str]) -> list[str]:
    """The list with ``visual`` expanded, after a check of every name."""
    known = list(dict.fromkeys([COPY, ZERO, NOISE, *conditions]))
    for name in names:
        if name not in (*known, VISUAL):
            raise ConfigError(
                f"moe.{key}: there is no expert {name!r}{nearest(name, known)}; choose from {', '.join(known)}, "
                f"or {VISUAL} for one expert per selected visual_encoder"
            )
    return [spelled for name in names for spelled in (each if name == VISUAL else [name])]
