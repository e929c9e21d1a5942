"""The plan of a configuration, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import DictConfig

from unif2ace.planning.parameters import Weight, part_of, weights_of
from unif2ace.planning.sharding import ParallelLayout, layout, shares
from unif2ace.planning.subject import Subject, subject
from unif2ace.planning.tracing import Traced, trace


@dataclass(frozen=True, slots=True)
class Part:
    """Parameter counts of a part of the network.

    Attributes:
        total: All parameters.
        active: Parameters that one token uses, or one image if there are no tokens.
    """

    total: int
    active: int


@dataclass(frozen=True, slots=True)
class Rank:
    """Memory of one rank in bytes, and its FLOPs in a micro-batch.

    Attributes:
        ranks: Number of ranks.
        strategy: Parallelism.
        rows: Samples per rank in a micro-batch; None if the batch cannot be divided evenly;
            `step` and `total` are then None too.
        weights: Weights and buffers.
        gradients: Gradients of all weights.
        optimizer: Optimizer state.
        average: Moving average of the weights, if there is one.
        frozen: Frozen networks.
        gathered: Estimate of what FSDP gathers temporarily: weights and gradients of the root, weights of two blocks,
            and gradients of one.
        step: Counts of a micro-batch.
        total: Peak memory of a micro-batch: the sum of the entries above and `step.peak`.
    """

    ranks: int
    strategy: str
    rows: int | None
    weights: int
    gradients: int
    optimizer: int
    average: int
    frozen: int
    gathered: int
    step: Traced | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The resources of a run.

    Attributes:
        name: Name of the run.
        precision: The Trainer's precision.
        device: ``gpu`` or ``cpu``.
        optimizer: Class name of the optimizer.
        parameters: Parameter counts by part of the network.
        frozen: Parameter counts of the frozen networks, by name.
        ranks: The configured number of ranks first, then the requested ones.
        variants: Variants for the configured ranks: with and without gradient checkpointing, and the worst routing.
        accumulate: Micro-batches per step.
        steps: Steps of the run.
        tokens: Tokens per step, with padding; 0 for images only.
        forward: Floating-point operations of the forward pass per step on all ranks.
        backward: Floating-point operations of the backward pass per step on all ranks.
        frozen_work: Floating-point operations of the frozen networks per step on all ranks.
        notes: Assumptions.
    """

    name: str
    precision: str
    device: str
    optimizer: str
    parameters: dict[str, Part]
    frozen: dict[str, int]
    ranks: list[Rank]
    variants: dict[str, Traced]
    accumulate: int
    steps: int
    tokens: int
    forward: int
    backward: int
    frozen_work: int
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> Part:
        """Parameter counts of all parts."""
        return Part(sum(p.total for p in self.parameters.values()), sum(p.active for p in self.parameters.values()))

    def as_json(self) -> dict[str, Any]:
        """All values, with the sums."""
        return asdict(self) | {"total": asdict(self.total)}


def make_plan(config: DictConfig, ranks: Sequence[int] = ()) -> Plan:
    """Plans a configuration.

    Args:
        config: Composed from ``train.yaml``.
        ranks: Further numbers of ranks, with the same global batch.

    Raises:
        ConfigError: If the module cannot be built, or the batch cannot be divided evenly among the configured ranks.
    """
    found = subject(config)
    weights = weights_of(found.module)
    averaged = any(str(node.get("_target_", "")).endswith(".EMA") for node in (config.get("callbacks") or {}).values())
    here = layout(config)
    first = _rank(found, weights, here, averaged)
    further = [_rank(found, weights, layout(config, n), averaged) for n in ranks if n != here.ranks]
    if first.step is None:
        found.batch(here.data)  # raises the error that explains why
        raise AssertionError
    accumulate = int(config.trainer.accumulate_grad_batches)
    everywhere = accumulate * here.ranks
    return Plan(
        name=config.name,
        precision=found.precision,
        device="gpu" if found.gpu else "cpu",
        optimizer=str(config.optimizer.get("_target_", "")).rpartition(".")[2],
        parameters=_parts(weights),
        frozen=_frozen(found),
        ranks=[first, *further],
        variants=_variants(found, here, first.step),
        accumulate=accumulate,
        steps=int(config.trainer.max_steps),
        tokens=first.step.columns * here.data * accumulate,
        forward=first.step.forward * everywhere,
        backward=first.step.backward * everywhere,
        frozen_work=first.step.frozen * everywhere,
        notes=[*found.notes, *_notes(found, here)],
    )


def _rank(found: Subject, weights: Sequence[Weight], where: ParallelLayout, averaged: bool) -> Rank:
    own = shares(found, where)
    buffers = sum(buffer.nbytes for buffer in found.module.buffers())
    size = sum(own.numel[w.name] * w.itemsize for w in weights)
    still = {n: p for n, p in found.module.named_parameters() if not p.requires_grad}
    held = sum(own.numel[name] * p.element_size() for name, p in still.items()) + size + buffers
    frozen = sum(t.nbytes for net in found.frozen.values() for t in (*net.parameters(), *net.buffers()))
    state = sum(own.numel[w.name] * w.state + w.fixed for w in weights)
    gathered = 2 * own.units[-1] + 3 * max(own.units[:-1], default=0) if own.units else 0
    even = all(rows % where.data == 0 for rows, _ in found.rows.values())
    step = trace(found, where.data, where.tensor) if even else None
    rows = sum(rows for rows, _ in found.rows.values()) // where.data if even else None
    average = held * averaged
    fixed = held + size + state + average + frozen + gathered
    total = None if step is None else fixed + step.peak
    return Rank(where.ranks, str(where), rows, held, size, state, average, frozen, gathered, step, total)


def _parts(weights: Sequence[Weight]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for weight in weights:
        part = found.get(weight.part, Part(0, 0))
        found[weight.part] = Part(part.total + weight.numel, part.active + weight.active)
    return found


def _frozen(found: Subject) -> dict[str, int]:
    """Parameter counts of frozen networks, and of the frozen parts of the trained one."""
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in found.frozen.items()}
    for name, parameter in found.module.named_parameters():
        if not parameter.requires_grad:
            part = f"{part_of(name)} (frozen)"
            counts[part] = counts.get(part, 0) + parameter.numel()
    return counts


def _variants(found: Subject, where: ParallelLayout, configured: Traced) -> dict[str, Traced]:
    """Counts of the configured step with and without gradient checkpointing, and with the worst routing, if
    applicable.
    """
    flags = {m.gradient_checkpointing for m in found.module.net.modules() if hasattr(m, "gradient_checkpointing")}
    variants: dict[str, Traced] = {}
    for name, flag in (("activations kept", False), ("computed again", True)) if flags else ():
        variants[name] = configured if flags == {flag} else trace(found, where.data, where.tensor, flag)
    if any(type(m).__name__ == "RoutedExperts" for m in found.module.net.modules()):
        variants["as configured, worst routing"] = trace(found, where.data, where.tensor, load="worst")
    return variants


def _notes(found: Subject, where: ParallelLayout) -> list[str]:
    notes = []
    if found.module.net is not None and hasattr(found.module.net, "vocabulary"):
        notes.append(f"an upper bound: all texts have {found.max_text} ids, all image tokens are masked")
    if where.kind == "fsdp":
        notes.append("gathered by FSDP is an estimate, and so the total; all other rows are counted")
    return [*notes, "not counted: the libraries' own memory, fragmentation, the optimiser's temporaries"]
