"""Fast validation of KEY.json against its schema, run for every sample that is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Final, NoReturn

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.data.shards.decode import decode_json
from unif2ace.data.shards.faults import SampleFault
from unif2ace.data.shards.sample import SCHEMA_VERSION, Metadata
from unif2ace.errors import DataError, check_list, nearest
from unif2ace.language.question import KINDS, Question

KNOWN: Final = frozenset(
    ("schema", "source", "license", "licence", "caption", "captions", "attributes", "qa", "provenance", "identity")
)
# Sets are compared at once: a Python loop over 60 attributes would cost half as much as decoding the image.
_ENTRIES: Final = frozenset(
    [(f.name, v) for f in TAXONOMY.fields.values() for v in (*f.values, None)]
    + [(name, v) for name in TAXONOMY.labels for v in (True, False, None)]
)
_FIELDS: Final = frozenset(TAXONOMY.fields)
_ASKED_ABOUT: Final = frozenset((*TAXONOMY.fields, *TAXONOMY.labels, *TAXONOMY.groups, None))  # groups: for counting
_REQUIRES: Final = tuple((f.name, f.requires) for f in TAXONOMY.fields.values() if f.requires)
_PLAIN: Final = frozenset((str, bool, type(None)))
_question_row: Final = itemgetter(*Question._fields)
_question: Final = partial(tuple.__new__, Question)  # `Question._make` without its Python frame


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits and requirements of a sample's metadata.

    Attributes:
        max_caption: Maximum length of a caption in characters.
        max_captions: Maximum number of captions besides the main caption.
        max_questions: Maximum number of questions.
        max_text: Maximum length of a question, answer or other text in characters.
        max_bytes: Maximum size of KEY.json in bytes.
        require: Entries that must not be missing or empty, such as ``("caption", "qa")``.
    """

    max_caption: int = 4000
    max_captions: int = 64
    max_questions: int = 256
    max_text: int = 4000
    max_bytes: int = 1 << 22
    require: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_list(self.require, "require")
        for name in self.require:
            if name not in KNOWN:
                raise DataError(f"require has {name!r}, which is not an entry of the schema{nearest(name, KNOWN)}")


DEFAULT_RULES: Final = Rules()


def parse_metadata(data: bytes, rules: Rules = DEFAULT_RULES) -> Metadata:
    """Reads and validates KEY.json.

    Args:
        data: The file's bytes.
        rules: Limits and required entries.

    Raises:
        SampleFault: With cause ``json`` if the file is not JSON, ``size`` if it is too large, ``missing`` if a required
            entry is missing or empty, ``schema`` if an entry violates the schema.
    """
    if len(data) > rules.max_bytes:
        raise SampleFault("size", f"the metadata has {len(data):,} bytes; the limit is {rules.max_bytes:,}")
    return check_metadata(decode_json(data), rules)


def check_metadata(tree: Any, rules: Rules = DEFAULT_RULES) -> Metadata:
    """Validates the parsed contents of a KEY.json.

    Args:
        tree: The JSON tree.
        rules: Limits and required entries.

    Raises:
        SampleFault: If an entry is missing or violates the schema.
    """
    if type(tree) is not dict:
        _refuse("the metadata", tree, "an object")
    get = tree.get
    if get("schema") != SCHEMA_VERSION or type(get("schema")) is not int:
        _refuse("schema", get("schema"), f"{SCHEMA_VERSION}")
    caption, captions = get("caption"), get("captions", [])
    identity, provenance = get("identity"), get("provenance", {})
    if caption is not None:
        _check_text("caption", caption, rules.max_caption)
    if type(captions) is not list or len(captions) > rules.max_captions:
        _refuse("captions", captions, f"a list of at most {rules.max_captions}")
    for place, further in enumerate(captions):
        _check_text("captions", further, rules.max_caption, place)
    if identity is not None:
        _check_text("identity", identity, rules.max_text)
    if type(provenance) is not dict:
        _refuse("provenance", provenance, "an object")
    _check_text("source", get("source"), rules.max_text)
    license = get("license", get("licence"))  # data written before 0.2 has "licence"
    _check_text("license", license, rules.max_text)
    for name in rules.require:
        if not get(name):
            raise SampleFault("missing", f"entry {name!r} is {'empty' if name in tree else 'missing'}")
    return Metadata(
        tree["source"],
        str(license),
        caption,
        tuple(captions),
        _check_attributes(get("attributes", {})),
        _check_questions(get("qa", []), rules),
        provenance,
        identity,
        {} if KNOWN.issuperset(tree) else {k: v for k, v in tree.items() if k not in KNOWN},
    )


