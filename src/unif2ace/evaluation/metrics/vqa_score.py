"""VQAScore of generated faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError
from unif2ace.evaluation.metrics.base import OutputMetric

if TYPE_CHECKING:
    from unif2ace.evaluation.eval_set import EvalSet
    from unif2ace.evaluation.metrics.base import Setting
    from unif2ace.evaluation.outputs import Outputs
    from unif2ace.metrics.scores import Score


class VQAScoreMetric(OutputMetric):
    """VQAScore (arXiv 2404.01291): probability that a model answers "Yes" if asked whether a face shows its prompt.

    For comparison, it is also computed for the true faces (ceiling) and for shuffled prompts (floor).

    Args:
        answer_likelihood: Builds the model that answers.
        question: Template of the question, with ``{}`` for the prompt; None for the paper's question.

    Raises:
        ConfigError: If the template has no ``{}``.
    """

    needs = frozenset({"generated"})

    def __init__(self, answer_likelihood: Callable[[], Any] | None = None, question: str | None = None) -> None:
        from unif2ace.metrics.scores.vqa_score import QUESTION

        question = QUESTION if question is None else question
        if "{}" not in question:
            raise ConfigError(f"metric.vqa_score.question={question!r}: it must contain {{}} in place of the prompt")
        self._make, self._question = answer_likelihood, question

    def prepare(self, setting: Setting) -> None:
        """Loads the model.

        Raises:
            ConfigError: If `answer_likelihood` is None, or the model cannot be loaded.
        """
        super().prepare(setting)
        if self._make is None:
            raise ConfigError("metric.vqa_score.answer_likelihood is not set: select answer_likelihood=unified")
        self._model = self._make()

    def update(self, eval_set: EvalSet, outputs: Outputs) -> None:
        """Scores generated and true faces with their own prompts, and generated faces with shuffled prompts."""
        from unif2ace.evaluation.eval_set import others

        count, prompts = len(eval_set), list(eval_set.prompts)
        made = outputs.generated_images(eval_set)
        elsewhere = [prompts[n] for n in others(count, self.setting.seed)] if count > 1 else prompts
        rows = {
            "vqa_score": (made, prompts),
            "vqa_score_true": (eval_set.images, prompts),
            "vqa_score_shuffled": (made, elsewhere),
        }
        self._keys = eval_set.keys
        self._values = {name: self._scores(outputs, name, eval_set, *row) for name, row in rows.items()}

    def _scores(self, outputs: Outputs, name: str, eval_set: EvalSet, images: Any, texts: list[str]) -> Any:
        import torch

        from unif2ace.metrics.scores.vqa_score import vqa_scores

        known: dict[tuple[str, str], float] = outputs.shared((name, self._model.name, self._question), dict)
        items = list(zip(eval_set.keys, texts, strict=True))
        missing = [number for number, item in enumerate(items) if item not in known]
        if missing:
            found = vqa_scores(self._model, images[missing], [texts[n] for n in missing], self._question)
            known.update({items[number]: one for number, one in zip(missing, found.tolist(), strict=True)})
        return torch.tensor([known[item] for item in items], dtype=torch.float64)

    def compute(self) -> Mapping[str, Score]:
        """``vqa_score``, ``vqa_score_true`` (true faces) and ``vqa_score_shuffled`` (other prompts), 0 to 1."""
        from unif2ace.metrics.scores import bootstrap_mean

        how: dict[str, Any] = {"resamples": self.setting.resamples, "seed": self.setting.seed}
        return {name: bootstrap_mean(values_S, **how) for name, values_S in self._values.items()}

    def describe(self) -> Mapping[str, str]:
        """The model that answers."""
        return {
            "vqa_score": f'probability of "Yes" by {self._model.name}',
            "vqa_score_true": "the true faces",
            "vqa_score_shuffled": "prompts of other faces",
        }

    def conditions(self) -> Mapping[str, Any]:
        """The model that answers, and the question."""
        return {"answer_likelihood": self._model.name, "question": self._question}

    def samples(self) -> Mapping[str, Mapping[str, float]]:
        """The score of each face."""
        return {"vqa_score": dict(zip(self._keys, self._values["vqa_score"].tolist(), strict=True))}
