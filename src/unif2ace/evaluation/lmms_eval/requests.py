"""lmms-eval's requests, answered by a pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unif2ace.errors import DataError


class RequestAnswerer:
    """Answers requests with a `FacePipeline`.

    Args:
        pipe: The pipeline.
    """

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe

    def generate(self, request: Sequence[Any], documents: Mapping[str, Any]) -> str:
        """The answer to a text generation request.

        Args:
            request: (context, options, function from a document to its pictures, document index, task, split).
            documents: Documents by task, split and index.

        Raises:
            DataError: If the question does not have exactly one picture.
        """
        context, options, visuals, number, task, split = request
        picture = _picture(visuals(documents[task][split][number]), task, number)
        text = str(self._pipe.ask(picture, _question(context), max_new=int(options.get("max_new_tokens", 64))))
        until = options.get("until") or ()
        for stop in [until] if isinstance(until, str) else until:
            text = text.split(stop, maxsplit=1)[0] if stop else text
        return text

    def likelihood(self, request: Sequence[Any], documents: Mapping[str, Any]) -> tuple[float, bool]:
        """Log-likelihood of a continuation in nats, and whether the model's own answer starts with it.

        Args:
            request: (context, continuation or function from a document to it, function from a document to its pictures,
                document index, task, split).
            documents: Documents by task, split and index.

        Raises:
            DataError: If the question does not have exactly one picture.
        """
        import torch

        from unif2ace.data.images import read_pictures, stacked
        from unif2ace.nets.transformer.decoding_text import answer_log_likelihood

        context, target, visuals, number, task, split = request
        document = documents[task][split][number]
        picture, question = _picture(visuals(document), task, number), _question(context)
        answer = str(target(document) if callable(target) else target).strip()
        model = self._pipe.model
        pictures = stacked(read_pictures([picture], model.image_size)[0])
        prefix, conditions = model.asked(pictures, [question])
        ids, length = model.ids([answer])
        with torch.inference_mode():
            log_p = answer_log_likelihood(model.net, prefix, ids[:, None], length[:, None], conditions, end=False)
        return float(log_p[0, 0]), str(self._pipe.ask(picture, question)).startswith(answer)


def _picture(visuals: Sequence[Any], task: str, number: int) -> Any:
    if len(visuals) != 1:
        raise DataError(
            f"{task}, document {number}: {len(visuals)} pictures, but the model reads one: choose tasks with one "
            "picture per question"
        )
    return visuals[0]


def _question(context: str) -> str:
    return context.replace("<image>", "").strip()
