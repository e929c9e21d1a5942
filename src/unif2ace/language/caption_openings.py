"""Writes the first sentence of a caption, which names the person and some attributes."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Final, NamedTuple

from unif2ace.language.facts import Fact, Slot
from unif2ace.language.grammar import pick, sentence
from unif2ace.language.phrases import frames
from unif2ace.language.sentence_templates import FEATURES
from unif2ace.language.sentences import repeats_itself
from unif2ace.language.writer import Writer

_THEMES: Final = {"does": ("action", "emotion"), "doing": ("action",), "noun": ("action",), "place": ("setting",)}


def _slots(frame: str) -> tuple[Slot, ...]:
    named = [name for _, name, _, _ in string.Formatter().parse(frame) if name]
    return tuple(name for name in named if name in _THEMES)  # type: ignore[misc]


_FRAMES: Final = {
    "dense": tuple((frame, _slots(frame)) for frame in frames.DENSE),
    "short": tuple((frame, _slots(frame)) for frame in frames.SHORT),
    "prompt": tuple((frame, _slots(frame)) for frame in frames.PROMPT),
}


class _Rates(NamedTuple):
    """How a style describes the person.

    Attributes:
        adjective: Probability of an adjective besides the age.
        features: Probability of "with ...".
        counts: Possible numbers of facts after "with"; one is sampled uniformly.
        worn: Whether "with" may also introduce worn items ("with glasses").
    """

    adjective: float = 0.35
    features: float = 0.75
    counts: tuple[int, ...] = (1, 2, 2, 3)
    worn: bool = False


_RATES: Final = {
    "dense": _Rates(),
    "short": _Rates(),
    "prompt": _Rates(adjective=0.6, features=0.85, counts=(1, 2, 2, 3, 4), worn=True),
}


def write_opening(w: Writer, facts: Sequence[Fact], style: str, budget: int) -> tuple[str, list[Fact]]:
    """Writes the first sentence. Returns the sentence and the facts that it states.

    Args:
        w: The caption's writer.
        facts: Facts to choose from.
        style: Style of the frames to use.
        budget: Maximum number of facts stated besides the person's age.
    """
    for _ in range(4 if facts else 0):
        frame, slots = pick(w.rng, _FRAMES[style])
        chosen = _fill(w, facts, slots)
        if chosen is None or len(chosen) > budget:
            continue
        text, used = _word(w, facts, frame, dict(zip(slots, chosen, strict=True)), budget, _RATES[style])
        if not repeats_itself(text):
            break
    else:
        text, used = _word(w, facts, "a portrait of {np}", {}, 0, _RATES[style])
    w.age = next((w.say(f, "adjective") for f in used if f.theme == "person"), None)
    return text, used


def _fill(w: Writer, facts: Sequence[Fact], slots: Sequence[Slot]) -> list[Fact] | None:
    """A different fact for each slot of a frame; None if a slot has no fitting fact."""
    chosen: list[Fact] = []
    for slot in slots:
        options = [f for f in facts if f.theme in _THEMES[slot] and f.fits(slot) and f not in chosen]
        if not options:
            return None
        chosen.append(pick(w.rng, options))
    return chosen


def _word(
    w: Writer, facts: Sequence[Fact], frame: str, filled: dict[Slot, Fact], budget: int, rates: _Rates
) -> tuple[str, list[Fact]]:
    used = list(filled.values())
    rest = [f for f in facts if f not in used]
    post, last = "noun" not in filled, frame.endswith("np}")
    noun, described = _describe(w, rest, budget - len(used), rates, post=post, last=last)
    if noun.endswith(w.noun["person"]):
        frame = frame.replace("},", "}", 1) if frame.startswith(("{np},", "{bare},")) else frame
    words: dict[str, str] = {slot: w.say(fact, slot) for slot, fact in filled.items()}
    return sentence(frame.format_map({**words, "np": f"a {noun}", "bare": noun})), used + described


def _describe(
    w: Writer, facts: Sequence[Fact], budget: int, rates: _Rates, *, post: bool, last: bool
) -> tuple[str, list[Fact]]:
    """A noun phrase for the person ("smiling young woman with long hair"), and the facts that the phrase states."""
    used: list[Fact] = []
    before: list[str] = []
    age = next((f for f in facts if f.theme == "person"), None)
    if age and w.rng.random() < 0.8:
        before.append(w.say(age, "adjective"))
        used.append(age)
    adjectives = [f for f in facts if f.fits("adjective") and f.theme != "person"]
    if budget > 0 and adjectives and w.rng.random() < rates.adjective:
        used.append(pick(w.rng, adjectives))
        before.insert(0, w.say(used[-1], "adjective"))
        budget -= 1
    after: list[str] = []
    had = [f for f in facts if (f.theme in FEATURES and f.fits("noun")) or (rates.worn and f.fits("worn"))]
    features = [f for f in had if f not in used]
    if post and budget > 0 and features and w.rng.random() < rates.features:
        some = sorted(w.rng.sample(features, min(len(features), budget, pick(w.rng, rates.counts))), key=facts.index)
        after.append(f"with {w.list([w.say(f, 'worn' if f.fits('worn') else 'noun') for f in some])}")
        used += some
        budget -= len(some)
    worn = [f for f in facts if f.fits("worn") and f not in used and (last or not after)]
    if budget > 0 and worn and w.rng.random() < (0.25 if after else 0.4):
        used.append(pick(w.rng, worn))
        after.append(f"wearing {w.say(used[-1], 'worn')}")
    return " ".join([*before, w.noun["person"], ", ".join(after)]).rstrip(), used
