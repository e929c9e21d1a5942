"""Parses edit instructions ("with glasses", "remove the beard"), and describes a face before and after the edit."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.captions import Style, compose_caption, write_caption
from unif2ace.language.facts import Value, known_values
from unif2ace.language.grammar import Voice, sentence
from unif2ace.language.phrases import LEXICON, WORDS, YES_NO
from unif2ace.language.reading import ParsedCaption, read_text
from unif2ace.language.sentences import write_sentence
from unif2ace.language.writer import Writer

_REMOVES: Final = re.compile(
    r"^(?:please )?(?:remove|delete|erase|take off|take away|get rid of|lose|drop|no more) "
    r"(?:the |his |her |their |any )?"
)
_ADDS: Final = re.compile(
    r"^(?:please )?(?:add|put on|put|wear|wearing|turn|change|give|make|let|have)"
    r"(?: (?:him|her|them|it|the person|the face"
    r"|to|into|be))*(?= )"
)
_SPELLED: Final = {
    r"\b(?:older|old)\b": "elderly", r"\byounger\b": "young", r"\bshaved\b": "clean-shaven",
    r"\bclosed eyes\b": "eyes closed", r"\bopen mouth\b": "mouth open", r"\bclosed mouth\b": "no mouth open",
    r"\b(?:eye)?glasses off\b": "without glasses", r"\b(?:big|broad|wide|slight) (?=smile)": "",
    r"\b(?:looking|look|looks) (?=left|right|up|down)": "looks to the ", r"\bto the (?=up|down)": "",
    r"\bmakeup\b": "heavy makeup", r"\bheavy heavy\b": "heavy", r"\b(?:a )?suit\b(?! jacket)": "a suit jacket",
}  # fmt: skip
_FRAMES: Final = ("{}", "a {}", "their {}", "they look {}", "they appear {}", "they {}", "with {} hair", "a {} person")
"""Frames that make a sentence of an instruction. The frame that leaves the fewest unknown words is used."""
_MARKS: Final = re.compile(r"[,;.!]")
_JOINTS: Final = re.compile(r"\band\b|\bbut\b|\bthen\b")
_DENIES: Final = re.compile(r"^(?:without|no|not)\b")
_AFFIRMS: Final = re.compile(r"^(?:with|add|put|give|make|wear|wearing|turn|change|has|have|is)\b")
_PERSON: Final = re.compile(r"\b(?:man|woman|male|female)\b")
_PARTS: Final = frozenset({"hair", "eyes", "skin", "face", "lips", "mouth", "head"})
_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True)
class Instruction:
    """A parsed edit instruction.

    Attributes:
        text: The instruction as written.
        values: Requested values, by field or by negated label.
        rest: Parts without any known phrase. They are appended unchanged to the description after the edit.
        unread: Unknown words in the parts that do contain a known phrase.
    """

    text: str
    values: Mapping[str, Value]
    rest: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_instruction(text: str) -> Instruction:
    """Parses an instruction such as "with glasses", "remove the beard", "make her smile" or "blond hair, no hat".

    Args:
        text: Any text. Nouns such as "a man" or "a woman" request a gender; pronouns do not.
    """
    values: dict[str, Value] = {}
    rest: list[str] = []
    unread: list[str] = []
    for clause in _clauses(_plain(text)):
        found = _read(clause)
        wanted = {n: v for n, v in found.statements if n != "gender" or _PERSON.search(clause)}
        if wanted:
            values |= wanted
            unread += (word for word in found.unread if word not in _PARTS)
        elif clause:
            rest.append(clause)
    return Instruction(text, values, tuple(rest), tuple(unread))


def _plain(text: str) -> str:
    plain = " ".join(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    for pattern, spelled in _SPELLED.items():
        plain = re.sub(pattern, spelled, plain)
    return plain


def _clauses(text: str) -> list[str]:
    """The parts of an instruction. In "without glasses and beard", "without" applies to both nouns."""
    if not _DENIES.match(_verbless(text)) and _complete(_read(_verbless(text))):
        return [_verbless(text)]
    clauses: list[str] = []
    for phrase in _MARKS.split(text):
        denied = False
        for written in filter(None, map(str.strip, _JOINTS.split(phrase))):
            part = _verbless(written)
            denied = bool(_DENIES.match(part)) or (denied and not _AFFIRMS.match(written))
            clauses.append(part if not denied or _DENIES.match(part) else f"without {part}")
    return clauses


def _verbless(clause: str) -> str:
    clause = _REMOVES.sub("without ", clause.strip(" ,.;!"))
    shorter = _ADDS.sub("", clause).strip()
    return shorter or clause


def _read(clause: str) -> ParsedCaption:
    bare = clause.removeprefix("with ")
    tried = [read_text(frame.format(bare)) for frame in _FRAMES]
    return min(tried, key=lambda found: (len(found.unread), -len(found.statements)))


def _complete(found: ParsedCaption) -> bool:
    return bool(found.statements) and not found.unread


@dataclass(frozen=True, slots=True)
class Change:
    """Descriptions of a face before and after an edit, which differ only in the changed values.

    Attributes:
        before: Description without the change.
        after: Description with the change.
        fields: The fields that change.
    """

    before: str
    after: str
    fields: tuple[str, ...]


def describe_change(
    record: AttributeRecord, values: Mapping[str, Value], rest: tuple[str, ...] = (), seed: int = 0,
    style: Style = "dense",
) -> Change:  # fmt: skip
    """Describes a face before and after an edit.

    Both descriptions share the sentences about the unchanged values. The last sentences state the changed values. After
    the edit these are the requested values; before the edit, the known values or the opposite of the requested ones.

    Args:
        record: Known attributes of the face before the edit.
        values: Values after the edit, by field or negated label. Include the values that the edit implies.
        rest: Free text that is appended to the description after the edit.
        seed: Chooses facts and wording.
        style: As in `compose_caption`.
    """
    fields = tuple(dict.fromkeys(_field(name) for name in values))
    kept = record.hide(*fields)
    gender = "gender" in fields
    told = {"gender": values["gender"]} if gender else {"gender": record["gender"]}
    earlier = kept.replace(gender=record["gender"]) if gender and record["gender"] else kept
    later = kept.replace(**told) if gender else kept
    changed = {name: value for name, value in values.items() if name != "gender"}
    before = [write_caption(earlier, seed, style), *_sentences(_before(record, changed), record["gender"], seed)]
    after = [write_caption(later, seed, style), *_sentences(changed, told["gender"], seed), *map(_free, rest)]
    return Change(" ".join(before), " ".join(after), fields)


def state_values(values: Mapping[str, Value], seed: int = 0) -> str:
    """Writes a prompt that states the given values, except values for which the grammar has no words.

    Args:
        values: Values by field or negated label.
        seed: Chooses the wording.

    Raises:
        DataError: If a value does not belong to its field, or the values contradict each other.
    """
    record = AttributeRecord(values)
    caption = compose_caption(record, seed, "short")
    missing = {n: v for n, v in known_values(record).items() if n not in dict(caption.stated)}
    return " ".join([caption.text, *_sentences(missing, record["gender"], seed)])


def _before(record: AttributeRecord, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values before the edit: the opposite of a requested boolean, else the known value of a changed field."""
    found: dict[str, Value] = {}
    for name, value in values.items():
        known = record[name] if name in TAXONOMY.fields else None
        if isinstance(value, bool):
            found[name] = not value
        elif known is not None and known != value:
            found[name] = known
    return found


