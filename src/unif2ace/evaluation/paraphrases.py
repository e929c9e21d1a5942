"""Paraphrases of yes/no questions about the faces of an evaluation set, and the evaluation of their answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unif2ace.attributes import AttributeRecord
from unif2ace.language.balance import answerable
from unif2ace.language.facts import known_values
from unif2ace.language.phrases import YES_NO
from unif2ace.language.question import Question
from unif2ace.language.question_frames import Form, fitting, plain, subject, typed, yes_no_forms
from unif2ace.language.replies import is_about, read_answer

if TYPE_CHECKING:
    from unif2ace.metrics.scores.paraphrases import Reworded


MAX_NEW = 24
"""Maximum length of an answer to a paraphrase in tokens: enough for yes or no and a sentence."""
_FACES = 2  # per attribute and answer; each costs a question in the plain wording too


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """A reworded yes/no question about one face.

    Attributes:
        sample: Index of the face.
        attribute: The label or boolean field that the question is about.
        holds: Whether the true answer is yes.
        plain: The question in its plain wording.
        text: The reworded question.
        trained: Whether training questions can have this wording.
    """

    sample: int
    attribute: str
    holds: bool
    plain: str
    text: str
    trained: bool

    def verdict(self, said_plain: str, said: str) -> Reworded:
        """Evaluates a model's answers.

        Args:
            said_plain: The answer to the plain wording.
            said: The answer to this wording.
        """
        from unif2ace.metrics.scores.paraphrases import Reworded

        question = Question(self.text, "", "yes_no", self.attribute)
        first, value = (read_answer(question, text).value for text in (said_plain, said))
        topic, truth = is_about(question, said), "yes" if self.holds else "no"
        return Reworded(
            self.sample,
            self.attribute,
            self.trained,
            topic,
            same=topic and value is not None and value == first and is_about(question, said_plain),
            right=topic and value == truth,
            plain_right=first == truth and is_about(question, said_plain),
        )


def paraphrased(records: Sequence[AttributeRecord], count: int, seed: int = 0) -> list[Paraphrase]:
    """Different wordings of the yes/no question about each attribute, each asked about one face.

    Half of the wordings are asked about faces with the attribute, half about faces without it; each half uses at most
    two faces. In each half, every second wording never occurs in training questions (`question_frames.UNTRAINED`).
    Attributes without faces of both kinds are skipped.

    Args:
        records: Attributes of the faces.
        count: Number of wordings per attribute.
        seed: Seed of the choice.
    """
    rng = random.Random(f"paraphrases/{seed}")
    truths = [answerable(record) for record in records]
    found: list[Paraphrase] = []
    for name in YES_NO:
        faces = {holds: [n for n, one in enumerate(truths) if one.get(name) is holds] for holds in (True, False)}
        if not all(faces.values()):
            continue
        for some in faces.values():
            rng.shuffle(some)
        texts = {plain(name)}
        for number in range(count):
            holds, turn = number % 2 == 0, number // 2
            sample = faces[holds][turn // 2 % min(_FACES, len(faces[holds]))]
            text = _reworded(name, holds, records[sample], trained=turn % 2 == 0, texts=texts, rng=rng)
            found.append(Paraphrase(sample, name, holds, plain(name), text, turn % 2 == 0))
            texts.add(text)
    return found


def _reworded(
    name: str, holds: bool, record: AttributeRecord, *, trained: bool, texts: set[str], rng: random.Random
) -> str:
    """A wording that is not in `texts`; after 100 attempts, the last wording."""
    known = known_values(record)
    forms: list[Form] = [
        form for form in yes_no_forms(name, broad=fitting(name, holds, known)) if form.trained is trained
    ]
    text = ""
    for _ in range(100):
        form = rng.choice(forms)
        text = typed(form.text.format_map(subject(known, rng, neutral=False)), rng)
        if text not in texts:
            break
    return text
