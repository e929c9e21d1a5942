"""The step `caption` with a multimodal model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unif2ace.curation.asking import ModelClient, expected_usage, not_answered, usage_of
from unif2ace.curation.prompt import Prompt
from unif2ace.curation.step import Step, StepResult, StepUsage, with_metadata
from unif2ace.data.shards import Sample
from unif2ace.language_models import ChatRequest, LanguageModel

SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string", "minLength": 1, "maxLength": 4000}},
    "required": ["caption"],
    "additionalProperties": False,
}


class CaptionByModel(Step[Sample]):
    """Asks a model to describe each picture. A picture that the model refuses to describe is left out.

    Args:
        model: A model that reads images.
        prompt: A prompt file with the slots ``attributes`` and ``captions``; None for the default prompt.
        source_captions: Whether the prompt contains the sample's old captions. The sample keeps them in either case.
        max_tokens: Maximum length of a caption in tokens.
        temperature: Sampling temperature; None for the endpoint's default.
        seed: Sampling seed sent to the endpoint; None sends no seed.
    """

    name = "caption"

    def __init__(
        self,
        model: LanguageModel,
        prompt: str | None = None,
        *,
        source_captions: bool = True,
        max_tokens: int = 400,
        temperature: float | None = 0.0,
        seed: int | None = None,
    ) -> None:
        self._client, self._prompt = ModelClient(model), Prompt.load(prompt, self.name, ("captions",))
        self._source_captions, self._max_tokens = source_captions, max_tokens
        self._temperature, self._seed = temperature, seed
        self.concurrency = model.concurrency

    def describe(self) -> dict[str, Any]:
        """The model, the prompt's hash and the sampling settings."""
        return {
            "by": self._client.model.name,
            "prompt": self._prompt.hash,
            "source_captions": self._source_captions,
            "max_tokens": self._max_tokens,
            "temperature": self._temperature,
            "seed": self._seed,
        }

    def run(self, item: Sample) -> StepResult:
        """The sample with a new main caption. Its old captions are kept as further captions.

        Raises:
            DataError: If the endpoint gives no answer.
        """
        reply, prices = self._client.ask(self._request(item)), self._client.model.prices
        if result := not_answered(reply, prices):
            return result
        old = [text for text in (item.metadata.caption, *item.metadata.captions) if text]
        made = {"by": self._client.model.name, "prompt": self._prompt.hash}
        sample = with_metadata(
            item,
            self.name,
            caption=" ".join(reply.parsed["caption"].split()),
            captions=tuple(old),
            provenance={self.name: made},
        )
        return StepResult((sample,), usage=usage_of(reply, prices), notes={"answers": reply.answers})

    def estimate(self, samples: int, first: Sequence[Sample]) -> tuple[StepUsage, tuple[str, ...]]:
        """Assumes one request per sample and answers of half the maximum length."""
        prices = self._client.model.prices
        usage = expected_usage(map(self._request, first), samples, self._max_tokens // 2, prices)
        return usage, (f"each picture counts as {prices.image_tokens} input tokens (prices.image_tokens)",)

    def _request(self, item: Sample) -> ChatRequest:
        old = [text for text in (item.metadata.caption, *item.metadata.captions) if text]
        told = "\n".join(f"- {text}" for text in old) if self._source_captions else ""
        system, user = self._prompt.fill(captions=told)
        sampling: dict[str, Any] = {"max_tokens": self._max_tokens, "seed": self._seed}
        return ChatRequest(item.key, system, user, (item.image,), SCHEMA, temperature=self._temperature, **sampling)
