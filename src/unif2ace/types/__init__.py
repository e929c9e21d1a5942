"""Dataclasses of tensors that the packages exchange. This package imports no other package of the project."""

from unif2ace.types.sequences import (
    CorruptedTokens,
    Logits,
    LogitsSpec,
    Role,
    SequenceParts,
    SpansOfImages,
    Task,
    TokenSequence,
    joined,
)
from unif2ace.types.steps import (
    Batch,
    Condition,
    Contrasts,
    Discrimination,
    LossTerm,
    Quantized,
    RouterStats,
    StepOutput,
    UnifiedStep,
)

__all__ = [
    "Batch",
    "Condition",
    "Contrasts",
    "CorruptedTokens",
    "Discrimination",
    "Logits",
    "LogitsSpec",
    "LossTerm",
    "Quantized",
    "Role",
    "RouterStats",
    "SequenceParts",
    "SpansOfImages",
    "StepOutput",
    "Task",
    "TokenSequence",
    "UnifiedStep",
    "joined",
]
