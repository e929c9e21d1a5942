"""A language model that grades."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unif2ace.errors import ConfigError
from unif2ace.evaluation.graders.base import Grade, GradeItem, Grades
from unif2ace.evaluation.graders.prompt import GradingPrompt
from unif2ace.language_models import ChatReply, ChatRequest, Endpoint, LanguageModel, Recording, Usage, replies_by_key


class LanguageModelGrader:
    """Sends each item to a language model, and reads the scores from the first line of the reply.

    Args:
        model: The model. It must accept images for metrics that grade pictures.
        cache: File that records the replies and answers equal requests, so that a killed evaluation can resume. None
            for no file.
        max_tokens: Maximum length of a reply in tokens.

    Raises:
        ConfigError: If `model` is None.
    """

    def __init__(
        self, model: LanguageModel | None = None, cache: str | Path | None = None, max_tokens: int = 256
    ) -> None:
        if model is None:
            raise ConfigError(
                "grader=language_model needs a model: set language_model=endpoint language_model.base_url=... "
                "language_model.model=..."
            )
        self._model: LanguageModel = Recording(file=cache, model=model) if cache is not None else model
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    def check(self, metric: str, sees: bool) -> None:
        """Checks that the API key is set, if the model needs one."""
        model = self._model.model if isinstance(self._model, Recording) else self._model
        if isinstance(model, Endpoint):
            model.read_key()

    def grade(self, items: Sequence[GradeItem], prompt: GradingPrompt) -> Grades:
        """Asks the model about each item; see `Grader.grade`."""
        requests = (
            ChatRequest(
                item.key,
                prompt.system,
                prompt.filled(item.fields),
                () if item.image is None else (item.image,),
                max_tokens=self._max_tokens,
            )
            for item in items
        )
        found = replies_by_key(self._model, requests)
        total = sum((reply.usage for reply in found.values()), Usage())
        usage = {
            "requests": total.requests,
            "prompt_tokens": total.prompt_tokens,
            "completion_tokens": total.completion_tokens,
        }
        return Grades({key: _grade(reply, prompt) for key, reply in found.items()}, usage)


def _grade(reply: ChatReply, prompt: GradingPrompt) -> Grade:
    if reply.error is not None:
        return Grade(reply.key, failure="error", text=reply.error)
    if reply.refusal is not None:
        return Grade(reply.key, failure="refusal", text=reply.refusal)
    scores = prompt.read(reply.text)
    return Grade(reply.key, scores or (), None if scores else "malformed", reply.text)
