"""Graders: what a reply says, rules, a language model behind a server that misbehaves, and what is resumed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from chat_server import Answer, chat_server, images, user_text
from scored_models import write_faces

from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.caption_parsers.language_model import LanguageModelParser
from unif2ace.evaluation.eval_set import EvalSet, gather, open_split
from unif2ace.evaluation.graders.language_model import LanguageModelGrader
from unif2ace.evaluation.graders.prompt import load_prompt
from unif2ace.evaluation.graders.replay import ReplayGrader
from unif2ace.evaluation.graders.rules import RuleGrader
from unif2ace.evaluation.metrics.base import Setting
from unif2ace.evaluation.metrics.conversation_score import ConversationScoreMetric
from unif2ace.evaluation.metrics.description_score import DescriptionScoreMetric
from unif2ace.evaluation.metrics.statements import StatementsMetric
from unif2ace.evaluation.metrics.vlm_score import VLMScoreMetric
from unif2ace.language.caption_parser import GrammarParser
from unif2ace.language.keyword_parser import KeywordParser
from unif2ace.language_models import Endpoint

KEY = "sk-very-secret-0123456789"
METRICS = (VLMScoreMetric, DescriptionScoreMetric, ConversationScoreMetric)
FACES = 6


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GRADER_KEY", KEY)
    monkeypatch.setattr("unif2ace.language_models.retrying._FIRST_SECONDS", 0.002)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    return gather(open_split(write_faces(tmp_path_factory.mktemp("faces"), FACES)), FACES, 10)


@dataclass
class Known:
    """Outputs of a system that says the truth, or something else."""

    eval_set: EvalSet
    right: bool = True
    known: dict[Any, Any] = field(default_factory=dict)

    def caption(self, key: str) -> str:
        return self.eval_set.captions[self.eval_set.keys.index(key)] if self.right else "There is nothing."

    def answer(self, key: str, question: str) -> str:
        number = self.eval_set.keys.index(key)
        asked = next(q for n, q in self.eval_set.questions if n == number and q.question == question)
        return asked.answer if self.right else "I do not know."

    def shared(self, name: Any, make: Any) -> Any:
        if name not in self.known:
            self.known[name] = make()
        return self.known[name]

    def generated(self, key: str, prompt: str | None = None) -> torch.Tensor:
        return self.eval_set.images[self.eval_set.keys.index(key)]


def graded(metric: Any, faces: EvalSet, right: bool = True) -> Any:
    """The metric after an update."""
    metric.prepare(Setting(resamples=20))
    metric.update(faces, Known(faces, right))
    return metric


def model(url: str, **changes: Any) -> Endpoint:
    """The endpoint of a test's server."""
    how: dict[str, Any] = {"key_variable": "GRADER_KEY", "retries": 2, "concurrency": 2, "timeout": 5.0}
    return Endpoint(base_url=url, model="stub", **(how | changes))


@pytest.mark.parametrize(
    ("reply", "one", "two"),
    [
        ("7", 7, None),
        ("7 9\nBecause.", None, (7, 9)),
        ("\n**8, 9.5**\nThe second has more detail, 3 of 4.", None, (8, 9.5)),
        ("Score: 6", 6, None),
        ("Scores: 6; 7", None, (6, 7)),
        ("7/10\nGood.", 7, None),
        ("7 out of 10", 7, None),
        ("I give it a 7.", None, None),
        ("11", None, None),
        ("0 5", None, None),
        ("-3", None, None),
        ("7 8 9", None, None),
        ("1e5", None, None),
        ("70%", None, None),
        ("Sorry, I cannot rate people.", None, None),
        ("", None, None),
    ],
)
def test_only_a_first_line_of_scores_is_read(reply: str, one: float | None, two: tuple[float, float] | None):
    prompt = load_prompt("description_score")
    assert prompt.read(reply) == two
    alone = type(prompt)(prompt.system, prompt.user, 1, 10, 1, "")
    assert alone.read(reply) == (None if one is None else (one,))


