"""Classifies the answer of a language model: valid JSON, a refusal, or an error."""

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
    """Turns an answer into a reply: its JSON checked against the request's schema, a refusal, or an error.

    Args:
        request: The request.
        text: Text of the answer.
        refusal: Refusal text that the endpoint returned; None if it returned none.
        cut_off: Whether the answer was cut off at `ChatRequest.max_tokens`.
    """
    text, parsed, error = text.strip(), None, None
    if refusal is None:
        parsed, error = _parse(text, request.schema)
        if (request.schema is None or error) and refused(text):
            refusal, parsed, error = text, None, None
    if error and cut_off:
        error = f"the answer was cut off at max_tokens={request.max_tokens} ({error})"
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
    return (None, f"the JSON does not follow its schema {fault}") if fault else (parsed, None)


def refused(text: str) -> bool:
    """Whether a text begins like a refusal, such as "I'm sorry, but I can't"."""
    return _REFUSAL.match(text) is not None


def read_json(text: str) -> Any:
    """Parses the first JSON object or array in a text. Text before and after it, such as a code fence, is ignored.

    Raises:
        ValueError: If the text has no valid JSON object or array.
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
    """The most relevant violation of a JSON schema by a value, in one line; None if the value is valid."""
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
        ConfigError: If the package is not installed.
    """
    if find_spec(package) is None:
        raise ConfigError(f"{needed_by} needs the package {package}: pip install 'unif2ace[api]'")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
