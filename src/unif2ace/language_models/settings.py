"""Settings of an OpenAI-compatible endpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from unif2ace.errors import ConfigError
from unif2ace.language_models.prices import Prices

STRUCTURED = ("json_schema", "json_object", "prompt")
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
_MOST_IN_FLIGHT = 1000


@dataclass(kw_only=True, eq=False)
class EndpointSettings:
    """Address, limits and prices of an endpoint.

    Attributes:
        base_url: Address without ``/chat/completions``, such as ``https://api.openai.com/v1``.
        model: Name of the model at the endpoint.
        key_variable: Name of the environment variable that holds the API key; None if the server needs no key.
        concurrency: Maximum number of concurrent requests, from 1 to 1000.
        timeout: Timeout of one request in seconds, above 0.
        retries: Maximum number of retries of a failed request, from 0 to 100. Failures are: no connection, a timeout,
            status 408, 409 or 5xx, or a response that is not a chat completion.
        max_wait: Maximum total time in seconds that one request waits for rate limits (status 429), at least 0.
        max_failures: Stop after this many consecutive requests failed despite the retries; at least 1.
        structured: How the JSON schema is sent. ``json_schema``: as the response format. ``json_object``: in the system
            message, with the response format ``json_object``. ``prompt``: in the system message only.
        token_limit: Name of the request field for the maximum answer length: ``max_tokens`` or
            ``max_completion_tokens``.
        image_detail: OpenAI's image ``detail``: auto, low or high; None omits the field.
        extra_body: Additional fields of every request; None for none.
        prices: Prices of tokens.
    """

    base_url: str
    model: str
    key_variable: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 5
    max_wait: float = 600.0
    max_failures: int = 10
    structured: str = "json_schema"
    token_limit: str = "max_tokens"
    image_detail: str | None = None
    extra_body: Mapping[str, Any] | None = None
    prices: Prices = field(default_factory=Prices)

    def __post_init__(self) -> None:
        self._check_url()
        if not self.model:
            raise ConfigError("language_model.model is empty: set it to the name of the model at the endpoint")
        if self.key_variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.key_variable):
            raise ConfigError(
                "language_model.key_variable is not the name of an environment variable (the value is not shown, "
                "because it may be a key): store the key in an environment variable, and set "
                "language_model.key_variable to the name of this variable, such as OPENAI_API_KEY"
            )
        limits = {"concurrency": (1, _MOST_IN_FLIGHT), "retries": (0, 100), "max_failures": (1, 10**9)}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"language_model.{name}={value}: must be from {least} to {most}")
        if not self.timeout > 0 or not self.max_wait >= 0:
            raise ConfigError(
                f"language_model.timeout={self.timeout}, language_model.max_wait={self.max_wait}: the timeout must be "
                "above 0 seconds, and max_wait at least 0 seconds"
            )
        for name, known in {"structured": STRUCTURED, "token_limit": TOKEN_LIMITS}.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"language_model.{name}={getattr(self, name)}: must be one of {', '.join(known)}")

    def read_key(self) -> str:
        """Reads the API key from the environment variable `key_variable`; empty if `key_variable` is None.

        Raises:
            ConfigError: If the environment variable is not set.
        """
        if self.key_variable is None:
            return ""
        key = os.environ.get(self.key_variable, "").strip()
        if not key:
            raise ConfigError(
                f"language_model.key_variable={self.key_variable}: the environment variable is not set; export it, "
                "or set language_model.key_variable=null for an endpoint that needs no key"
            )
        return key

    def _check_url(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.username or parts.password or parts.query:
            raise ConfigError(
                "language_model.base_url contains a user, a password or a query (the value is not shown, because it "
                "may contain a key): remove this part, and set language_model.key_variable to the name of the "
                "environment variable with the key"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"language_model.base_url={self.base_url!r}: must be an address such as https://api.openai.com/v1"
            )
        if parts.path.rstrip("/").endswith("/chat/completions"):
            raise ConfigError(f"language_model.base_url={self.base_url!r}: remove /chat/completions from the address")
