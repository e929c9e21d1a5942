"""Options and results of scoring a system's outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY
from unif2ace.errors import ConfigError, check_list, nearest
from unif2ace.evaluation.corruptions import CORRUPTIONS
from unif2ace.evaluation.eval_set import EvalSet, Which

if TYPE_CHECKING:
    from rich.table import Table

    from unif2ace.evaluation.metrics.base import OutputMetric
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


@dataclass(frozen=True, slots=True)
class ScoreOptions:
    """Size of an evaluation.

    Attributes:
        samples: Maximum number of true faces. The system captions each face, and generates one from its caption.
        num_questions: Maximum number of questions. Each is also asked about another face, to measure the floor.
        num_paraphrases: Number of wordings per yes/no question, asked about at most four faces; 0 for none. The
            plain wording is also asked about each of these faces.
        caption: Which caption is the prompt: ``long``, ``short`` or ``any``.
        diverse: Number of prompts for which several faces are generated.
        seeds: Number of faces generated for each of the `diverse` prompts.
        at_least: An attribute is scored if at least this many captions state it and as many deny it.
        resamples: Number of bootstrap resamples for the confidence intervals.
        batch_size: Number of samples per batch of the model.
        seed: Seed of the chosen samples and of the generated faces.
        subgroups: Labels and fields, such as ``eyeglasses`` or ``gender``. The main value of each metric is also
            reported for each subgroup of faces.
        robustness: Names from `CORRUPTIONS`. Captions and answers are also scored on true faces with each corruption,
            at five strengths.

    Raises:
        ConfigError: If ``diverse``, ``seeds`` or ``batch_size`` is below 1, ``num_paraphrases`` below 0, or a subgroup
            or corruption is unknown.
    """

    samples: int = 256
    num_questions: int = 1000
    num_paraphrases: int = 20
    caption: Which = "long"
    diverse: int = 16
    seeds: int = 4
    at_least: int = 5
    resamples: int = 1000
    batch_size: int = 32
    seed: int = 0
    subgroups: Sequence[str] = ()
    robustness: Sequence[str] = ()

    def __post_init__(self) -> None:
        known = {"subgroups": (*TAXONOMY.labels, *TAXONOMY.fields), "robustness": CORRUPTIONS}
        for key, names in known.items():
            check_list(getattr(self, key), f"scores.{key}")
            for name in getattr(self, key):
                if name not in names:
                    mend = nearest(name, names) or f"; choose from {', '.join(names)}"
                    raise ConfigError(f"scores.{key}: there is no {name!r}{mend}")
        for name in ("diverse", "seeds", "batch_size"):
            if (value := getattr(self, name)) < 1:
                raise ConfigError(f"scores.{name}={value}: it must be 1 or more")
        if self.num_paraphrases < 0:
            raise ConfigError(f"scores.num_paraphrases={self.num_paraphrases}: it must be 0 or more")


@dataclass(slots=True)
class UnifiedScores:
    """Scores of a system, and the outputs they were computed from.

    Attributes:
        eval_set: The evaluation set.
        options: Size of the evaluation.
        outputs: The outputs.
        metrics: The metrics by name, each with its result.
        scores: All values by name, with intervals.
        described: Descriptions of the values, by metric and value name.
        conditions: By metric, the settings that must be equal to compare values, see `OutputMetric.conditions`.
        tables: Detailed tables by name.
    """

    eval_set: EvalSet
    options: ScoreOptions
    outputs: Outputs
    metrics: Mapping[str, OutputMetric]
    scores: dict[str, Score] = field(default_factory=dict)
    described: dict[str, dict[str, str]] = field(default_factory=dict)
    conditions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, float]:
        """All values by name; nan for those that cannot be measured."""
        return {name: score.value for name, score in self.scores.items()}
