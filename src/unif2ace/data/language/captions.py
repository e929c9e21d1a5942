"""Captions from an attribute record: only what is known and visible is said, and what is said is known exactly."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from unif2ace.data.attributes import AttributeRecord
from unif2ace.data.language.facts import Fact, Value, known_values
from unif2ace.data.language.grammar import pick
from unif2ace.data.language.openings import write_opening
from unif2ace.data.language.phrases import LEXICON
from unif2ace.data.language.sentences import FAMILIES, Skeleton, write_sentence
from unif2ace.data.language.writer import Writer

Style = Literal["dense", "short"]

VERSION: Final = 1
"""Part of every seed: raise it when captions or questions of the same record should change."""
_LENGTHS: Final = {"dense": (40, 180), "short": (8, 30)}
_PARTS: Final = ("hair", "face", "eyes", "facial_hair", "makeup", "wear", "person", "action", "emotion", "setting")


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption and what it states.

    Attributes:
        text: The sentences.
        stated: The (name, value) pairs it states, fields and stated labels, absences included.
    """

    text: str
    stated: tuple[tuple[str, Value], ...]


def write_caption(record: AttributeRecord, seed: int, style: Style = "dense") -> str:
    """The text of `compose_caption`."""
    return compose_caption(record, seed, style).text


def compose_caption(record: AttributeRecord, seed: int, style: Style = "dense") -> Caption:
    """Writes a caption that is true of the record.

    Args:
        record: What is known and visible. Null fields are never mentioned.
        seed: Chooses facts and phrasings; the same record and seed give the same caption on any machine.
        style: ``dense``: 40 to 180 words; ``short``: one or two sentences of 8 to 30 words. A record that knows
            little gives fewer.
    """
    known = known_values(record)
    rng = random.Random(f"unif2ace/{VERSION}/{style}/{seed}")
    low, high = _LENGTHS[style]
    best: Caption | None = None
    for attempt in range(6):
        caption = _compose_dense(known, rng, attempt) if style == "dense" else _compose_short(known, rng)
        words = caption.text.count(" ") + 1
        if low <= words <= high:
            return caption
        if best is None or abs(words - (low + high) / 2) < abs(best.text.count(" ") + 1 - (low + high) / 2):
            best = caption
    assert best is not None
    return best


def _compose_dense(known: dict[str, Value], rng: random.Random, attempt: int) -> Caption:
    facts = LEXICON.facts(known, rng)
    target = round(rng.triangular(12.5, 22.5, 17.5)) + 2 * attempt
    chosen = _choose(facts, rng, target - ("gender" in known))
    w = Writer(known, rng, wordiness=rng.random() ** 0.0)
    text, used = write_opening(w, chosen, "dense", pick(rng, (1, 2, 2, 3, 3, 4)))
    texts, said = _sentences(w, _arrange([f for f in chosen if f not in used], rng))
    return _caption(known, [text, *texts], used + said)


def _compose_short(known: dict[str, Value], rng: random.Random) -> Caption:
    facts = LEXICON.facts(known, rng)
    chosen = _choose(facts, rng, pick(rng, (3, 4, 5, 6)) - ("gender" in known))
    w = Writer(known, rng)
    text, used = write_opening(w, chosen, "short", 4)
    texts = [text]
    rest = _arrange([f for f in chosen if f not in used], rng)
    if rest and rng.random() < 0.6:
        n = len(_chunk(rest, rng))
        second = write_sentence(w, rest[:n], [])
        if second:
            texts.append(second)
            used += rest[:n]
    return _caption(known, texts, used)


def _caption(known: dict[str, Value], texts: list[str], facts: Sequence[Fact]) -> Caption:
    gender = (("gender", known["gender"]),) if "gender" in known else ()
    return Caption(" ".join(texts), gender + tuple(pair for fact in facts for pair in fact.stated))


def _choose(facts: Sequence[Fact], rng: random.Random, target: int) -> list[Fact]:
    """Facts that state about `target` values, drawn by weight, in the order they came."""
    drawn = sorted(range(len(facts)), key=lambda i: -(rng.random() ** (1 / facts[i].phrase.weight)))
    chosen, count = [], 0
    for i in drawn:
        if count >= target:
            break
        chosen.append(i)
        count += len(facts[i].stated)
    return [facts[i] for i in sorted(chosen)]


def _arrange(facts: Sequence[Fact], rng: random.Random) -> list[Fact]:
    """The facts by theme, in a natural order that is shuffled a little; within a theme, absences come last."""
    place = {theme: i + rng.triangular(-1.8, 1.8, 0) for i, theme in enumerate(_PARTS)}
    return sorted(facts, key=lambda f: (place[f.theme], f.fits("absent"), rng.random()))


def _chunk(facts: Sequence[Fact], rng: random.Random) -> Sequence[Fact]:
    """How many of the next facts to try in one sentence: neighbors of one family."""
    family = FAMILIES[facts[0].theme]
    n = pick(rng, (1, 2, 2, 3))
    same = [f for f in facts[:n] if FAMILIES[f.theme] == family]
    return facts[: len(same)]


def _sentences(w: Writer, queue: list[Fact]) -> tuple[list[str], list[Fact]]:
    """The facts as sentences of one to four facts each, and those that found a sentence."""
    texts: list[str] = []
    said: list[Fact] = []
    recent: list[Skeleton] = []
    while queue:
        chunk = list(_chunk(queue, w.rng))
        tries = [chunk[:n] for n in range(len(chunk), 0, -1)]
        doing = [f for f in queue[len(chunk) :] if f.theme in ("action", "emotion") and f.fits("does")]
        if doing and chunk[0].theme != "setting" and w.rng.random() < 0.2:
            tries.insert(0, [*chunk, pick(w.rng, doing)])
        for some in tries:
            text = write_sentence(w, some, recent)
            if text:
                texts.append(text)
                said += some
                break
        queue = [f for f in queue if f not in some]
    return texts, said
