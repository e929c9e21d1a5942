"""The plug-in of lmms-eval: its entry point, its class, and what its requests are answered with."""

from __future__ import annotations

import abc
import sys
import tomllib
import types
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unif2ace.errors import ConfigError, DataError
from unif2ace.evaluation.lmms_eval.requests import RequestAnswerer

DOCUMENTS = {"faces": {"test": [{"pictures": ["a"]}, {"pictures": ["a", "b"]}, {"pictures": []}]}}


class Pipe:
    """Repeats what it is asked."""

    def ask(self, picture: Any, question: str, max_new: int = 64) -> str:
        return f"{picture}: {question} ({max_new})\n\nmore"


class Base(abc.ABC):
    """lmms-eval's base class."""

    def __init__(self) -> None:
        self.task_dict = DOCUMENTS

    @abc.abstractmethod
    def generate_until(self, requests: list[Any]) -> list[str]: ...

    @abc.abstractmethod
    def loglikelihood(self, requests: list[Any]) -> list[Any]: ...

    @abc.abstractmethod
    def generate_until_multi_round(self, requests: list[Any]) -> list[str]: ...


@dataclass
class Manifest:
    """lmms-eval's manifest."""

    model_id: str
    simple_class_path: str


@pytest.fixture
def lmms_eval(monkeypatch: pytest.MonkeyPatch) -> None:
    """lmms-eval's two modules that the plug-in imports."""
    api, registry = types.ModuleType("lmms_eval.api.model"), types.ModuleType("lmms_eval.models.registry_v2")
    api.lmms, registry.ModelManifest = Base, Manifest  # type: ignore[attr-defined]
    for name, module in {
        "lmms_eval": types.ModuleType("lmms_eval"), "lmms_eval.api": types.ModuleType("lmms_eval.api"),
        "lmms_eval.models": types.ModuleType("lmms_eval.models"), api.__name__: api, registry.__name__: registry,
    }.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)


def _request(number: int, **options: Any) -> tuple[Any, ...]:
    return "<image>\nWho?", options, lambda document: document["pictures"], number, "faces", "test"


def test_answers_are_cut_at_the_stopping_words():
    answerer = RequestAnswerer(Pipe())
    assert answerer.generate(_request(0, max_new_tokens=5, until=["\n\n"]), DOCUMENTS) == "a: Who? (5)"
    assert answerer.generate(_request(0, until="?"), DOCUMENTS) == "a: Who"
    assert answerer.generate(_request(0), DOCUMENTS).endswith("(64)\n\nmore")


@pytest.mark.parametrize("number", [1, 2])
def test_a_question_needs_one_picture(number: int):
    with pytest.raises(DataError, match=rf"faces, document {number}: \d pictures, but the model reads one"):
        RequestAnswerer(Pipe()).generate(_request(number), DOCUMENTS)


def test_the_entry_point_names_a_class_that_lmms_eval_accepts(lmms_eval: None, monkeypatch: pytest.MonkeyPatch):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    group = "lmms_eval.models"
    manifest = EntryPoint("unif2ace", project["entry-points"][group]["unif2ace"], group).load()()
    module, name = manifest.simple_class_path.rsplit(".", 1)
    made = getattr(__import__(module, fromlist=[name]), name)
    assert issubclass(made, Base)
    assert made.is_simple
    monkeypatch.setattr("unif2ace.inference.pipeline.load", lambda path, device: Pipe())
    model = made(pretrained="builtin", batch_size="1")
    assert model.generate_until([SimpleNamespace(args=_request(0, until=["("]))]) == ["a: Who? "]
    with pytest.raises(ConfigError, match="a single round"):
        model.generate_until_multi_round([])
    with pytest.raises(ConfigError, match="--model_args colour: unknown option; use pretrained and device"):
        made(colour="red")
