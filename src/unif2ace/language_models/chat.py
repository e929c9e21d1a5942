"""A request to a language model, its reply, and the protocol of everything that replies."""

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
    """One question to a language model.

    Attributes:
        key: Name of the request; the reply carries it.
        system: Instructions that hold for every request of a kind.
        user: The request itself.
        images: PNG, JPEG or WebP files as bytes; sent before the text.
        schema: JSON schema that the answer must follow; None for free text.
        max_tokens: Maximum length of the answer, in tokens.
        temperature: Sampling temperature; None leaves it to the endpoint.
        seed: Seed of the sampling where the endpoint knows one; None for none.
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
        """What the request is expected to use: about four letters a token, and the configured tokens an image.

        Args:
            prices: Says what an image counts as.
            completion_tokens: Expected length of the answer.
        """
        text = estimate_tokens(self.system) + estimate_tokens(self.user)
        return Usage(1, text + len(self.images) * prices.image_tokens, completion_tokens)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over everything but the key: equal requests have equal digests."""
        parts = [self.system, self.user, self.schema, self.max_tokens, self.temperature, self.seed]
        found = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
        for image in self.images:
            found.update(hashlib.sha256(image).digest())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The reply to a request. Exactly one of three holds: an answer, a refusal, an error.

    Attributes:
        key: Name of the request.
        text: The answer as it came; also kept beside a refusal or an error where there was one.
        parsed: The answer read as JSON; None without a schema, and if it does not follow the schema.
        refusal: Words with which the model declined; None if it did not.
        error: Why there is no usable answer; None if there is one.
        prompt_tokens: Tokens of all requests made for this reply, as the endpoint counts them; estimated from the
            letters where it reports none.
        completion_tokens: Tokens of all answers received for this reply, counted the same way.
        attempts: Number of requests made for this reply; 0 for a recorded one.
        cut_off: Whether the answer ended at `max_tokens`.
        answers: Number of answers received: 2 if the first was malformed, 0 if the endpoint gave none.
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
    """Whatever replies to requests."""

    @property
    def name(self) -> str:
        """Name of the model, for provenance and results."""

    @property
    def concurrency(self) -> int:
        """Number of requests in flight at once."""

    @property
    def prices(self) -> Prices:
        """Prices of tokens, for estimates and for what was spent."""

    def reply(self, request: ChatRequest) -> ChatReply:
        """The reply to a request; may be called from several threads at once, see `in_flight.replies`.

        Faults of one request are in the reply: a refusal, a malformed answer, an endpoint that gave none.

        Raises:
            ConfigError: If the endpoint refuses every request, such as for a wrong key.
            DataError: If the model keeps failing.
        """

    def close(self) -> None:
        """Cancels the requests in flight; their `reply` raises `DataError`."""


def media_type(image: bytes, key: str) -> str:
    """The media type of an image file, such as ``image/png``.

    Args:
        image: The file's bytes.
        key: Name of the request, for the error.

    Raises:
        DataError: If it is neither PNG, JPEG nor WebP.
    """
    for start, mime in _MIME.items():
        if image.startswith(start):
            return mime
    raise DataError(
        f"{key}: the picture is neither PNG, JPEG nor WebP (it starts with {image[:8]!r}): convert it first"
    )
