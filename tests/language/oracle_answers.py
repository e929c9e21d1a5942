"""Whether a question and its answer are about the same thing, agree with each other, and are true of a record."""

from __future__ import annotations

from collections.abc import Iterator

from oracle import EITHER, Fault, check, describe, holds, label_of, misspelt, read_as
from oracle_parser import SUPPOSED, Statement

from unif2ace.attributes import TAXONOMY, AttributeRecord

# What can be seen in a face that has an emotion, and so may be given as the reason for naming it.
EVIDENCE: dict[str, dict[str, bool]] = {
    "happiness": {"smile": True, "laugh": True},
    "sadness": {"frown": True, "smile": False},
    "anger": {"frown": True, "glare": True, "smile": False},
    "surprise": {"mouth_open": True, "smile": False},
    "fear": {"mouth_open": True, "frown": True, "smile": False},
    "neutral": {"smile": False, "laugh": False, "frown": False, "glare": False, "mouth_open": False},
}
# What hides what: the fields that are null and the reasons that can be given.
HIDDEN = {
    "eye_colour": (("eye_colour",), ("sunglasses", "eyes_closed")),
    "mouth": (("smile", "laugh", "mouth_open"), ("mask",)),
}
ACCESSORIES = ("glasses", "hat", "mask", "earrings", "necklace", "necktie")
GROUPS = {
    "face": ("face", "skin"),  # the skin of the face is part of it
    "eyes": ("eyes",),
    "accessories": ("accessories",),
}


def faults_of_answer(
    question: str, answer: str, kind: str, attribute: str | None, record: AttributeRecord
) -> list[Fault]:
    """All that is wrong with a question, its answer, and what they are filed under."""
    faults = [*misspelt(carefully(question), "?"), *misspelt(answer, ".")]
    asked, wrong = statements(f"ask_{kind}", carefully(question)[:-1])
    faults += wrong
    if wrong:
        return faults
    rule = f"say_{_field_asked(asked)}" if kind in ("what", "which") else f"answer_{kind}"
    said, wrong = statements(rule, answer)
    faults += wrong
    if wrong:
        return faults
    told = [s for s in said if s.attribute not in ("says", "number")]
    faults += check(told if kind != "count" else [s for s in told if s.attribute in SUPPOSED], record)
    faults += check(_supposed(asked), record)
    return [*faults, *_KINDS[kind](asked, said, attribute, record)]


def carefully(question: str) -> str:
    """A question with the capital and the mark that people who type leave out."""
    mark = "." if question.lower().startswith("tell me") else "?"
    return f"{question[:1].upper()}{question[1:].removesuffix(mark)}?"


def statements(rule: str, text: str) -> tuple[list[Statement], list[Fault]]:
    """What a text states, by one rule."""
    items, faults = read_as(rule, text)
    return sorted((i for i in items if isinstance(i, Statement)), key=repr), list(faults)


def _field_asked(asked: list[Statement]) -> str:
    """The field that a question is about; who somebody is is only asked where nothing else is."""
    named = [str(s.value) for s in asked if s.attribute == "asks"]
    others = [s.attribute for s in asked if s.attribute not in ("gender", "they")]
    return (named or others or ["gender"])[0]


def _supposed(asked: list[Statement]) -> list[Statement]:
    """What a question takes for granted of the person; it may say "they" of anyone."""
    field = _field_asked(asked)
    return [s for s in asked if s.attribute in SUPPOSED and s.attribute not in (field, "they")]


def _told(said: list[Statement], field: str) -> list[Statement]:
    return [s for s in said if s.attribute == field]


def _yes_no(
    asked: list[Statement], said: list[Statement], attribute: str | None, record: AttributeRecord
) -> Iterator[Fault]:
    field = _field_asked(asked)
    about = _told(asked, field)
    if len(about) != 1:
        yield Fault("mismatch", f"a yes/no question asks {len(about)} things")
        return
    question = about[0]
    yes = said_value(said, "says") == "yes"
    if holds(question, record) is not yes:
        yield Fault("false", f"{'yes' if yes else 'no'} to whether {describe(question)}")
    replies = [s for s in said if s.attribute == field or s.attribute in EITHER.get(field, ())]
    if not replies or not all(agrees(r, question) is yes for r in replies):
        yield Fault(
            "mismatch", f"{'yes' if yes else 'no'} to whether {describe(question)}: {list(map(describe, said))}"
        )
    if attribute not in (field, label_of(field, question.value), *EITHER.get(field, ())):
        yield Fault("mismatch", f"{describe(question)} is filed under {attribute!r}")


def agrees(reply: Statement, question: Statement) -> bool | None:
    """Whether a reply says yes to what a question states; None where it says neither yes nor no."""
    if reply.value == question.value:
        return reply.holds == question.holds
    return not question.holds if reply.holds else None


def said_value(said: list[Statement], name: str) -> str:
    """The value of what was said, where there is one of that name."""
    return str(next((s.value for s in said if s.attribute == name), ""))


