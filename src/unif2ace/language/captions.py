"""Writes captions from an attribute record. A caption states known and visible attributes only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.caption_openings import write_opening
from unif2ace.language.facts import Fact, Value, known_values
from unif2ace.language.grammar import pick
from unif2ace.language.phrases import LEXICON
from unif2ace.language.sentence_templates import FAMILIES, Skeleton
from unif2ace.language.sentences import write_sentence
from unif2ace.language.writer import Writer

Style = Literal["dense", "short", "prompt"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)

VERSION: Final = 1
"""Part of every seed. Increase it to get other captions and questions for the same record and seed."""
_ATTEMPTS: Final = 8
_PARTS: Final = ("hair", "face", "eyes", "facial_hair", "makeup", "wear", "person", "action", "emotion", "setting")


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption and its statements.

    Attributes:
        text: The sentences.
        stated: The (name, value) pairs of the stated fields and labels, including absences such as ``("hat", False)``.
    """

    text: str
    stated: tuple[tuple[str, Value], ...]


class _Target(NamedTuple):
    """Allowed lengths (minimum, maximum) of a caption style, in words and in stated values."""

    words: tuple[int, int]
    stated: tuple[int, int]

    def missed(self, caption: Caption) -> int:
        """Words plus stated values by which a caption exceeds or falls short of the limits; 0 within the limits."""
        lengths = (caption.text.count(" ") + 1, len(caption.stated))
        return sum(max(low - n, n - high, 0) for n, (low, high) in zip(lengths, self, strict=True))


_DENSE: Final = _Target(words=(40, 180), stated=(0, 99))
_SHORT: Final = _Target(words=(8, 30), stated=(3, 7))
_PROMPT: Final = _Target(words=(4, 20), stated=(2, 7))
_DETAILS: Final = frozenset(
    {"clothing_colour", "hair_texture"} | {field.name for field in TAXONOMY.fields.values() if field.requires}
)
"""Fields that a description typed by a person often leaves out."""


def write_caption(record: AttributeRecord, seed: int, style: Style = "dense") -> str:
    """The text of `compose_caption`."""
    return compose_caption(record, seed, style).text


def compose_caption(record: AttributeRecord, seed: int, style: Style = "dense") -> Caption:
    """Writes a caption that is true for the record.

    Args:
        record: Known and visible attributes. Null fields are never mentioned.
        seed: Chooses facts and phrasings; the same record and seed give the same caption on any machine.
        style: ``dense`` has 40 to 180 words. ``short`` has one or two sentences with 8 to 30 words in total.
            ``prompt`` has 4 to 20 words: "A smiling woman with long red hair and glasses." Records with few attributes
            give fewer words.
    """
    known = known_values(record)
    rng = random.Random(f"unif2ace/{VERSION}/{style}/{seed}")
    compose, target = _STYLES[style]
    best = compose(known, rng, 0)
    for attempt in range(1, _ATTEMPTS):
        if target.missed(best) == 0:
            break
        best = min(best, compose(known, rng, attempt), key=target.missed)
    return best


def state_all(record: AttributeRecord, seed: int, *, opening: bool = True) -> Caption:
    """Writes a caption that states all known values of a record; `compose_caption` states a random selection.

    Args:
        record: Known and visible attributes.
        seed: Chooses the phrasings.
        opening: Whether the first sentence introduces the person ("a portrait of ..."). If False, all sentences
            continue an existing caption ("She wears a hat.").
    """
    known = known_values(record)
    best: Caption | None = None
    for attempt in range(_ATTEMPTS):
        rng = random.Random(f"unif2ace/{VERSION}/all/{seed}/{attempt}")
        facts, w = LEXICON.facts(known, rng), Writer(known, rng)
        text, used = write_opening(w, facts, "dense", 3) if opening else ("", [])
        texts, said = _sentences(w, _arrange([f for f in facts if f not in used], rng))
        caption = _caption(known, [text, *texts] if text else texts, used + said)
        best = caption if best is None or len(caption.stated) > len(best.stated) else best
        if len(said) + len(used) == len(facts):
            break
    assert best is not None
    return best


