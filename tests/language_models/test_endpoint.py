"""The endpoint against a server that misbehaves, and recorded replies."""

from __future__ import annotations

import gc
import json
import logging
import pickle
import threading
import time

import pytest
from chat_server import Answer, chat_server, images, user_text

from unif2ace.errors import ConfigError, DataError
from unif2ace.language_models import (
    ChatRequest,
    Endpoint,
    Prices,
    Recorded,
    Recording,
    Usage,
    replies,
    replies_by_key,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 8
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["score"],
    "additionalProperties": False,
}
GOOD = Answer('{"score": 4}')


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("unif2ace.language_models.retrying._FIRST_SECONDS", 0.002)


def ask(server, *, key="a", schema=SCHEMA, image=(), **settings):
    endpoint = Endpoint(base_url=server.url, model="stub", **settings)
    try:
        return endpoint.reply(ChatRequest(key, "Judge.", "How good?", image, schema))
    finally:
        endpoint.close()


def in_turn(*answers):
    return lambda number, _: answers[min(number, len(answers) - 1)]


@pytest.mark.parametrize(
    ("answers", "parsed", "attempts", "error", "refusal"),
    [
        ([GOOD], {"score": 4}, 1, None, None),
        ([Answer('```json\n{"score": 4}\n```')], {"score": 4}, 1, None, None),
        ([Answer('Here: {"score": 2} as asked.')], {"score": 2}, 1, None, None),
        ([Answer("four"), GOOD], {"score": 4}, 2, None, None),
        ([Answer('{"score": 9}')], None, 2, "9 is greater than the maximum of 5", None),
        ([Answer('{"score": NaN}')], None, 2, "malformed JSON", None),
        ([Answer("[" * 100_000)], None, 2, "malformed JSON", None),
        ([Answer("")], None, 2, "the answer is empty", None),
        ([Answer('{"sco', finish="length")], None, 1, "cut off at max_tokens=512", None),
        ([Answer(None, refusal="No faces.")], None, 1, None, "No faces."),
        ([Answer("I\u2019m sorry, but I can't help with that.")], None, 1, None, "I\u2019m sorry"),
        ([Answer("", finish="content_filter")], None, 1, None, "content filter"),
        ([Answer("bad words", status=400, code="content_filter")], None, 1, None, "content filter"),
        ([Answer(status=500), Answer(status=503), GOOD], {"score": 4}, 3, None, None),
        ([Answer(status=429), Answer(status=429), Answer(status=429), GOOD], {"score": 4}, 4, None, None),
        ([Answer(cut=True, text="x" * 99), GOOD], {"score": 4}, 2, None, None),
        ([Answer(body=b"<html>", headers={"Content-Type": "text/html"}), GOOD], {"score": 4}, 2, None, None),
        ([Answer(body=b'{"choices": []}'), GOOD], {"score": 4}, 2, None, None),
        ([Answer(body=b'{"choi'), GOOD], {"score": 4}, 2, None, None),
        ([Answer(hang=True), GOOD], {"score": 4}, 2, None, None),
        ([Answer(delay=30), GOOD], {"score": 4}, 2, None, None),
        ([Answer(status=500)], None, 3, "status 500", None),
        ([Answer(body=b'{"detail": "pinned to X"}', status=422)], None, 1, "pinned to X", None),
        ([Answer("no schemas here", status=400)], None, 1, "language_model.structured=prompt", None),
        ([Answer(hang=True)], None, 3, "no answer within 0.2 s", None),
    ],
)  # fmt: skip
def test_every_kind_of_answer(answers, parsed, attempts, error, refusal):
    with chat_server(in_turn(*answers)) as server:
        reply = ask(server, retries=2, timeout=0.2 if any(a.hang or a.delay for a in answers) else 30.0)
    assert (reply.parsed, reply.attempts, len(server.bodies)) == (parsed, attempts, attempts)
    assert (error or "") in (reply.error or "")
    assert bool(reply.error) == bool(error)
    assert (refusal or "") in (reply.refusal or "")
    assert bool(reply.refusal) == bool(refusal)
    assert reply.ok == (parsed is not None)
    silent = error is not None and (
        "status" in error or "no answer" in error or "structured" in error or "pinned" in error
    )
    assert (reply.answers == 0) == silent