def _what(
    asked: list[Statement], said: list[Statement], attribute: str | None, record: AttributeRecord
) -> Iterator[Fault]:
    field = _field_asked(asked)
    replies = [s for s in _told(said, field) if s.holds]
    if len(replies) != 1:
        yield Fault("mismatch", f"a question of {field!r} is answered by {list(map(describe, said))}")
    yield from _filed(attribute, field)


def _which(
    asked: list[Statement], said: list[Statement], attribute: str | None, record: AttributeRecord
) -> Iterator[Fault]:
    field = _field_asked(asked)
    options = _told(asked, field)
    if len(options) < 2:
        yield Fault("mismatch", f"a choice of {len(options)} options")
    if sum(holds(o, record) is True for o in options) != 1:
        yield Fault("mismatch", f"of the options {[o.value for o in options]} not one is true")
    if not set(_told(said, field)) <= set(options) or len(_told(said, field)) != 1:
        yield Fault("mismatch", f"{list(map(describe, said))} is not one of the options {[o.value for o in options]}")
    yield from _filed(attribute, field)


def _filed(attribute: str | None, field: str) -> Iterator[Fault]:
    if attribute != field:
        yield Fault("mismatch", f"a question of {field!r} is filed under {attribute!r}")


def _count(
    asked: list[Statement], said: list[Statement], attribute: str | None, record: AttributeRecord
) -> Iterator[Fault]:
    items = [s for s in asked if s.attribute not in (*SUPPOSED, "asks")]
    if _field_asked(asked) == "accessories":
        items = [Statement(name, True) for name in ACCESSORIES]
    elif len(items) < 2:
        yield Fault("mismatch", f"a count of {len(items)} things")
    truths = {item: holds(item, record) for item in items}
    yield from (Fault("unsupported", f"counting whether {describe(i)}") for i, t in truths.items() if t is None)
    present = {item for item, truth in truths.items() if truth}
    named = {s for s in said if s.attribute not in (*SUPPOSED, "number")}
    if said_value(said, "number") != str(len(present)) or named != present:
        yield Fault("false", f"counted {list(map(describe, said))}, where there are {list(map(describe, present))}")
    for item in items:
        field = EITHER.get(item.attribute, (item.attribute,))[0]
        if attribute not in GROUPS or TAXONOMY.fields[field].group not in GROUPS[attribute]:
            yield Fault("mismatch", f"{describe(item)} is counted under {attribute!r}")


def _reason(
    asked: list[Statement], said: list[Statement], attribute: str | None, record: AttributeRecord
) -> Iterator[Fault]:
    topic = _field_asked(asked)
    evidence = [s for s in said if s.attribute not in (*SUPPOSED, topic)]
    if not evidence:
        yield Fault("mismatch", "no reason is given")
    if topic in HIDDEN:
        yield from _hidden(topic, evidence, attribute, record)
    elif topic == "facial_hair":
        yield from _shaven(said, evidence, attribute)
    else:
        yield from _emotion(asked, said, evidence, attribute)


def _hidden(topic: str, evidence: list[Statement], attribute: str | None, record: AttributeRecord) -> Iterator[Fault]:
    fields, reasons = HIDDEN[topic]
    yield from (Fault("false", f"{f!r} is called hidden and is {record[f]!r}") for f in fields if record[f] is not None)
    for said in evidence:
        if said.attribute not in reasons or not said.holds:
            yield Fault("mismatch", f"{describe(said)} does not hide {topic!r}")
    if attribute not in {s.attribute for s in evidence}:
        yield Fault("mismatch", f"{[s.attribute for s in evidence]} is filed under {attribute!r}")


def _shaven(said: list[Statement], evidence: list[Statement], attribute: str | None) -> Iterator[Fault]:
    whole = _told(said, "facial_hair")
    if len(whole) != 1:
        yield Fault("mismatch", "the answer does not say whether there is facial hair")
    elif any(s.attribute not in EITHER["facial_hair"] or s.holds != whole[0].holds for s in evidence):
        yield Fault("mismatch", f"{list(map(describe, evidence))} does not show that {describe(whole[0])}")
    if attribute not in ("facial_hair", *EITHER["facial_hair"]):
        yield Fault("mismatch", f"facial hair is filed under {attribute!r}")


def _emotion(
    asked: list[Statement], said: list[Statement], evidence: list[Statement], attribute: str | None
) -> Iterator[Fault]:
    named = _told(said, "emotion")
    if len(named) != 1 or any(s.value != named[0].value for s in _told(asked, "emotion")):
        yield Fault("mismatch", f"{list(map(describe, asked))} is answered by {list(map(describe, named))}")
        return
    shown = EVIDENCE[str(named[0].value)]
    for reason in evidence:
        if shown.get(reason.attribute) is not reason.holds:
            yield Fault("mismatch", f"{describe(reason)} is not evidence of {named[0].value}")
    yield from _filed(attribute, "emotion")


_KINDS = {"yes_no": _yes_no, "what": _what, "which": _which, "count": _count, "reason": _reason}
