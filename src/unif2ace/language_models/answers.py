"""What an answer is: JSON that follows a schema, a refusal, or neither."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NoReturn

from unif2ace.errors import ConfigError
from unif2ace.language_models.chat import ChatReply, ChatRequest

_REFUSAL = re.compile(
    r"\W*(i\W?m (very |really )?(sorry|unable)|i am (sorry|unable|not able)|sorry\b|i apologi[sz]e"
    r"|(unfortunately,? )?i (can\W?t|can ?not|won\W?t|will not) |as an ai\b)",
    re.IGNORECASE,
)


def read_reply(request: ChatRequest, text: str, refusal: str | None, cut_off: bool) -> ChatReply:
    """The reply that an answer makes: its refusal, its JSON checked against the request's schema, or its error.

    Args:
        request: What was asked.
        text: The answer.
        refusal: Words with which the endpoint marks a refusal; None if it marks none.
        cut_off: Whether the answer ended at the maximum length.
    """
    text, parsed, error = text.strip(), None, None
    if refusal is None:
        parsed, error = _parse(text, request.schema)
        if (request.schema is None or error) and refused(text):
            refusal, parsed, error = text, None, None
    if error and cut_off:
        error = f"cut off at max_tokens={request.max_tokens} ({error})"
    return ChatReply(request.key, text, parsed, refusal, error, cut_off=cut_off)


def _parse(text: str, schema: Mapping[str, Any] | None) -> tuple[Any, str | None]:
    if not text:
        return None, "the answer is empty"
    if schema is None:
        return None, None
    try:
        parsed = read_json(text)
    except ValueError as error:
        return None, f"malformed JSON ({error})"
    fault = fault_of(parsed, schema)
    return (None, f"the JSON breaks its schema {fault}") if fault else (parsed, None)


def refused(text: str) -> bool:
    """Whether a text begins as refusals do, such as "I'm sorry, but I can't"."""
    return _REFUSAL.match(text) is not None


def read_json(text: str) -> Any:
    """The JSON value in an answer; a fence around it, or words before and after an object or array, are left out.

    Raises:
        ValueError: If there is none.
    """
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    start = re.search(r"[{\[]", text)
    if start is None:
        raise ValueError("no JSON object or array")
    try:
        return decoder.raw_decode(text, start.start())[0]
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def fault_of(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Where and how a value breaks a JSON schema, in one line; None if it follows it."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

    found = best_match(Draft202012Validator(schema).iter_errors(value))
    if found is None:
        return None
    words = found.message if len(found.message) <= 200 else found.message[:200] + "..."
    return f"at {found.json_path}: {words}"


def require(package: str, needed_by: str) -> None:
    """Checks that a package of the extra ``api`` is installed.

    Raises:
        ConfigError: If it is not.
    """
    if find_spec(package) is None:
        raise ConfigError(f"{needed_by} needs the package {package}: pip install 'unif2ace[api]'")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