def test_a_malformed_answer_is_asked_for_again_with_its_fault_and_one_image():
    with chat_server(in_turn(Answer('{"score": 9}'), GOOD)) as server:
        reply = ask(server, image=(PNG,))
    again = server.bodies[1]["messages"]
    assert [m["role"] for m in again] == ["system", "user", "assistant", "user"]
    assert "greater than the maximum" in again[-1]["content"]
    assert len(images(server.bodies[1])) == 1
    assert images(server.bodies[0])[0].startswith("data:image/png;base64,")
    assert (reply.prompt_tokens, reply.completion_tokens) == (200, 20)
    assert Prices(prompt=2.0, completion=10.0).cost(reply.usage) == pytest.approx((200 * 2 + 20 * 10) / 1e6)


def test_lengths_of_texts_are_checked_here_and_not_sent():
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}, "required": ["a"]}
    with chat_server(in_turn(Answer('{"a": "no"}'), Answer('{"a": "yes"}'))) as server:
        reply = ask(server, schema=schema)
    assert reply.parsed == {"a": "yes"}
    assert "too short" in server.bodies[1]["messages"][-1]["content"]
    assert "minLength" not in json.dumps(server.bodies[0]["response_format"])


def test_free_text_needs_no_json_and_tells_when_it_was_cut():
    with chat_server(in_turn(Answer("A man with a", finish="length", usage=False))) as server:
        reply = ask(server, schema=None)
    assert (reply.text, reply.parsed, reply.cut_off, reply.ok) == ("A man with a", None, True, True)
    assert reply.completion_tokens == 3
    assert "response_format" not in server.bodies[0]


@pytest.mark.parametrize("structured", ["json_schema", "json_object", "prompt"])
def test_the_schema_reaches_the_endpoint(structured):
    with chat_server(in_turn(GOOD)) as server:
        ask(server, structured=structured, token_limit="max_completion_tokens", extra_body={"top_k": 1})
    body = server.bodies[0]
    assert body["max_completion_tokens"] == 512
    assert body["top_k"] == 1
    assert "max_tokens" not in body
    assert body.get("response_format", {}).get("type", "prompt") == structured
    assert ("additionalProperties" in body["messages"][0]["content"]) == (structured != "json_schema")


@pytest.mark.parametrize("header", [("Retry-After", "0.3"), ("Retry-After", "date"), ("retry-after-ms", "300")])
def test_retry_after_holds_back_every_request(header):
    from email.utils import formatdate

    name, value = header
    # a date has whole seconds: two seconds ahead are more than one
    limited = Answer(status=429, headers={name: formatdate(time.time() + 2, usegmt=True) if value == "date" else value})
    with chat_server(in_turn(limited, GOOD)) as server:
        endpoint = Endpoint(base_url=server.url, model="stub", concurrency=2)
        requests = (ChatRequest(str(n), "", f"user {n}", schema=SCHEMA) for n in range(4))
        found = replies_by_key(endpoint, requests)
        endpoint.close()
    assert all(reply.ok for reply in found.values())
    assert list(found) == list("0123")
    after = [t - server.times[0] for t in server.times[2:]]
    assert len(server.bodies) == 5
    assert min(after) >= 0.29


