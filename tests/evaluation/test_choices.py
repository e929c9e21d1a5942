"""Answers in words or letters are matched with the options they name, and with no others."""

from __future__ import annotations

from typing import Any

import pytest

from unif2ace.data.question_files.base import QuestionItem
from unif2ace.evaluation.metrics.choices import matched

HAIR = ("Black", "Blond", "Dark blond", "Information not visible")


@pytest.mark.parametrize(
    ("kind", "lettered", "said", "wanted"),
    [
        ("single", True, "B", {"Blond"}),
        ("single", True, "(A) Black.", {"Black"}),
        ("single", True, "C. Dark blond", {"Dark blond"}),
        ("single", True, "A woman with dark blond hair", {"Black"}),  # "A" alone begins it
        ("single", True, "F", set()),
        ("single", False, "It is dark blond.", {"Dark blond"}),
        ("single", False, "black or blond", set()),
        ("single", False, "The information not visible here", {"Information not visible"}),
        ("single", False, "blackboard", set()),
        ("multiple", True, "A, C", {"Black", "Dark blond"}),
        ("multiple", False, "Black and blond", {"Black", "Blond"}),
        ("single", False, "", set()),
    ],
)
def test_answers_are_matched(kind: Any, lettered: bool, said: str, wanted: set[str]):
    item = QuestionItem("q", "Which?", kind, HAIR, ("Black",), (), "Which?", lettered)
    assert matched(said, item) == wanted


def test_yes_and_no_are_told_from_what_cannot_be_seen():
    item = QuestionItem("q", "Smiling?", "yes_no", ("Yes", "No", "Information not visible"), ("Yes",), (), "Smiling?")
    assert matched("No, she does not smile; yes.", item) == {"No"}
    assert matched("Information not visible, so neither yes nor no", item) == {"Information not visible"}
