"""Answer accuracy: constants, guesses and blind answers earn nothing; right answers earn everything."""

from __future__ import annotations

import math
import random

import pytest

from unif2ace.metrics.scores import answer_scores
from unif2ace.metrics.scores.answers import Asked

ANSWERS = {"yes_no": {"hat": ("yes", "no"), "smile": ("yes", "no")}, "what": {"hair": ("black", "brown", "red")}}
WEIGHTS = (0.7, 0.2, 0.1)


def _questions(count: int = 600, seed: int = 0) -> list[tuple[int, str, str, str]]:
    """Sample, kind, attribute and truth; some answers far more frequent than others."""
    rng = random.Random(seed)
    asked = []
    for number in range(count):
        kind = rng.choice(list(ANSWERS))
        name, answers = rng.choice(list(ANSWERS[kind].items()))
        asked.append((number // 3, kind, name, rng.choices(answers, WEIGHTS[: len(answers)])[0]))
    return asked


def _score(say, blind=lambda truth: False, chance=0.0, count: int = 600):
    rows = [Asked(s, k, n, t, say(n) == t if not callable(say(n)) else say(n)(t), blind(t), chance)
            for s, k, n, t in _questions(count)]  # fmt: skip
    return answer_scores(rows)


def test_right_answers_score_one():
    found = _score(lambda name: lambda truth: True)
    assert set(found) == {"yes_no", "what", "all"}
    assert all(one.normalised[:3] == pytest.approx((1, 1, 1)) for one in found.values())
    assert found["all"].raw == pytest.approx(1)


@pytest.mark.parametrize("said", ["yes", "no", "black", "red", "nothing"])
def test_a_constant_never_scores_above_zero_however_frequent_it_is(said: str):
    found = _score(lambda name: said)
    assert all(one.normalised.value <= 1e-12 for one in found.values())
    if said in ("yes", "no"):
        assert found["yes_no"].raw == pytest.approx(0.5, abs=1e-12)
    if said in ("black", "red"):
        assert found["what"].raw == pytest.approx(1 / 3, abs=1e-12)
    assert found["yes_no"].floor == pytest.approx(0.5)
    assert found["what"].floor == pytest.approx(1 / 3)


def test_what_is_right_without_looking_is_the_floor():
    found = _score(
        lambda name: lambda truth: truth in ("black", "brown", "yes"), lambda t: t in ("black", "brown", "yes")
    )
    assert found["what"].floor == found["what"].unseen == found["what"].raw == pytest.approx(2 / 3)
    assert found["what"].normalised.value == pytest.approx(0, abs=1e-12)
    assert found["all"].normalised.value == pytest.approx(0, abs=1e-12)


def test_picking_an_option_is_a_floor_too():
    found = _score(lambda name: lambda truth: truth != "red", chance=0.5)
    assert found["what"].floor == found["what"].chance == pytest.approx(0.5)
    assert found["what"].normalised.value == pytest.approx((2 / 3 - 0.5) / 0.5)


def test_cells_with_one_answer_are_left_out_and_counted():
    rows = [Asked(n, "what", "hair", "black", True, True) for n in range(7)]
    assert answer_scores(rows) == {}
    rows += [Asked(n, "yes_no", "hat", "yes" if n % 2 else "no", n % 4 < 2, False) for n in range(8)]
    found = answer_scores(rows)
    assert set(found) == {"yes_no", "all"}
    assert (found["all"].questions, found["all"].left_out) == (8, 7)
    assert found["yes_no"].left_out == 0
    assert found["all"].normalised.value == found["yes_no"].normalised.value == pytest.approx(0)
    assert found["yes_no"].cells == {"hat": (8, 2, 0.5)}


def test_the_score_of_all_kinds_is_made_from_their_means():
    found = _score(lambda name: lambda truth: truth != "red", lambda t: t == "yes", chance=0.4)
    kinds = [found["yes_no"], found["what"]]
    raw, floor = (sum(getattr(one, name) for one in kinds) / 2 for name in ("raw", "floor"))
    assert found["all"].floor == pytest.approx(floor)
    assert found["all"].normalised.value == pytest.approx((raw - floor) / (1 - floor))


def test_no_questions_no_scores():
    assert answer_scores([]) == {}


def test_intervals_hold_the_value_and_shrink_with_more_faces():
    def half(name: str):
        return lambda truth: rng.random() < 0.7

    rng = random.Random(1)
    few = _score(half, count=120)["all"].normalised
    many = _score(half, count=3000)["all"].normalised
    for one in (few, many):
        assert one.low < one.value < one.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert not math.isnan(few.value)