@pytest.mark.parametrize(
    ("answer", "settings", "words"),
    [
        (Answer(status=401, text="bad key"), {}, "key_variable"),
        (Answer(status=403, text="no"), {}, "another language_model.model"),
        (Answer(status=404, text="no model stub"), {}, "language_model.base_url and language_model.model"),
        (Answer(status=429, code="insufficient_quota"), {}, "no credit"),
        (Answer(status=429, headers={"Retry-After": "3600"}), {}, "max_wait=600"),
        (Answer(status=503, headers={"Retry-After": "3600"}), {}, "max_wait=600"),
        (Answer(status=500), {"retries": 0, "max_failures": 3, "concurrency": 1}, "3 requests in a row failed"),
    ],
)
def test_what_would_fail_every_time_stops_the_work(answer, settings, words):
    with chat_server(in_turn(answer)) as server:
        endpoint = Endpoint(base_url=server.url, model="stub", **settings)
        with pytest.raises((ConfigError, DataError), match=words):
            list(replies(endpoint, (ChatRequest(str(n), "", "u") for n in range(100))))
        endpoint.close()
    assert len(server.bodies) <= 20


def test_a_server_that_is_not_there_is_named():
    with chat_server(in_turn(GOOD)) as server:
        pass
    with pytest.raises(DataError, match=r"1 requests in a row failed.*no connection"):
        ask(server, retries=1, max_failures=1)


def test_requests_are_kept_in_flight_and_no_more():
    full = threading.Event()

    def answer(_number, _body):
        if server.in_flight == 6:
            full.set()
        full.wait(20)
        return GOOD

    with chat_server(answer) as server:
        endpoint = Endpoint(base_url=server.url, model="stub", concurrency=6)
        found = list(replies(endpoint, (ChatRequest(str(n), "", str(n), schema=SCHEMA) for n in range(40))))
        endpoint.close()
    assert server.most_in_flight == 6
    assert len(found) == 40
    assert max(server.users.values()) == 1


def test_a_reply_that_is_not_yet_handled_holds_its_slot():
    with chat_server(in_turn(GOOD)) as server:
        endpoint = Endpoint(base_url=server.url, model="stub", concurrency=3)
        stream = replies(endpoint, (ChatRequest(str(n), "", str(n), schema=SCHEMA) for n in range(40)))
        for handled in range(5):
            next(stream)
            assert len(server.bodies) <= handled + 3
        stream.close()
    assert len(server.bodies) <= 8


def test_a_caller_that_stops_does_not_wait_for_a_hanging_server():
    def answer(_number, body):
        return GOOD if user_text(body) == "0" else Answer(hang=True)

    with chat_server(answer) as server:
        endpoint = Endpoint(base_url=server.url, model="stub", concurrency=3, timeout=1000)
        for _ in replies(endpoint, (ChatRequest(str(n), "", str(n), schema=SCHEMA) for n in range(9))):
            break
        gc.collect()
    assert not [t for t in threading.enumerate() if t.name.startswith(("request", "language model"))]


def test_the_key_is_sent_and_shown_nowhere(monkeypatch, caplog):
    secret = "sk-very-secret-123"
    monkeypatch.setenv("MY_KEY", secret)
    caplog.set_level(logging.DEBUG)
    answers = [Answer(f"your key is {secret}"), Answer(f"no: {secret}", status=400), Answer(secret, status=401)]
    with chat_server(in_turn(*answers)) as server:
        endpoint = Endpoint(base_url=server.url, model="stub", key_variable="MY_KEY")
        texts = [str(endpoint.reply(ChatRequest(k, "", "u"))) for k in "ab"]
        with pytest.raises(ConfigError) as caught:
            endpoint.reply(ChatRequest("c", "", "u"))
        texts += [str(caught.value), repr(endpoint), repr(vars(endpoint)), str(pickle.dumps(endpoint)), caplog.text]
        endpoint.close()
    assert server.headers[0]["authorization"] == f"Bearer {secret}"
    assert "[key]" in texts[0]
    assert "[key]" in texts[1]
    assert secret not in "".join(texts)


