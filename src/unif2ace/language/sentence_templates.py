"""Sentence templates that state one or several facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from unif2ace.language.facts import Fact, Slot
from unif2ace.language.grammar import Voice, pick
from unif2ace.language.writer import Writer

FEATURES: Final = ("hair", "face", "eyes", "facial_hair")
FAMILIES: Final = {
    **dict.fromkeys(FEATURES, "features"), "makeup": "wear", "wear": "wear", "action": "action", "emotion": "action",
    "person": "person", "setting": "setting",
}  # fmt: skip
"""The family of each theme. Facts of the same family can share a sentence."""
_DETAILS: Final = frozenset(
    {"bangs", "receding_hairline", "freckles", "rosy_cheeks", "high_cheekbones", "double_chin", "big_nose", "full_lips"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """A sentence template.

    Attributes:
        weight: Sampling weight.
        fits: Whether the template can state the given facts in one sentence.
        write: Writes the sentence.
        leads: Whether the sentence may start with a transition, such as "as for the hair".
    """

    weight: float
    fits: Callable[[Sequence[Fact]], bool]
    write: Callable[[Writer, Sequence[Fact]], str]
    leads: bool = False


def _all(slot: Slot, *themes: str) -> Callable[[Sequence[Fact]], bool]:
    """A predicate: all facts fit the slot and, if themes are given, have one of these themes."""
    return lambda facts: all(slot in f.phrase.slots and (not themes or f.theme in themes) for f in facts)


def _then(first: Callable[[Sequence[Fact]], bool], last: Slot) -> Callable[[Sequence[Fact]], bool]:
    """A predicate: all facts but the last satisfy `first`, and the last is an action or emotion that fits `last`."""

    def fits(facts: Sequence[Fact]) -> bool:
        acts = len(facts) > 1 and FAMILIES[facts[-1].theme] == "action" and facts[-1].fits(last)
        return acts and first(facts[:-1])

    return fits


def _but_no(slot: Slot) -> Callable[[Sequence[Fact]], bool]:
    """A predicate: facts that fit the slot, then absences of the same kind (worn items, or features)."""
    worn = slot == "worn"

    def fits(facts: Sequence[Fact]) -> bool:
        absent = [f.fits("absent") for f in facts]
        return (
            0 < sum(absent) < len(facts)
            and absent == sorted(absent)
            and all((f.theme in ("wear", "makeup")) == worn if f.fits("absent") else f.fits(slot) for f in facts)
        )

    return fits


def _says(w: Writer, verb: str, said: str) -> str:
    subject, voice = w.subject()
    return f"{subject} {voice['is']} wearing {said}" if verb == "wearing" else f"{subject} {voice[verb]} {said}"


def _has(w: Writer, facts: Sequence[Fact]) -> str:
    return _says(w, "has", w.join(facts, "noun"))


def _wears(w: Writer, facts: Sequence[Fact]) -> str:
    return _says(w, pick(w.rng, ("wears", "wearing")), w.join(facts, "worn"))


def _features_include(w: Writer, facts: Sequence[Fact]) -> str:
    whose = pick(w.rng, (w.noun["their"], f"the {w.noun['person']}'s"))
    return f"{whose} features include {w.join(facts, 'noun')}"


def _can_be_seen(w: Writer, facts: Sequence[Fact]) -> str:
    return f"{w.join(facts, 'noun')} {pick(w.rng, ('can be seen', 'are visible'))}"


def _clauses(w: Writer, facts: Sequence[Fact]) -> str:
    said = [w.say(fact, "clause") for fact in facts]
    if len(said) == 2:
        plain = not any(" and " in clause for clause in said)
        return pick(w.rng, (", and ", " and ", "; ", ", while ") if plain else ("; ", ", while ")).join(said)
    return w.list(said)


def _clause_with(w: Writer, facts: Sequence[Fact]) -> str:
    return f"{w.say(facts[0], 'clause')}, with {w.join(facts[1:], 'noun')}"


def _predicates(w: Writer, facts: Sequence[Fact]) -> str:
    subject, voice = w.subject()
    return f"{subject} {w.list([_predicate(w, fact, voice) for fact in facts])}"


def _predicate(w: Writer, fact: Fact, voice: Voice) -> str:
    if fact.fits("does"):
        return w.say(fact, "does", voice)
    if fact.fits("state"):
        return f"{voice['is']} {w.say(fact, 'state')}"
    if fact.fits("absent"):
        return f"{voice['wears' if FAMILIES[fact.theme] == 'wear' else 'has']} no {_nothing(w, [fact])}"
    return f"{voice['wears']} {w.say(fact, 'worn')}" if fact.fits("worn") else f"{voice['has']} {w.say(fact, 'noun')}"


def _has_but_no(w: Writer, facts: Sequence[Fact]) -> str:
    present = [f for f in facts if not f.fits("absent")]
    return f"{_has(w, present)} but no {_nothing(w, facts[len(present) :])}"


def _wears_but_no(w: Writer, facts: Sequence[Fact]) -> str:
    present = [f for f in facts if not f.fits("absent")]
    return f"{_wears(w, present)} but no {_nothing(w, facts[len(present) :])}"


def _nothing(w: Writer, facts: Sequence[Fact]) -> str:
    return w.list([w.say(fact, "absent").removeprefix("a ") for fact in facts], "or")


def _has_no(w: Writer, facts: Sequence[Fact]) -> str:
    return _says(w, "has", f"no {_nothing(w, facts)}")


def _wears_no(w: Writer, facts: Sequence[Fact]) -> str:
    return _says(w, pick(w.rng, ("wears", "wearing")), f"no {_nothing(w, facts)}")


def _does_not_wear(w: Writer, facts: Sequence[Fact]) -> str:
    subject, voice = w.subject()
    return f"{subject} {voice['does']} not wear {w.join(facts, 'absent', 'or')}"


def _none_visible(w: Writer, facts: Sequence[Fact]) -> str:
    if w.rng.random() < 0.5:
        return f"no {_nothing(w, facts)} can be seen"
    return f"there is no sign of {w.join(facts, 'absent', 'or')}"


def _with_does(w: Writer, facts: Sequence[Fact]) -> str:
    lead = f"with {w.join(facts[:-1], 'noun')}"
    subject, voice = w.subject()
    return f"{lead}, {subject} {w.say(facts[-1], 'does', voice)}"


def _wearing_does(w: Writer, facts: Sequence[Fact]) -> str:
    lead = f"wearing {w.join(facts[:-1], 'worn')}"
    subject, voice = w.subject()
    return f"{lead}, {subject} {w.say(facts[-1], 'does', voice)}"


def _does_with(w: Writer, facts: Sequence[Fact]) -> str:
    subject, voice = w.subject()
    comma = pick(w.rng, (", ", " with ")) if len(facts) == 2 else " with "
    return f"{subject} {w.say(facts[0], 'does', voice)}{comma}{w.join(facts[1:], 'noun')}"


def _doing_does(w: Writer, facts: Sequence[Fact]) -> str:
    lead = w.say(facts[0], "doing")
    subject, voice = w.subject()
    return f"{lead}, {subject} {w.say(facts[1], 'does', voice)}"


def _does_doing(w: Writer, facts: Sequence[Fact]) -> str:
    subject, voice = w.subject()
    return f"{subject} {w.say(facts[0], 'does', voice)}, {w.say(facts[1], 'doing')}"


def _is_doing(w: Writer, facts: Sequence[Fact]) -> str:
    subject, voice = w.subject()
    return f"{subject} {voice['is']} {w.join(facts, 'doing')}"


def _base_with_details(facts: Sequence[Fact]) -> bool:
    """Whether a clause about the hair or face comes first, then its details: "her face is oval, with big eyes"."""
    first, *rest = facts
    return (
        bool(rest)
        and first.stated[0][0] in ("hair_colour", "face_shape")
        and first.fits("clause")
        and all(f.theme == first.theme and f.fits("noun") and f.stated[0][0] in _DETAILS for f in rest)
    )


def _pair(first: Slot, second: Slot) -> Callable[[Sequence[Fact]], bool]:
    return _one_family(lambda facts: len(facts) == 2 and facts[0].fits(first) and facts[1].fits(second))


def _mixed(facts: Sequence[Fact]) -> bool:
    """Whether all facts can be predicates, and no verb other than "does" occurs twice."""
    kinds = [_kind(fact) for fact in facts]
    if len(facts) == 1:
        return kinds[0] in ("does", "state")
    return None not in kinds and len({k for k in kinds if k != "does"}) + kinds.count("does") == len(kinds)


def _kind(fact: Fact) -> str | None:
    """The kind of verb that states the fact as a predicate; None if the fact cannot be a predicate."""
    if fact.fits("does"):
        return "does"
    if fact.fits("state"):
        return "state"
    if FAMILIES[fact.theme] == "wear":
        return "wear"
    return "have" if fact.theme in FEATURES and (fact.fits("absent") or fact.fits("noun")) else None


def _does_and_holds(facts: Sequence[Fact]) -> bool:
    """Whether an action or emotion comes first, then states of the mouth, eyes or head."""
    first, *rest = facts
    return FAMILIES[first.theme] == "action" and first.fits("does") and bool(rest) and _all("noun", "action")(rest)


def _one_family(fits: Callable[[Sequence[Fact]], bool]) -> Callable[[Sequence[Fact]], bool]:
    return lambda facts: len({FAMILIES[f.theme] for f in facts}) == 1 and fits(facts)


def _two_or_more(fits: Callable[[Sequence[Fact]], bool]) -> Callable[[Sequence[Fact]], bool]:
    return lambda facts: len(facts) > 1 and fits(facts)


_FEATURE_NOUNS: Final = _all("noun", *FEATURES)

SKELETONS: Final = (
    Skeleton(2.0, _all("noun", *FEATURES), _has, leads=True),
    Skeleton(0.8, _two_or_more(_FEATURE_NOUNS), _features_include),
    Skeleton(0.4, _two_or_more(_FEATURE_NOUNS), _can_be_seen),
    Skeleton(7.0, _one_family(_all("clause")), _clauses, leads=True),
    Skeleton(3.0, _base_with_details, _clause_with),
    Skeleton(1.2, _one_family(_mixed), _predicates, leads=True),
    Skeleton(4.0, _all("worn"), _wears, leads=True),
    Skeleton(2.0, _but_no("noun"), _has_but_no, leads=True),
    Skeleton(2.0, _but_no("worn"), _wears_but_no, leads=True),
    Skeleton(2.0, _all("absent", *FEATURES), _has_no, leads=True),
    Skeleton(2.0, _all("absent", "wear", "makeup"), _wears_no, leads=True),
    Skeleton(2.0, _all("absent", "wear", "makeup"), _does_not_wear, leads=True),
    Skeleton(1.0, _two_or_more(_all("absent")), _none_visible),
    Skeleton(1.5, _then(_FEATURE_NOUNS, "does"), _with_does),
    Skeleton(2.0, _then(_all("noun", "action"), "does"), _with_does),
    Skeleton(4.0, _then(_all("worn"), "does"), _wearing_does),
    Skeleton(3.0, _does_and_holds, _does_with, leads=True),
    Skeleton(2.0, _pair("doing", "does"), _doing_does),
    Skeleton(2.0, _pair("does", "doing"), _does_doing),
    Skeleton(0.6, _all("doing"), _is_doing),
)
