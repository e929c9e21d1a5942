"""Sends the requests of steps to a language model, and turns replies into step results with their usage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b

from unif2ace.curation.step import StepResult, StepUsage
from unif2ace.data.shards import Sample
from unif2ace.errors import DataError
from unif2ace.language_models import ChatReply, ChatRequest, LanguageModel, Prices

REFUSED, MALFORMED = "model_refused", "malformed_answer"


class ModelClient:
    """Asks a model for one sample at a time.

    Args:
        model: The model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self._was_answered = False

    def ask(self, request: ChatRequest) -> ChatReply:
        """The reply to a request: an answer, a refusal or a malformed answer.

        Raises:
            ConfigError: If the endpoint rejects every request, for example because of a wrong API key.
            DataError: If the endpoint gave no answer. The sample stays unfinished, and the next run asks again.
        """
        reply = self.model.reply(request)
        rejected = reply.error is not None and reply.error.startswith("status 4")
        if reply.error is not None and not reply.answers and not (rejected and self._was_answered):
            raise DataError(
                f"{request.key}: {self.model.name} gave no answer: {reply.error}; run the same command again: finished "
                "samples are kept"
            )
        self._was_answered = self._was_answered or reply.answers > 0
        return reply


def usage_of(reply: ChatReply, prices: Prices) -> StepUsage:
    """The requests, tokens and cost of a reply."""
    return StepUsage(reply.attempts, reply.prompt_tokens, reply.completion_tokens, prices.cost(reply.usage))


def expected_usage(requests: Iterable[ChatRequest], samples: float, answer_tokens: int, prices: Prices) -> StepUsage:
    """Extrapolates the usage of a few example requests to `samples` requests.

    Args:
        requests: Example requests.
        samples: Total number of requests.
        answer_tokens: Expected length of an answer, in tokens.
        prices: Prices of tokens.
    """
    each = [request.expected_usage(prices, answer_tokens) for request in requests]
    if not each:
        return StepUsage(requests=round(samples))
    total = [StepUsage(u.requests, u.prompt_tokens, u.completion_tokens, prices.cost(u)) for u in each]
    return sum(total, StepUsage()).times(samples / len(total))


def not_answered(reply: ChatReply, prices: Prices, sample: Sample | None = None) -> StepResult | None:
    """The result for a refusal or a malformed answer; None for a good answer.

    Args:
        reply: The reply.
        prices: Prices of tokens.
        sample: Sample to keep in the result; None leaves the sample out.
    """
    if reply.ok:
        return None
    outcome, words = (REFUSED, reply.refusal) if reply.refusal is not None else (MALFORMED, reply.error)
    kept = () if sample is None else (sample,)
    notes = {"answer": reply.text[:1000], "answers": reply.answers}
    return StepResult(kept, outcome, str(words)[:300], usage_of(reply, prices), notes)


def seed_of(seed: int, key: str) -> int:
    """A seed for the sample with this key, from 0 to 2**48 - 1."""
    return int.from_bytes(blake2b(f"{seed}/{key}".encode(), digest_size=6).digest(), "big")


def without_questions(sample: Sample) -> Sample:
    """The sample without its questions."""
    return replace(sample, metadata=replace(sample.metadata, qa=()))
