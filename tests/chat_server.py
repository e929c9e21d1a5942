"""An OpenAI-compatible server on loopback for tests: it answers as a test says, misbehaves as told, and counts."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What the server does with one request.

    Attributes:
        text: Content of the answer; None for none.
        refusal: The message's refusal field.
        status: HTTP status; from 400 the body is an error object.
        headers: Further headers, such as ``Retry-After``.
        finish: The finish reason.
        delay: Seconds before the answer.
        cut: Close the connection in the middle of the body.
        hang: Send nothing until the client is gone or the server closes.
        body: Raw body in place of a chat completion.
        usage: Whether the answer reports tokens (100 sent, 10 received).
        code: Code of the error object.
    """

    text: str | None = None
    refusal: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = "stop"
    delay: float = 0.0
    cut: bool = False
    hang: bool = False
    body: bytes | None = None
    usage: bool = True
    code: str | None = None


@dataclass
class ChatServer:
    """State of the server.

    Attributes:
        answer: Called with the number of the request, from 0, and its body; may run in several threads.
        bodies: Bodies of all requests.
        headers: Headers of all requests.
        times: When each request came, of `time.monotonic`.
        most_in_flight: Largest number of requests that were open at once.
    """

    answer: Callable[[int, dict[str, Any]], Answer]
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most_in_flight: int = 0
    in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def users(self) -> Counter[str]:
        """How often each user text was asked."""
        return Counter(user_text(body) for body in self.bodies)


def user_text(body: dict[str, Any]) -> str:
    """The first user message's text."""
    content = next(m["content"] for m in body["messages"] if m["role"] == "user")
    return content if isinstance(content, str) else next(p["text"] for p in content if p["type"] == "text")


def images(body: dict[str, Any]) -> list[str]:
    """Data URLs of all images of a request."""
    parts = [p for m in body["messages"] if isinstance(m["content"], list) for p in m["content"]]
    return [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]


@contextmanager
def chat_server(answer: Callable[[int, dict[str, Any]], Answer]) -> Iterator[ChatServer]:
    """Serves ``/v1/chat/completions`` on a free port of 127.0.0.1.

    Yields:
        The server; `url` is its base URL.
    """
    state = ChatServer(answer)

    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that was killed
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_state: ChatServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        state = self.server_state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with state.lock:
            number = len(state.bodies)
            state.bodies.append(body)
            state.headers.append(dict(self.headers.items()))
            state.times.append(time.monotonic())
            state.in_flight += 1
            state.most_in_flight = max(state.most_in_flight, state.in_flight)
        try:
            found = state.answer(number, body)
            state.closing.wait(found.delay)
        finally:
            with state.lock:
                state.in_flight -= 1
        if found.hang:
            state.closing.wait()
            self.close_connection = True
            return
        self._send(found)

    def _send(self, found: Answer) -> None:
        payload = found.body if found.body is not None else json.dumps(_payload(found)).encode()
        self.send_response(found.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(payload))} | found.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if found.cut:
            self.wfile.write(payload[: len(payload) // 2])
            self.close_connection = True
            return
        self.wfile.write(payload)


def _payload(found: Answer) -> dict[str, Any]:
    if found.status >= 400:
        return {"error": {"message": found.text or "a fault", "type": found.code, "code": found.code}}
    message = {"role": "assistant", "content": found.text, "refusal": found.refusal}
    made = {
        "id": "1", "object": "chat.completion", "created": 0, "model": "stub",
        "choices": [{"index": 0, "message": message, "finish_reason": found.finish}],
    }  # fmt: skip
    if found.usage:
        made["usage"] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return made
