"""The HTTP client of an endpoint: repeats failed requests, and waits for rate limits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unif2ace.errors import ConfigError, DataError
from unif2ace.language_models.retrying import backoff, retry_after
from unif2ace.language_models.settings import EndpointSettings

if TYPE_CHECKING:
    import openai

_WORDS = 300
_REPEATED = {408, 409}
_TOO_MANY = 429
_SERVER_FAULT = 500
_FATAL = {
    401: "check the API key in the environment variable that language_model.key_variable names",
    403: "the API key gives no access to this model: check the key, or choose another language_model.model",
    404: "check language_model.base_url and language_model.model",
}


@dataclass(frozen=True, slots=True)
class Completion:
    """A chat completion of the endpoint.

    Attributes:
        text: Text of the answer; may be empty.
        refusal: Refusal text that the endpoint returned; None if it returned none.
        cut_off: Whether the answer was cut off at `ChatRequest.max_tokens`.
        prompt_tokens: Number of input tokens; None if the endpoint does not report it.
        completion_tokens: Number of output tokens; None if the endpoint does not report it.
        attempts: Number of HTTP requests for this answer.
    """

    text: str
    refusal: str | None
    cut_off: bool
    prompt_tokens: int | None
    completion_tokens: int | None
    attempts: int


class RequestFailedError(Exception):
    """A request failed after all retries.

    Attributes:
        attempts: Number of HTTP requests made.
    """

    def __init__(self, words: str, attempts: int) -> None:
        super().__init__(words)
        self.attempts = attempts


class Session:
    """Sends requests, and repeats those that fail.

    Args:
        settings: Settings of the endpoint.
        key: API key; empty for none. Answers and error messages that contain the key show ``[key]`` instead.
    """

    def __init__(self, settings: EndpointSettings, key: str) -> None:
        import openai

        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it writes a line for every request
        self._settings = settings
        self._key = key
        self._open_at = 0.0
        self._client = openai.AsyncOpenAI(
            base_url=settings.base_url, api_key=key or "none", timeout=settings.timeout, max_retries=0
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def complete(self, body: Mapping[str, Any]) -> Completion:
        """Sends one request, and repeats it until the endpoint answers.

        Args:
            body: Fields of the request.

        Raises:
            RequestFailedError: If this request failed after all retries, or cannot succeed.
            ConfigError: If the endpoint would reject every request, for example because of a wrong key.
            DataError: If the endpoint asks to wait longer than `max_wait`.
        """
        import openai

        attempts = faults = limited = 0
        waited = 0.0
        while True:
            await asyncio.sleep(max(self._open_at - time.monotonic(), 0.0))
            attempts += 1
            try:
                async with asyncio.timeout(self._settings.timeout):
                    found: Any = await self._client.chat.completions.create(**body)
                return self._read(found, attempts)
            except openai.RateLimitError as error:
                self._check_quota(error)
                limited += 1
                waited += self._wait_for(error, backoff(limited), waited)
                continue
            except openai.APIStatusError as error:
                if filtered := self._filtered(error, attempts):
                    return filtered
                fault = self._fault(error, attempts)
                seconds = self._wait_for(error, backoff(faults + 1), waited, shared=False)
            except (openai.APITimeoutError, TimeoutError):
                fault, seconds = f"no answer within {self._settings.timeout:g} s", backoff(faults + 1)
            except openai.APIConnectionError as error:
                cause = error.__cause__ or error
                fault, seconds = f"no connection ({type(cause).__name__}: {self._clean(cause)})", backoff(faults + 1)
            except (openai.APIError, ValueError) as error:
                fault, seconds = f"the response is not a chat completion ({self._clean(error)})", backoff(faults + 1)
            faults += 1
            if faults > self._settings.retries:
                raise RequestFailedError(f"{fault}, after {attempts} requests", attempts)
            await asyncio.sleep(seconds)

    def _read(self, found: Any, attempts: int) -> Completion:
        choices: Any = getattr(found, "choices", None)
        message = getattr(choices[0], "message", None) if choices else None
        if message is None:
            raise ValueError("the field choices is missing or empty")
        finish, usage = choices[0].finish_reason, getattr(found, "usage", None)
        text = message.content if isinstance(message.content, str) else ""
        refusal = getattr(message, "refusal", None) or ("content filter" if finish == "content_filter" else None)
        return Completion(
            text=text.replace(self._key, "[key]") if self._key else text,
            refusal=refusal,
            cut_off=finish == "length",
            prompt_tokens=getattr(usage, "prompt_tokens", None),
            completion_tokens=getattr(usage, "completion_tokens", None),
            attempts=attempts,
        )

    def _wait_for(self, error: openai.APIStatusError, otherwise: float, waited: float, shared: bool = True) -> float:
        asked = retry_after(error.response.headers)
        seconds = otherwise if asked is None else max(asked, 0.0)
        if waited + seconds > self._settings.max_wait:
            raise DataError(
                f"{self._settings.base_url}: status {error.status_code}: the total waiting time of a request would be "
                f"{waited + seconds:,.0f} s, more than language_model.max_wait={self._settings.max_wait:g}; run the "
                "same command later, raise language_model.max_wait, or lower language_model.concurrency"
            )
        if shared:
            self._open_at = max(self._open_at, time.monotonic() + seconds)
        return seconds

    def _check_quota(self, error: openai.RateLimitError) -> None:
        if "insufficient_quota" in (error.code, error.type):
            raise ConfigError(
                f"{self._settings.base_url}: the account has no credit left ({self._clean(error)}): add credit, then "
                "run the same command again"
            )

    def _fault(self, error: openai.APIStatusError, attempts: int) -> str:
        status, words = error.status_code, self._clean(error)
        if status in _FATAL:
            raise ConfigError(f"{self._settings.base_url}: status {status} ({words}): {_FATAL[status]}")
        if status not in _REPEATED and status < _SERVER_FAULT:
            unknown = status == 400 and self._settings.structured != "prompt"
            hint = "; if the endpoint has no JSON schemas, set language_model.structured=prompt" if unknown else ""
            raise RequestFailedError(f"status {status} ({words}){hint}", attempts)
        return f"status {status} ({words})"

    def _filtered(self, error: openai.APIStatusError, attempts: int) -> Completion | None:
        if error.code != "content_filter":
            return None
        return Completion("", f"content filter: {self._clean(error)}", False, None, None, attempts)

    def _clean(self, error: BaseException) -> str:
        words = " ".join(str(error).split())
        response = getattr(error, "response", None)
        if response is not None and words == f"Error code: {response.status_code}":
            words = f"{words} - {' '.join(response.text.split())}"  # of servers that send no error object
        words = words.replace(self._key, "[key]") if self._key else words
        return words if len(words) <= _WORDS else words[:_WORDS] + "..."
