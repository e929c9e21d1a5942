"""Sentence frames of yes/no and open questions, which give many wordings of one question.

A question combines a frame, the words for its attribute (`phrases.wordings`), a subject ("she", "this person") and a
typing style (such as lower case without a question mark). `ask_questions` never uses the `UNTRAINED` frames. The
evaluation's paraphrase score uses them to measure wordings that are not in the training data.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, Literal, NamedTuple

from unif2ace.language.facts import Value
from unif2ace.language.grammar import PRONOUNS, Voice, pick, sentence
from unif2ace.language.phrases import CHOICES, WORDS, YES_NO
from unif2ace.language.phrases.wordings import TOPICS, WORDINGS
from unif2ace.language.question_forms import Wording

Relation = Literal["seen", "worn", "had", "being", "doing", "parts", "feeling"]
Frames = Mapping[Relation, tuple[str, ...]]

TRAINED: Final[Frames] = {
    "seen": (
        "can you see {x}", "do you see {x}", "{be} there {x}", "{be} there {x} in the picture", "{x}", "any {bare}",
    ),
    "worn": (
        "{is} {they} wearing {x}", "{does} {they} wear {x}", "{does} {they} have {x} on", "{has} {they} got {x} on",
        "{does} {they} have {x}", "wearing {x}", "{is} {they} wearing {x} or not",
        "would you say {they} {is} wearing {x}", "tell me if {they} {is} wearing {x}",
    ),
    "had": (
        "{does} {they} have {x}", "{has} {they} got {x}", "{does} {they} have {x} or not",
        "would you say {they} {has} {x}", "tell me if {they} {has} {x}",
    ),
    "being": (
        "{is} {they} {x}", "{x}", "{is} {they} {x} or not", "would you say {they} {is} {x}",
        "tell me if {they} {is} {x}",
    ),
    "doing": ("{does} {they} {base}", "can you see {them} {x}", "do you see {them} {x}"),
    "parts": (
        "{be} {their} {part} {x}", "{be} the {part} {x}", "{be} {their} {part} {x} or not",
        "would you say {their} {part} {be} {x}", "tell me if {their} {part} {be} {x}",
    ),
    "feeling": (
        "{does} {they} look {x}", "{does} {they} seem {x}", "{is} {they} {x}", "{x}", "{does} {they} look {x} or not",
        "would you say {they} {looks} {x}", "tell me if {they} {looks} {x}",
    ),
}  # fmt: skip
"""Frames of training questions, by the kind of words that fill them. ``{be}`` agrees with these words, other verbs
agree with the subject."""
UNTRAINED: Final[Frames] = {
    "seen": ("{be} {x} visible", "can {x} be seen"),
    "worn": (
        "do you think {they} {is} wearing {x}", "can you tell if {they} {wears} {x}", "{is} {they} shown wearing {x}",
        "{is} {they} someone who wears {x}",
    ),
    "had": (
        "do you think {they} {has} {x}", "can you tell if {they} {has} {x}", "{is} {they} shown with {x}",
        "{is} {they} someone with {x}",
    ),
    "being": ("do you think {they} {is} {x}", "can you tell if {they} {is} {x}"),
    "doing": ("{does} {they} seem to be {x}", "{is} {they} shown {x}", "{is} {they} someone who {bases}"),
    "parts": (
        "do you think {their} {part} {be} {x}", "can you tell if {their} {part} {be} {x}",
        "{do} {their} {part} look {x}", "{do} {their} {part} seem {x}",
    ),
    "feeling": (
        "do you think {they} {looks} {x}", "can you tell if {they} {looks} {x}", "{does} {they} appear {x}",
        "{is} {they} feeling {x}",
    ),
}  # fmt: skip
"""Frames that only the evaluation uses; `TRAINED` contains none of them."""
OPEN: Final = (
    "what is {their} {x}", "what {x} {does} {they} have", "which {x} {does} {they} have", "tell me {their} {x}", "{x}",
)  # fmt: skip
"""Frames of open questions about a field in `phrases.wordings.TOPICS`."""

_PLAIN: Final = {"they": "the person", "them": "the person", "their": "the person's", "person": "person"}
_STRANGERS: Final = (
    *(_PLAIN, _PLAIN, _PLAIN),
    {"they": "this person", "them": "this person", "their": "this person's", "person": "person"},
    {"they": "this person", "them": "this person", "their": "this person's", "person": "person"},
    {**_PLAIN, "they": "the person in the picture", "them": "the person in the picture"},
    {**_PLAIN, "they": "the person in the photo", "them": "the person in the photo"},
    {**_PLAIN, "they": "the face in the picture", "them": "the face in the picture"},
    PRONOUNS[None],
)
_GENDERED: Final = {True: 0.25, False: 0.6}  # share of questions that tell the gender, by whether few are wanted
_TYPED: Final = ("Are?", "Are?", "Are?", "Are?", "Are?", "are?", "Are", "are")


class Form(NamedTuple):
    """A wording of a question.

    Attributes:
        text: The question, with slots for the subject.
        trained: Whether training questions can have this wording.
    """

    text: str
    trained: bool


def subject(known: Mapping[str, Value], rng: random.Random, *, neutral: bool) -> Voice:
    """A random way to refer to the person of a question.

    Args:
        known: Known values of the record.
        rng: Chooses the subject.
        neutral: Whether to reveal the gender in few questions only, because the gender often reveals the answer.
    """
    gender = known.get("gender")
    if gender is not None and rng.random() < _GENDERED[neutral]:
        he = PRONOUNS[gender]
        this = f"this {he['person']}"
        named = {"they": this, "them": this, "their": f"{this}'s", "person": he["person"]}
        return Voice(known, WORDS, rng, pronouns=pick(rng, (he, he, he, named)))
    chosen = pick(rng, _STRANGERS)
    return Voice(known, WORDS, rng, pronouns=chosen, plural=chosen is PRONOUNS[None])


def typed(text: str, rng: random.Random) -> str:
    """The question in a random typing style: mostly with a capital letter and a question mark, sometimes without."""
    style = pick(rng, _TYPED)
    mark = "" if style[-1].isalpha() else "." if text.startswith("tell me") else "?"
    text = sentence(text).removesuffix(".")
    return (text if style[0].isupper() else text.lower()) + mark


def plain(name: str) -> str:
    """The simplest wording of the question about a label or boolean field: "Is the person wearing eyeglasses?"."""
    voice = Voice({}, WORDS, random.Random(0), pronouns=_PLAIN)
    return sentence(YES_NO[name].ask[0].format_map(voice)).removesuffix(".") + "?"


def fitting(name: str, holds: bool, known: Mapping[str, Value]) -> bool:
    """Whether broad words, such as "glasses" that include sunglasses, have the same answer as the attribute itself."""
    return holds or all(known.get(other) is False for wording in WORDINGS[name] for other in wording.covers)


@cache
def yes_no_forms(name: str, *, broad: bool) -> tuple[Form, ...]:
    """All wordings of the question about a label or boolean field.

    Args:
        name: The label or field.
        broad: Whether to include words that also cover other attributes (see `fitting`).
    """
    found = dict.fromkeys(Form(text, True) for text in YES_NO[name].ask)
    for wording in WORDINGS[name]:
        if broad or not wording.covers:
            for frames, trained in ((TRAINED, True), (UNTRAINED, False)):
                found |= dict.fromkeys(Form(text, trained) for text in _filled(wording, frames))
    known = {form.text for form in found if form.trained}
    return tuple(form for form in found if form.trained or form.text not in known)


@cache
def trained_forms(name: str, *, broad: bool) -> tuple[str, ...]:
    """The wordings of `yes_no_forms` that training questions use."""
    return tuple(form.text for form in yes_no_forms(name, broad=broad) if form.trained)


@cache
def open_forms(field: str) -> tuple[str, ...]:
    """The wordings of an open question about a field with several values."""
    named = (frame.replace("{x}", topic) for topic in TOPICS.get(field, ()) for frame in OPEN)
    return tuple(dict.fromkeys((*CHOICES[field].what, *named)))


def _filled(wording: Wording, frames: Frames) -> Iterator[str]:
    """Fills the frames with the words of an attribute."""
    slots: list[tuple[Relation, dict[str, str]]] = []
    for noun in wording.worn:
        slots += [("worn", _noun(noun)), ("seen", _noun(noun))]
    for noun in wording.had:
        slots += [("had", _noun(noun)), ("seen", _noun(noun))]
    for participle, base in wording.doing:
        verb, _, rest = base.partition(" ")
        words = {"x": participle, "base": base, "bases": f"{verb}s {rest}".strip()}
        slots += [("being", words), ("doing", words)]
    slots += [("being", {"x": adjective}) for adjective in wording.being]
    slots += [("feeling", {"x": adjective}) for adjective in wording.feeling]
    slots += [("parts", {"x": adjective, "part": part, **_agreeing(part)}) for part, adjective in wording.parts]
    for relation, words in slots:
        for frame in frames[relation]:
            text = frame
            for slot, said in words.items():
                text = text.replace(f"{{{slot}}}", said)
            yield text


def _noun(noun: str) -> dict[str, str]:
    return {"x": noun, "bare": noun.removeprefix("a ").removeprefix("an "), **_agreeing(noun)}


def _agreeing(noun: str) -> dict[str, str]:
    """The verbs that agree with a noun."""
    plural = noun.endswith("s") and not noun.startswith(("a ", "an "))
    return {"be": "are", "do": "do"} if plural else {"be": "is", "do": "does"}
