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
    """How to reach a model, how often to try, and what it costs.

    Attributes:
        base_url: Address up to and without ``/chat/completions``, such as ``https://api.openai.com/v1``.
        model: Name of the model at the endpoint.
        key_variable: Name of the environment variable that holds the key; None for a server that needs none.
        concurrency: Number of requests in flight, from 1 to 1000.
        timeout: Seconds that one request may take, above 0.
        retries: Number of times that a request is repeated after a fault: no connection, time-out, status 408, 409 or
            5xx, or a response that is not a chat completion; at least 0.
        max_wait: Longest time in seconds that a request waits in all for a rate limit (status 429), at least 0.
        max_failures: Stop after this many requests in a row failed for good; at least 1.
        structured: How the endpoint receives a JSON schema: ``json_schema`` or ``json_object`` as its response format,
            or ``prompt``, as words of the system message only.
        token_limit: Name under which the endpoint receives the length of the answer.
        image_detail: OpenAI's ``detail`` of images: auto, low or high; None leaves it out.
        extra_body: Further fields of every request; None for none.
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
            raise ConfigError("language_model.model is empty: give the model's name at the endpoint")
        if self.key_variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.key_variable):
            raise ConfigError(
                "language_model.key_variable is not the name of an environment variable (not shown: it may be a key): "
                "put the key into a variable and give the variable's name, such as OPENAI_API_KEY"
            )
        limits = {"concurrency": (1, _MOST_IN_FLIGHT), "retries": (0, 100), "max_failures": (1, 10**9)}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ConfigError(f"language_model.{name}={value}: {least} to {most} is needed")
        if not self.timeout > 0 or not self.max_wait >= 0:
            raise ConfigError(
                f"language_model.timeout={self.timeout}, max_wait={self.max_wait}: seconds above 0 are needed"
            )
        for name, known in {"structured": STRUCTURED, "token_limit": TOKEN_LIMITS}.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"language_model.{name}={getattr(self, name)}: it must be one of {', '.join(known)}")

    def read_key(self) -> str:
        """The key, from its environment variable; empty if none is needed.

        Raises:
            ConfigError: If the variable is not set.
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
                "language_model.base_url holds a user, password or query (not shown: it may be a key): leave it out "
                "and name the key's environment variable in language_model.key_variable"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"language_model.base_url={self.base_url!r}: an address such as https://api.openai.com/v1 is needed"
            )
        if parts.path.rstrip("/").endswith("/chat/completions"):
            raise ConfigError(f"language_model.base_url={self.base_url!r}: leave /chat/completions out")