def _sentences(values: Mapping[str, Value], gender: Value, seed: int) -> list[str]:
    """One sentence for each fact. Values that captions never state are worded like an answer: "has no beard"."""
    rng = random.Random(f"unif2ace/change/{seed}")
    texts: list[str] = []
    missing = dict(values)
    known = {**values, "gender": gender} if gender else values
    for fact in LEXICON.facts(known, rng):
        found = (write_sentence(Writer(known, rng), [fact], []) for _ in range(_ATTEMPTS))
        if missing.keys() & dict(fact.stated).keys() and (text := next(filter(None, found), None)):
            texts.append(text)
            missing = {name: value for name, value in missing.items() if name not in dict(fact.stated)}
    voice = Voice(known, WORDS, rng, plural=gender is None)
    for name, value in missing.items():
        if isinstance(value, bool) and name in YES_NO:
            answers = YES_NO[name].yes if value else YES_NO[name].no
            texts.append(sentence(answers[0].format_map(voice)))
    return texts


def _free(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def _field(name: str) -> str:
    return name if name in TAXONOMY.fields else TAXONOMY.labels[name].field


def known_record(text: str) -> AttributeRecord:
    """Parses a caption into an attribute record. A field with contradictory statements is unknown.

    Args:
        text: A caption, such as one that the model generated.
    """
    values: dict[str, Value] = {}
    dropped: set[str] = set()
    for name, value in read_text(text).statements:
        if name in values and values[name] != value:
            dropped.add(name)
        values[name] = value
    return _record({name: value for name, value in values.items() if name not in dropped})


def _record(values: Mapping[str, Value]) -> AttributeRecord:
    """A record of the values. Drops a negated label if its field has a value, and a detail without its attribute."""
    fields = {name: value for name, value in values.items() if name in TAXONOMY.fields}
    for name in list(fields):
        required = TAXONOMY.fields[name].requires
        if required and fields.get(required) is not True:
            del fields[name]
    denied = {n: v for n, v in values.items() if n not in TAXONOMY.fields and TAXONOMY.labels[n].field not in fields}
    return AttributeRecord({**fields, **denied})


def changed_record(record: AttributeRecord, values: Mapping[str, Value]) -> AttributeRecord:
    """The record with changed values. A new value or negated label replaces the old values of its field."""
    fields = {_field(name) for name in values}
    kept: dict[str, Value] = {n: v for n, v in known_values(record).items() if _field(n) not in fields}
    return _record({**kept, **values})
