"""Chooses a sentence for a group of facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from unif2ace.language.facts import Fact
from unif2ace.language.grammar import sentence
from unif2ace.language.sentence_templates import SKELETONS, Skeleton
from unif2ace.language.writer import Writer

_WORD = re.compile(r"[a-z'-]{3,}")
_MAY_REPEAT: Final = frozenset(
    {
        "the",
        "and",
        "her",
        "his",
        "she",
        "they",
        "are",
        "for",
        "has",
        "but",
        "not",
        "toward",
        "their",
        "that",
        "under",
        "there",
        "wears",
        "looks",
        "turned",
        "directed",
        "camera",
    }
)


def write_sentence(w: Writer, facts: Sequence[Fact], recent: list[Skeleton]) -> str | None:
    """Writes one sentence that states all the facts; None if no template fits or every try repeats a word.

    Args:
        w: The caption's writer.
        facts: Facts to state, in order.
        recent: Templates of the sentences so far. The template of the new sentence is appended.
    """
    options = [s for s in SKELETONS if s.fits(facts) and s not in recent[-2:]]
    if not options and len(facts) == 1:
        options = [s for s in SKELETONS if s.fits(facts)]
    for _ in range(3):
        if not options:
            return None
        skeleton = w.rng.choices(options, [s.weight for s in options])[0]
        lead = w.lead(facts) if skeleton.leads else ""
        text = sentence(lead + skeleton.write(w, facts))
        if not repeats_itself(text):
            recent.append(skeleton)
            w.themes.update(fact.theme for fact in facts)
            w.led = bool(lead)
            return text
        if len(facts) > 1:
            options.remove(skeleton)
    return None


def repeats_itself(text: str) -> bool:
    """Whether a word that is not in `_MAY_REPEAT` (such as "the") occurs twice in the sentence."""
    words = [word for word in _WORD.findall(text.lower()) if word not in _MAY_REPEAT]
    return len(set(words)) < len(words)
