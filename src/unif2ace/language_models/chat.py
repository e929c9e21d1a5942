"""A request to a language model, its reply, and the protocol of language models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from unif2ace.errors import DataError
from unif2ace.language_models.prices import Prices, Usage, estimate_tokens

_MIME = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to a language model.

    Attributes:
        key: Name of the request, which the reply repeats.
        system: System message: instructions that many requests share.
        user: User message: the text of this request.
        images: PNG, JPEG or WebP files as bytes, sent before the user message.
        schema: JSON schema that the answer must follow; None for free text.
        max_tokens: Maximum length of the answer, in tokens.
        temperature: Sampling temperature; None uses the default of the endpoint.
        seed: Sampling seed, if the endpoint supports seeds; None sends no seed.
    """

    key: str
    system: str
    user: str
    images: tuple[bytes, ...] = ()
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 512
    temperature: float | None = 0.0
    seed: int | None = None

    def expected_usage(self, prices: Prices, completion_tokens: int) -> Usage:
        """Estimates the tokens of the request: one per four characters, and `Prices.image_tokens` per image.

        Args:
            prices: Prices, for the number of tokens per image.
            completion_tokens: Expected length of the answer, in tokens.
        """
        text = estimate_tokens(self.system) + estimate_tokens(self.user)
        return Usage(1, text + len(self.images) * prices.image_tokens, completion_tokens)

    @property
    def digest(self) -> str:
        """SHA-256 of all fields except the key, 64 hexadecimal digits. Equal requests have equal digests."""
        parts = [self.system, self.user, self.schema, self.max_tokens, self.temperature, self.seed]
        found = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
        for image in self.images:
            found.update(hashlib.sha256(image).digest())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The reply to a request: an answer, a refusal, or an error.

    Attributes:
        key: Name of the request.
        text: Raw text of the answer. With a refusal or an error, the text of the refused or malformed answer, if any.
        parsed: The answer parsed as JSON; None if the request has no schema or the answer does not follow the schema.
        refusal: Text of the refusal; None if the model did not refuse.
        error: Why there is no usable answer; None if there is an answer or a refusal.
        prompt_tokens: Input tokens of all requests for this reply, as reported by the endpoint; otherwise estimated
            from the number of characters.
        completion_tokens: Output tokens of all requests for this reply, reported or estimated like `prompt_tokens`.
        attempts: Number of HTTP requests for this reply; 0 for a recorded reply.
        cut_off: Whether the answer was cut off at `ChatRequest.max_tokens`.
        answers: Number of answers received: 2 if the first was malformed, 0 if the endpoint sent none.
    """

    key: str
    text: str = ""
    parsed: Any = None
    refusal: str | None = None
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    attempts: int = 0
    cut_off: bool = False
    answers: int = 1

    @property
    def usage(self) -> Usage:
        """Requests and tokens of this reply."""
        return Usage(self.attempts, self.prompt_tokens, self.completion_tokens)

    @property
    def ok(self) -> bool:
        """Whether there is an answer: no refusal and no error."""
        return self.refusal is None and self.error is None


class LanguageModel(Protocol):
    """Protocol of objects that reply to `ChatRequest` objects."""

    @property
    def name(self) -> str:
        """Name of the model, for provenance and results."""

    @property
    def concurrency(self) -> int:
        """Maximum number of concurrent requests."""

    @property
    def prices(self) -> Prices:
        """Prices of tokens, for cost estimates and for the cost so far."""

    def reply(self, request: ChatRequest) -> ChatReply:
        """Returns the reply to a request. Must be thread-safe, see `in_flight.replies`.

        If only this request fails, the reply holds the failure: a refusal, a malformed answer, or no answer.

        Raises:
            ConfigError: If the endpoint would reject every request, for example because of a wrong key.
            DataError: If too many consecutive requests fail.
        """

    def close(self) -> None:
        """Cancels the running requests: their calls of `reply` raise `DataError`."""


def media_type(image: bytes, key: str) -> str:
    """The media type of an image file, such as ``image/png``.

    Args:
        image: Content of the file.
        key: Name of the request, for the error message.

    Raises:
        DataError: If the file is neither PNG, JPEG nor WebP.
    """
    for start, mime in _MIME.items():
        if image.startswith(start):
            return mime
    raise DataError(
        f"{key}: the image is neither PNG, JPEG nor WebP (its first bytes are {image[:8]!r}): convert the image first"
    )
