"""Sends a request, and sends it once more if the answer is malformed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unif2ace.language_models.answers import read_reply
from unif2ace.language_models.chat import ChatReply, ChatRequest, media_type
from unif2ace.language_models.prices import Usage, estimate_tokens
from unif2ace.language_models.session import Completion, RequestFailedError, Session
from unif2ace.language_models.settings import EndpointSettings

_TRIES = 2
_JSON = "Answer with one JSON value that follows the schema, and with nothing else."


@dataclass(frozen=True, slots=True)
class Failed:
    """The result of a request that got no answer from the endpoint.

    Attributes:
        reply: A reply whose `error` names the cause.
    """

    reply: ChatReply


class ChatConversation:
    """Turns requests into replies.

    Args:
        settings: Settings of the endpoint.
        session: Sends the HTTP requests.
    """

    def __init__(self, settings: EndpointSettings, session: Session) -> None:
        self._settings = settings
        self._session = session

    async def reply(self, request: ChatRequest) -> ChatReply | Failed:
        """Sends a request. If the answer is malformed, asks once more and names the error.

        Raises:
            ConfigError: If the endpoint would reject every request, for example because of a wrong key.
            DataError: If the endpoint asks to wait longer than `max_wait`, or an image has an unknown format.
        """
        messages = self._messages(request)
        used = Usage()
        reply = ChatReply(request.key)
        for tried in range(_TRIES):
            try:
                found = await self._session.complete(self._body(request, messages))
            except RequestFailedError as error:
                used += Usage(error.attempts)
                failed = ChatReply(request.key, reply.text, error=str(error), answers=tried)
                return Failed(_with_usage(failed, used))
            used += self._usage(request, messages, found)
            reply = replace(read_reply(request, found.text, found.refusal, found.cut_off), answers=tried + 1)
            if reply.error is None or found.cut_off or tried == _TRIES - 1:
                break
            again = f"This answer cannot be used: {reply.error}. {_JSON if request.schema else 'Answer in words.'}"
            said = [{"role": "assistant", "content": found.text}] if found.text else []
            messages = [*messages, *said, {"role": "user", "content": again}]
        return _with_usage(reply, used)

    def _messages(self, request: ChatRequest) -> list[dict[str, Any]]:
        system = request.system
        if request.schema is not None and self._settings.structured != "json_schema":
            schema = json.dumps(request.schema, separators=(",", ":"))
            system = f"{system}\n\n{_JSON} The schema: {schema}".lstrip()
        content: Any = request.user
        if request.images:
            content = [*(self._image(image, request.key) for image in request.images), _text(request.user)]
        start = [{"role": "system", "content": system}] if system else []
        return [*start, {"role": "user", "content": content}]

    def _image(self, image: bytes, key: str) -> dict[str, Any]:
        url = f"data:{media_type(image, key)};base64,{base64.b64encode(image).decode()}"
        detail = {"detail": self._settings.image_detail} if self._settings.image_detail else {}
        return {"type": "image_url", "image_url": {"url": url, **detail}}

    def _body(self, request: ChatRequest, messages: list[dict[str, Any]]) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._settings.model, "messages": messages}
        body[self._settings.token_limit] = request.max_tokens
        body |= {k: v for k in ("temperature", "seed") if (v := getattr(request, k)) is not None}
        if request.schema is not None and self._settings.structured == "json_schema":
            schema = {"name": "answer", "schema": _sendable(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.schema is not None and self._settings.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        if self._settings.extra_body:
            body["extra_body"] = dict(self._settings.extra_body)
        return body

    def _usage(self, request: ChatRequest, messages: list[dict[str, Any]], found: Completion) -> Usage:
        sent, received = found.prompt_tokens, found.completion_tokens
        if sent is None:
            words = [request.user if isinstance(m["content"], list) else m["content"] for m in messages]
            sent = sum(map(estimate_tokens, words)) + len(request.images) * self._settings.prices.image_tokens
        return Usage(found.attempts, sent, estimate_tokens(found.text) if received is None else received)


def _sendable(schema: Any) -> Any:
    """The schema without minLength and maxLength, which strict endpoints reject. Answers are still checked for both."""
    if isinstance(schema, Mapping):
        return {key: _sendable(value) for key, value in schema.items() if key not in ("minLength", "maxLength")}
    return [_sendable(value) for value in schema] if isinstance(schema, list | tuple) else schema


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _with_usage(reply: ChatReply, used: Usage) -> ChatReply:
    return replace(
        reply,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        attempts=used.requests,
    )