@pytest.mark.parametrize(
    ("settings", "words", "hidden"),
    [
        ({"key_variable": "sk-abc-123"}, "not shown", "sk-abc"),
        ({"key_variable": "NOT_SET_ANYWHERE"}, "the environment variable is not set", None),
        ({"base_url": "http://me:pass@host/v1"}, "not shown", "pass@"),
        ({"base_url": "http://host/v1?key=abc"}, "not shown", "abc"),
        ({"base_url": "host:80"}, "an address such as", None),
        ({"base_url": "http://h/v1/chat/completions"}, "remove /chat/completions", None),
        ({"concurrency": 0}, "concurrency=0: must be from 1 to 1000", None),
        ({"timeout": 0}, "timeout=0", None),
        ({"structured": "xml"}, "json_object", None),
        ({"token_limit": "n"}, "max_completion_tokens", None),
        ({"model": ""}, "model is empty", None),
    ],
)
def test_settings_are_checked(settings, words, hidden):
    with pytest.raises(ConfigError, match=words) as caught:
        Endpoint(**({"base_url": "http://127.0.0.1:9/v1", "model": "m"} | settings)).reply(ChatRequest("a", "", "u"))
    assert hidden is None or hidden not in str(caught.value)


def test_prices_and_pictures_are_checked():
    with pytest.raises(ConfigError, match=r"prices\.prompt=-1"):
        Prices(prompt=-1)
    with chat_server(in_turn(GOOD)) as server, pytest.raises(DataError, match="neither PNG, JPEG nor WebP"):
        ask(server, image=(b"GIF89a",))


def test_an_estimate_counts_letters_and_images():
    used = ChatRequest("a", "s" * 40, "u" * 80, (PNG,)).expected_usage(Prices(image_tokens=85), 50)
    assert used == Usage(1, 10 + 20 + 85, 50)


def test_recorded_replies_are_replayed_and_asked_for_once(tmp_path):
    file = tmp_path / "replies.jsonl"
    answers = {"a": GOOD, "b": Answer(None, refusal="no"), "c": Answer("four")}
    requests = [ChatRequest(key, "s", key, (PNG,), SCHEMA) for key in answers]
    with chat_server(lambda _, body: answers[user_text(body)]) as server:
        recording = Recording(file=file, model=Endpoint(base_url=server.url, model="stub"))
        first = replies_by_key(recording, requests)
        assert len(server.bodies) == 4  # the malformed one was asked for twice
        file.write_bytes(file.read_bytes() + b'{"digest": "torn')
        again = replies_by_key(pickle.loads(pickle.dumps(recording)), requests)
        recording.close()
    assert len(server.bodies) == 6  # errors are not recorded
    assert [again[k].parsed for k in "abc"] == [first[k].parsed for k in "abc"] == [{"score": 4}, None, None]
    assert again["b"].refusal == "no"
    assert again["a"].attempts == 0
    played = Recorded(file=file)
    assert played.name == "stub"
    assert played.reply(ChatRequest("z", "s", "a", (PNG,), SCHEMA)).parsed == {"score": 4}
    with pytest.raises(DataError, match="holds no reply of stub"):
        played.reply(ChatRequest("a", "s", "a", (), SCHEMA))


def test_files_of_recorded_replies_are_checked(tmp_path):
    file = tmp_path / "replies.jsonl"
    with pytest.raises(DataError, match="does not exist"):
        Recorded(file=file).reply(ChatRequest("a", "", "u"))
    file.write_text('{"digest": "1"}\n')
    with pytest.raises(DataError, match="line 1 lacks"):
        Recorded(file=file).reply(ChatRequest("a", "", "u"))
    row = {"digest": "1", "text": "t", "refusal": None, "cut_off": False, "prompt_tokens": 1, "completion_tokens": 1}
    file.write_text("".join(json.dumps(row | {"model": m}) + "\n" for m in "mn"))
    with pytest.raises(DataError, match="replies of 2 models"):
        Recorded(file=file).reply(ChatRequest("a", "", "u"))


def test_two_requests_with_one_key_are_refused():
    with chat_server(in_turn(GOOD)) as server:
        asked = replies(Endpoint(base_url=server.url, model="stub", concurrency=1), [ChatRequest("a", "", "u")] * 2)
        with pytest.raises(DataError, match="two requests have the key 'a'"):
            list(asked)