def _compose_dense(known: dict[str, Value], rng: random.Random, attempt: int) -> Caption:
    facts = LEXICON.facts(known, rng)
    target = round(rng.triangular(13.5, 23, 18.5)) + 2 * attempt
    chosen = _choose(facts, rng, target - ("gender" in known))
    w = Writer(known, rng, wordiness=rng.random() ** 0.25)
    text, used = write_opening(w, chosen, "dense", pick(rng, (1, 1, 2, 2, 2, 3, 4)))
    texts, said = _sentences(w, _arrange([f for f in chosen if f not in used], rng))
    return _caption(known, [text, *texts], used + said)


def _compose_short(known: dict[str, Value], rng: random.Random, attempt: int) -> Caption:
    facts = LEXICON.facts(known, rng)
    chosen = _choose(facts, rng, pick(rng, (3, 4, 5, 6)) + attempt // 2)
    w = Writer(known, rng)
    text, used = write_opening(w, chosen, "short", pick(rng, (2, 3, 4)))
    texts = [text]
    rest = _arrange([f for f in chosen if f not in used], rng)
    second = rest[: len(_chunk(rest, rng))] if rest else []
    if second and (more := write_sentence(w, second, [])):
        texts.append(more)
        used += second
    return _caption(known, texts, used)


def _compose_prompt(known: dict[str, Value], rng: random.Random, attempt: int) -> Caption:
    plain = {name: value for name, value in known.items() if name not in _DETAILS or rng.random() < 0.3}
    facts = _choose(LEXICON.facts(plain, rng), rng, pick(rng, (2, 3, 4, 5)) + attempt // 2)
    text, used = write_opening(Writer(plain, rng), facts, "prompt", len(facts))
    return _caption(plain, [text], used)


_STYLES: Final = {
    "dense": (_compose_dense, _DENSE),
    "short": (_compose_short, _SHORT),
    "prompt": (_compose_prompt, _PROMPT),
}


def _caption(known: dict[str, Value], texts: list[str], facts: Sequence[Fact]) -> Caption:
    gender = (("gender", known["gender"]),) if "gender" in known else ()
    return Caption(" ".join(texts), gender + tuple(pair for fact in facts for pair in fact.stated))


def _choose(facts: Sequence[Fact], rng: random.Random, target: int) -> list[Fact]:
    """Facts that state about `target` values, sampled by weight, in their original order."""
    drawn = sorted(range(len(facts)), key=lambda i: -(rng.random() ** (1 / facts[i].phrase.weight)))
    chosen, count = [], 0
    for i in drawn:
        if count >= target:
            break
        chosen.append(i)
        count += len(facts[i].stated)
    return [facts[i] for i in sorted(chosen)]


def _arrange(facts: Sequence[Fact], rng: random.Random) -> list[Fact]:
    """The facts by theme, in a natural order with small random changes; within a theme, absences come last."""
    place = {theme: i + rng.triangular(-1.8, 1.8, 0) for i, theme in enumerate(_PARTS)}
    return sorted(facts, key=lambda f: (place[f.theme], f.fits("absent"), rng.random()))


def _chunk(facts: Sequence[Fact], rng: random.Random) -> Sequence[Fact]:
    """The next one to three facts to try in one sentence; all have themes of the same family."""
    family = FAMILIES[facts[0].theme]
    n = pick(rng, (1, 2, 2, 3))
    same = [f for f in facts[:n] if FAMILIES[f.theme] == family]
    return facts[: len(same)]


def _sentences(w: Writer, queue: list[Fact]) -> tuple[list[str], list[Fact]]:
    """Sentences of one to four facts each, and the facts that the sentences state."""
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
