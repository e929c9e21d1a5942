"""Drops unusable questions of a language model (wrong kind, duplicate, contradicted) and balances the answers."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.language.asking import Asker
from unif2ace.language.balance import yes_no_weight
from unif2ace.language.phrasebook import words_of
from unif2ace.language.phrases import CHOICES, COUNTED
from unif2ace.language.question import Kind, Question
from unif2ace.language.reading import holds, read_text
from unif2ace.language.replies import counted_items, read_answer

LONGEST = 1000
_TEXT = re.compile(r"\b(description|caption|text|passage|according to)\b", re.IGNORECASE)
_NAMES = frozenset((*TAXONOMY.fields, *TAXONOMY.labels, *TAXONOMY.groups))
_MARKS = frozenset(".,;:!?")


@dataclass(frozen=True, slots=True)
class CheckedQuestions:
    """The result of a check.

    Attributes:
        questions: The usable questions.
        refused: Number of refused questions by reason: ``no_question_mark``, ``no_answer``, ``too_long``,
            ``mentions_text``, ``duplicate``, ``contradicted``, or ``kind``. The reason ``kind`` means that the answer
            begins with "yes" or "no" but the kind is not ``yes_no``, or the reverse.
    """

    questions: tuple[Question, ...]
    refused: Counter[str]


def check_questions(rows: Sequence[Mapping[str, Any]], record: AttributeRecord) -> CheckedQuestions:
    """Checks questions that a model wrote about one face.

    An attribute name that the taxonomy does not contain becomes None.

    Args:
        rows: Questions, each with the keys ``question``, ``answer``, ``kind`` and ``attribute``.
        record: Known attributes of the face. Answers that contradict the record are refused.
    """
    kept: list[Question] = []
    refused = Counter[str]()
    asked: set[tuple[str, ...]] = set()
    for row in rows:
        question = _question(row)
        words = tuple(word for word in words_of(question.question) if word not in _MARKS)
        reason = _fault(question) or ("duplicate" if words in asked else None) or _contradiction(question, record)
        if reason:
            refused[reason] += 1
        else:
            asked.add(words)
            kept.append(question)
    return CheckedQuestions(tuple(kept), refused)


def balance_yes_no(
    questions: Sequence[Question], record: AttributeRecord, rates: Mapping[str, float], seed: int
) -> list[Question]:
    """Makes the answers "yes" and "no" equally frequent over a data set.

    A model that reads a caption asks mostly about attributes that are present. Let p be the rate of a label over the
    data set. A question answered "yes" is kept with probability ``min(1, (1 - p) / p)``, a question answered "no" with
    probability ``min(1, p / (1 - p))``. If "yes" is still more frequent among the kept questions of this face, the
    grammar adds questions answered "no" until both are equally frequent.

    Args:
        questions: Checked questions.
        record: Known attributes of the face.
        rates: Result of `unif2ace.language.measure_rates` on the data set.
        seed: Seed for the choice of questions.
    """
    rng = random.Random(f"unif2ace/balance/{seed}")
    kept: list[Question] = []
    for question in questions:
        if question.kind == "yes_no" and question.attribute is not None and question.attribute in rates:
            said = read_answer(question, question.answer).value == "yes"
            if rng.random() >= yes_no_weight(rates, question.attribute, said):
                continue
        kept.append(question)
    answers = Counter(read_answer(q, q.answer).value for q in kept if q.kind == "yes_no")
    asked = {q.attribute for q in kept if q.kind == "yes_no"}
    lack = answers["yes"] - answers["no"]
    for candidate in Asker(record, rng, rates).yes_no():
        if lack <= 0:
            break
        made = candidate.ask()
        if made.attribute not in asked and read_answer(made, made.answer).value == "no":
            kept.append(made)
            lack -= 1
    return kept


def _question(row: Mapping[str, Any]) -> Question:
    name = str(row.get("attribute") or "").strip().lower().replace(" ", "_").replace("-", "_")
    texts = [" ".join(str(row[part]).split()) for part in ("question", "answer")]
    return Question(texts[0], texts[1], cast("Kind", row["kind"]), name if name in _NAMES else None)


def _fault(question: Question) -> str | None:
    if not question.question.endswith("?"):
        return "no_question_mark"
    if not question.answer or max(map(len, question[:2])) > LONGEST:
        return "too_long" if question.answer else "no_answer"
    first = next(iter(words_of(question.answer)), "")
    if (question.kind == "yes_no") != (first in ("yes", "no")):
        return "kind"
    return "mentions_text" if _TEXT.search(" ".join(question[:2])) else None


def _contradiction(question: Question, record: AttributeRecord) -> str | None:
    """``contradicted`` if the record contradicts the answer's "yes" or "no", value, number or any statement."""
    name, said = question.attribute, read_answer(question, question.answer).value
    wrong = any(holds(statement, record) is False for statement in read_text(question.answer).statements)
    if question.kind == "yes_no" and name is not None:
        true = _boolean(name, record)
        wrong = wrong or said is None or (true is not None and (said == "yes") != true)
    elif question.kind in ("what", "which") and name in CHOICES and None not in (said, record[name]):
        wrong = wrong or said != record[name]
    elif question.kind == "count" and name in COUNTED:
        wrong = wrong or not _counts(question, record)
    return "contradicted" if wrong else None


def _counts(question: Question, record: AttributeRecord) -> bool:
    """Whether the number and the items of a counting answer agree with the known attributes."""
    assert question.attribute is not None
    fields = COUNTED[question.attribute].items
    there = {item: _any_true([record[name] for name in fields[item]]) for item in counted_items(question)}
    reply = read_answer(question, question.answer)
    if any(there.get(item) is False for item in reply.items):
        return False
    known = [value for value in there.values() if value is not None]
    return len(known) < len(there) or reply.value is None or reply.value == str(sum(known))


def _any_true(values: Sequence[object]) -> bool | None:
    return True if True in values else None if None in values else False


def _boolean(name: str | None, record: AttributeRecord) -> bool | None:
    if name is not None and name in TAXONOMY.labels:
        return record.labels[name]
    known = record[name] if name is not None and name in TAXONOMY.fields else None
    return known if isinstance(known, bool) else None