def test_prompts_have_their_own_hash_and_are_checked(tmp_path: Path):
    digests = {load_prompt(metric.name).digest for metric in METRICS}
    assert len(digests) == 3
    own = tmp_path / "own.yaml"
    own.write_text("system: You judge.\nuser: 'Say {answer}, not {other}'\nminimum: 0\nmaximum: 1\nscores: 1\n")
    assert load_prompt("vlm_score", own).filled({"answer": "{other} 5"}) == "Say {other} 5, not {other}"
    assert load_prompt("vlm_score", own).digest not in digests
    own.write_text("system: You judge.\nminimum: 0\nmaximum: 1\nscores: 1\n")
    with pytest.raises(ConfigError, match=r"metric.vlm_score.prompt_file=.*wrong or missing: user"):
        load_prompt("vlm_score", own)
    with pytest.raises(ConfigError, match=r"prompt_file=nowhere.yaml cannot be read"):
        load_prompt("vlm_score", "nowhere.yaml")


@pytest.mark.parametrize("metric", METRICS[1:])
def test_rules_prefer_what_is_right(metric: Any, faces: EvalSet):
    right, wrong = (graded(metric(RuleGrader()), faces, right).compute() for right in (True, False))
    name = metric.name
    assert wrong[name].value < right[name].value <= 10
    assert right[f"{name}_relative"].value == pytest.approx(100)
    assert right[f"{name}_failed"].value == 0
    if metric is ConversationScoreMetric:
        assert (wrong[name].value, right[name].value) == (1, 10)


def test_rules_cannot_see_pictures():
    with pytest.raises(ConfigError, match=r"metric=vlm_score grades pictures, which grader=rules cannot see"):
        VLMScoreMetric(RuleGrader()).prepare(Setting())
    with pytest.raises(ConfigError, match=r"grader=language_model needs a model: set language_model=endpoint"):
        LanguageModelGrader()
    with pytest.raises(ConfigError, match=r"grader=replay needs the file of recorded replies"):
        ReplayGrader()
    with pytest.raises(ConfigError, match=r"metric.vlm_score.grader is not set: select one"):
        VLMScoreMetric().prepare(Setting())
    with pytest.raises(ConfigError, match=r"metric.vlm_score.max_items=0"):
        VLMScoreMetric(RuleGrader(), max_items=0)


@pytest.mark.parametrize("metric", METRICS)
def test_a_model_grades_and_its_replies_are_replayed(metric: Any, faces: EvalSet, tmp_path: Path):
    with chat_server(lambda n, _: Answer("8" if metric.sees else "10 8")) as server:
        found = graded(metric(LanguageModelGrader(model(server.url), tmp_path / "g.jsonl")), faces)
        first = len(server.bodies)
        again = graded(metric(LanguageModelGrader(model(server.url), tmp_path / "g.jsonl")), faces)
        assert len(server.bodies) == first > 0
        assert all(bool(images(body)) == metric.sees for body in server.bodies)
        assert all("{" not in user_text(body) for body in server.bodies)
    replayed = graded(metric(ReplayGrader(str(tmp_path / "g.jsonl"))), faces)
    assert found.compute() == again.compute() == replayed.compute()
    assert found.compute()[metric.name].value == 8
    assert found.conditions() == replayed.conditions()
    assert found.details()[metric.name]["usage"]["requests"] == first
    if not metric.sees:
        assert found.compute()[f"{metric.name}_relative"].value == 80


def _misbehaving() -> Iterator[Answer]:
    yield Answer("9 8")
    yield Answer("I like it.")
    yield Answer(refusal="I do not rate faces.")
    yield Answer(status=429, headers={"Retry-After": "0"})
    yield Answer("10 9\nLater.")
    yield Answer("10 10", delay=0.05)
    while True:
        yield Answer(status=500, text=f"broken, for {KEY}")


def test_failures_are_counted_and_are_not_zero(faces: EvalSet, caplog: pytest.LogCaptureFixture, tmp_path: Path):
    caplog.set_level(logging.DEBUG)
    answers = _misbehaving()
    with chat_server(lambda n, _: next(answers)) as server:
        grader = LanguageModelGrader(model(server.url, concurrency=1), tmp_path / "g.jsonl")
        found = graded(DescriptionScoreMetric(grader), faces)
        sent = [{name.lower(): value for name, value in headers.items()} for headers in server.headers]
        assert all(headers["authorization"] == f"Bearer {KEY}" for headers in sent)
    values = found.compute()
    assert values["description_score"].value == 9  # of 8, 9 and 10
    assert values["description_score_failed"].value == 0.5
    assert found.details()["description_score"]["failures"] == {"malformed": 1, "refusal": 1, "error": 1}
    assert "3 of 6 items graded" in found.describe()["description_score"]
    assert len(found.samples()["description_score"]) == 3
    written = json.dumps([found.details(), found.describe(), found.conditions()]) + caplog.text
    written += (tmp_path / "g.jsonl").read_text() + repr([grade for _, grade in found._graded])
    assert KEY not in written
    assert "[key]" in written