def _check_attributes(values: Any) -> dict[str, str | bool | None]:
    if type(values) is not dict:
        _refuse("attributes", values, "an object")
    # Types are checked first: 1 equals true, and a list cannot be looked up in a set.
    if not (_PLAIN.issuperset(map(type, values.values())) and _ENTRIES.issuperset(values.items()) and _agree(values)):
        try:
            AttributeRecord(values)  # raises an error with the reason
        except (DataError, TypeError) as error:
            raise SampleFault("schema", f"entry 'attributes': {error}") from error
    return values


def _agree(values: Mapping[str, str | bool | None]) -> bool:
    """Whether every field's required field is true, and no label contradicts its field."""
    for name, required in _REQUIRES:
        if values.get(name) is not None and values.get(required) is not True:
            return False
    if not _FIELDS.issuperset(values):
        for name in values.keys() - _FIELDS:
            label, stated = TAXONOMY.labels[name], values[name]
            value = values.get(label.field)
            if stated is not None and value is not None and (value == label.value) != stated:
                return False
    return True


def _check_questions(qa: Any, rules: Rules) -> tuple[Question, ...]:
    if type(qa) is not list or len(qa) > rules.max_questions:
        _refuse("qa", qa, f"a list of at most {rules.max_questions}")
    if not qa:
        return ()
    try:
        questions = tuple(map(_question, map(_question_row, qa)))
        asked, answers, kinds, names = zip(*questions, strict=True)
        known = KINDS.issuperset(kinds) and _ASKED_ABOUT.issuperset(names)
    except (KeyError, TypeError):
        known = False
    if not known:
        _refuse_question(qa)
    texts = asked + answers
    if {*map(type, texts)} != {str} or not all(texts) or max(map(len, texts)) > rules.max_text:
        for place, question in enumerate(questions):
            _check_text("question", question.question, rules.max_text, place)
            _check_text("answer", question.answer, rules.max_text, place)
    return questions


def _refuse_question(qa: list[Any]) -> NoReturn:
    for place, entry in enumerate(qa):
        if type(entry) is not dict:
            _refuse(f"qa[{place}]", entry, "an object")
        for name in ("question", "answer", "kind", "attribute"):
            if name not in entry:
                raise SampleFault("schema", f"entry 'qa[{place}]' has no {name!r}")
        if type(entry["kind"]) is not str or entry["kind"] not in KINDS:
            _refuse(f"qa[{place}].kind", entry["kind"], f"one of {', '.join(sorted(KINDS))}")
        name = entry["attribute"]
        if name is not None and (type(name) is not str or name not in _ASKED_ABOUT):
            _refuse(f"qa[{place}].attribute", name, "a field, label or group of the taxonomy, or null")
    raise AssertionError("unreachable: the questions were refused for one of the reasons above")


def _check_text(entry: str, text: Any, limit: int, place: int | None = None) -> None:
    if type(text) is not str or not 0 < len(text) <= limit:
        _refuse(entry if place is None else f"{entry}[{place}]", text, f"text of 1 to {limit} characters")


def _refuse(entry: str, value: Any, wanted: str) -> NoReturn:
    shown = f"text of {len(value):,} characters" if type(value) is str and len(value) > 60 else _short(repr(value))
    raise SampleFault("schema", f"entry {entry!r} is {shown}; it must be {wanted}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