def test_all_failed_is_undefined(faces: EvalSet):
    with chat_server(lambda n, _: Answer("No.")) as server:
        found = graded(DescriptionScoreMetric(LanguageModelGrader(model(server.url))), faces).compute()
    assert found["description_score"].value != found["description_score"].value
    assert found["description_score_failed"].value == 1


def test_a_dead_endpoint_ends_the_work_and_what_was_graded_is_kept(faces: EvalSet, tmp_path: Path):
    file, asked = tmp_path / "g.jsonl", 0
    with chat_server(lambda n, _: Answer("10 7") if n < 3 else Answer(status=503)) as server:
        how = {"concurrency": 1, "retries": 0, "max_failures": 2}
        with pytest.raises(DataError, match="2 requests in a row failed") as error:
            graded(DescriptionScoreMetric(LanguageModelGrader(model(server.url, **how), file)), faces)
        asked = len(server.bodies)
    assert KEY not in str(error.value)
    with pytest.raises(DataError, match="in a row failed"):
        graded(DescriptionScoreMetric(LanguageModelGrader(model(server.url, **how), file)), faces)
    assert asked == 5
    assert len(file.read_text().splitlines()) == 3
    file.write_text(file.read_text() + '{"digest": "cut')  # a kill in the middle of a line
    with chat_server(lambda n, _: Answer("10 7")) as server:
        found = graded(DescriptionScoreMetric(LanguageModelGrader(model(server.url), file)), faces)
        assert len(server.bodies) == FACES - 3
    assert found.compute()["description_score"].value == 7


def test_a_missing_key_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("GRADER_KEY")
    for cache in (None, tmp_path / "g.jsonl"):
        grader = LanguageModelGrader(model("http://127.0.0.1:9/v1"), cache)
        with pytest.raises(ConfigError, match="key_variable=GRADER_KEY: the environment variable is not set"):
            VLMScoreMetric(grader).prepare(Setting())


def test_a_part_of_the_faces_is_not_graded_again(faces: EvalSet):
    with chat_server(lambda n, _: Answer("10 8")) as server:
        metric, outputs = ConversationScoreMetric(LanguageModelGrader(model(server.url))), Known(faces)
        metric.prepare(Setting(resamples=0))
        metric.update(faces, outputs)
        asked = len(server.bodies)
        metric.update(faces.subset(range(4)), outputs)
        assert len(server.bodies) == asked
    assert metric.compute()["conversation_score"].value == 8


def test_only_the_first_items_are_graded(faces: EvalSet):
    found = graded(ConversationScoreMetric(RuleGrader(), max_items=4), faces)
    assert found.conditions()["items"] == 4


@pytest.mark.parametrize(("parser", "least"), [(KeywordParser(), 0.4), (GrammarParser(), 0.6)])
def test_statements_of_true_captions_are_true(parser: Any, least: float, faces: EvalSet):
    right, wrong = (graded(StatementsMetric(parser), faces, right).compute() for right in (True, False))
    assert right["statements_precision"].value > 0.9
    assert right["statements"].value > least
    assert right["statements_failed"].value == wrong["statements_failed"].value == wrong["statements"].value == 0


def test_a_model_reads_captions_and_what_it_cannot_read_is_counted(faces: EvalSet, tmp_path: Path):
    replies = ['{"smile": true, "hat": null}', '{"smile": "perhaps"}', "no JSON"]
    with chat_server(lambda n, _: Answer(replies[min(n, 2)])) as server:
        parser = LanguageModelParser(model(server.url, concurrency=1), tmp_path / "p.jsonl")
        found = graded(StatementsMetric(parser), faces)
    assert found.compute()["statements_failed"].value == pytest.approx(1 - 1 / FACES)
    assert "parser language_model stub, 1 of 6 captions read" in found.describe()["statements"]
    assert parser.parse(faces.captions[0]) == (("smile", True),)
    with pytest.raises(ConfigError, match="caption_parser=language_model needs a model"):
        LanguageModelParser()
    with pytest.raises(ConfigError, match=r"metric.statements.parser is not set"):
        StatementsMetric().prepare(Setting())
