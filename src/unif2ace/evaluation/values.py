"""The scores of a unified model as named values with descriptions, and as tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.evaluation.paraphrases import MAX_NEW
from unif2ace.language.reading import holds

if TYPE_CHECKING:
    from rich.table import Table

    from unif2ace.evaluation.unified_scores import UnifiedScores
    from unif2ace.metrics.scores import AnswerScore

_WORST = 10  # attributes in the table of paraphrases; evaluation.json has all
KINDS = {"yes_no": "yes or no", "which": "which", "what": "what", "count": "how many", "all": "all kinds"}


def name_values(found: UnifiedScores) -> dict[str, float]:
    """All values by name."""
    agreement = found.agreement
    values = {
        "agreement": agreement.normalised.value,
        "agreement_raw": agreement.raw.value,
        "agreement_floor": agreement.floor,
        "agreement_ceiling": agreement.ceiling,
        "agreement_reconstructed": agreement.reconstructed,
        "diversity_pixels": found.pixels.ratio,
        "diversity_features": found.features.ratio,
    }
    for kind, one in found.answers.items():
        values["answers" if kind == "all" else f"answers_{kind}"] = one.normalised.value
    if "all" in found.answers:
        values |= {"answers_raw": found.answers["all"].raw, "answers_floor": found.answers["all"].floor}
    if words := found.paraphrases:
        values |= {
            "paraphrases": words.normalised.value,
            "paraphrases_untrained": words.untrained.value,
            "paraphrases_plain": words.plain.value,
            "paraphrases_topic": words.topic.value,
            "paraphrases_same": words.same.value,
        }
    return {**values, **_caption_values(found)}


def _caption_values(found: UnifiedScores) -> dict[str, float]:
    from unif2ace.metrics.scores import distinct, mean_words

    one = found.captioning
    assert one is not None
    truths = [_truths(r.statements, record) for r, record in zip(found.readings, found.eval_set.records, strict=True)]
    true, false, open_ = (sum(t.count(value) for t in truths) for value in (True, False, None))
    captions, sentences = len(found.captions), sum(reading.sentences for reading in found.readings)
    words = sum(reading.words for reading in found.readings)
    return {
        "captions": one.normalised.value,
        "caption_f1": one.f1.value,
        "caption_f1_shuffled": one.f1_shuffled,
        "caption_f1_reference": one.f1_reference,
        "caption_precision": one.precision,
        "caption_recall": one.recall,
        "caption_false": false / captions,
        "caption_false_share": false / max(true + false, 1),
        "caption_unverifiable": open_ / captions,
        "caption_unparsed": sum(reading.unparsed for reading in found.readings) / max(sentences, 1),
        "caption_unread_words": sum(len(reading.unread) for reading in found.readings) / max(words, 1),
        "caption_distinct_1": distinct(found.captions, 1),
        "caption_distinct_2": distinct(found.captions, 2),
        "caption_words": mean_words(found.captions),
    }


def _truths(statements: Any, record: AttributeRecord) -> list[bool | None]:
    return [holds(said, record) for said in statements]


def describe(found: UnifiedScores) -> dict[str, dict[str, str]]:
    """A description of each value with its settings, so that only comparable values are compared."""
    from unif2ace.metrics.scores import distinct, mean_words

    eval_set, one = found.eval_set, found.captioning
    agreement, count = found.agreement, len(eval_set)
    assert one is not None
    own = eval_set.captions
    measured = f"{int(agreement.measured.sum())} of {len(agreement.measured)} attributes, at least "
    measured += f"{found.options.at_least} captions for and against"
    prompts, seeds = found.diverse.shape[:2]
    beside = {
        "agreement": f"{_range(agreement.normalised)}; {count} captions of val ({found.options.caption}), "
        f"evaluator {found.evaluator}",
        "agreement_raw": f"{_range(agreement.raw)}; balanced accuracy, {measured}",
        "agreement_floor": "captions shuffled",
        "agreement_ceiling": "the true faces",
        "agreement_reconstructed": "the tokenizer's reconstructions",
        "diversity_pixels": f"within over between prompts; {prompts} prompts, {seeds} faces each",
        "diversity_features": f"the same, features of evaluator {found.evaluator}",
    }
    answers = {
        ("answers" if kind == "all" else f"answers_{kind}"): f"{_range(s.normalised)}; {_asked(found, s)}"
        for kind, s in found.answers.items()
    }
    if found.answers:
        answers |= {
            "answers_raw": "balanced over answers",
            "answers_floor": "constant, chance or other faces, the best",
        }
    captions = {
        "captions": f"{_range(one.normalised)}; {count} faces of val; 0 other faces, 1 the data set's captions",
        "caption_f1": f"{_range(one.f1)}; {len(agreement.measured)} attributes, pooled",
        "caption_false": "false statements per caption, all fields",
        "caption_false_share": "of the statements that can be checked",
        "caption_unverifiable": "per caption: of what is not visible or not labelled",
        "caption_unparsed": "share of sentences with words that nothing is known of",
        "caption_distinct_1": f"{distinct(own, 1):.3f} in the data set's",
        "caption_distinct_2": f"{distinct(own, 2):.3f} in the data set's",
        "caption_words": f"{mean_words(own):.1f} in the data set's",
    }
    return {"agreement": beside, "answers": answers, "paraphrases": _paraphrase_notes(found), "captions": captions}


def _paraphrase_notes(found: UnifiedScores) -> dict[str, str]:
    words = found.paraphrases
    if not words:
        return {}
    return {
        "paraphrases": f"{_range(words.normalised)}; {words.questions} yes/no questions in other words on "
        f"{len(words.attributes)} attributes, answers of at most {MAX_NEW} tokens",
        "paraphrases_untrained": f"{_range(words.untrained)}; wordings that training questions never have",
        "paraphrases_plain": f"{_range(words.plain)}; the plain wording, same faces",
        "paraphrases_topic": f"{_range(words.topic)}; share of answers about the same attribute",
        "paraphrases_same": f"{_range(words.same)}; share that also say the same as for the plain wording",
    }


def _asked(found: UnifiedScores, one: AnswerScore) -> str:
    left = f", {one.left_out} left out (one answer)" if one.left_out else ""
    unscored = f", {found.eval_set.unscored} of other kinds" if one is found.answers["all"] else ""
    return f"{one.questions} questions on {len(found.eval_set)} faces of val{left}{unscored}"


def _range(score: Any) -> str:
    return f"{score.low:.3f} to {score.high:.3f}"


def tables(found: UnifiedScores) -> dict[str, Table]:
    """Detailed tables: by attribute, and by kind of question."""
    from rich.table import Column, Table

    names = ("score", "raw", "ceiling", "tokenizer", "stated", "denied")
    labels = Table("attribute", *(Column(name, justify="right") for name in names))
    for name, (score, raw, _, ceiling, back), stated in sorted(attribute_rows(found), key=lambda row: _key(row[1])):
        labels.add_row(name, *map(_cell, (score, raw, ceiling, back)), *map(str, stated))
    columns = ("score", "right", "floor", "constant", "options", "shuffled", "asked")
    kinds = Table("questions", *(Column(name, justify="right") for name in columns))
    for kind, one in found.answers.items():
        numbers = (one.normalised.value, one.raw, one.floor, one.majority, one.chance, one.unseen)
        kinds.add_row(KINDS.get(kind, kind), *map(_cell, numbers), str(one.questions))
    return {"attributes": labels, "questions": kinds, **_paraphrase_table(found)}


def _paraphrase_table(found: UnifiedScores) -> dict[str, Table]:
    """The attributes whose questions are answered worst in other words."""
    from rich.table import Column, Table

    if not found.paraphrases:
        return {}
    names = ("same attribute", "same answer", "right", "asked")
    worst = Table("paraphrases, the worst", *(Column(name, justify="right") for name in names))
    rows = sorted(found.paraphrases.attributes.items(), key=lambda row: row[1][1:])
    for name, (number, *shares) in rows[:_WORST]:
        worst.add_row(name, *map(_cell, shares), str(number))
    return {"paraphrases": worst}


def attribute_rows(found: UnifiedScores) -> list[tuple[str, tuple[float, ...], tuple[int, int]]]:
    """For each scored attribute: its name; score, raw, floor, ceiling, reconstructed; captions that state and deny
    it.
    """
    rows: list[tuple[str, tuple[float, ...], tuple[int, int]]] = []
    by_label, stated = found.agreement.by_label.T.tolist(), found.agreement.stated.T.tolist()
    for name, (raw, floor, ceiling, back), (yes, no) in zip(TAXONOMY.labels, by_label, stated, strict=True):
        if math.isfinite(raw):
            score = (raw - floor) / (ceiling - floor) if ceiling - floor > 0.1 else float("nan")
            rows.append((name, (score, raw, floor, ceiling, back), (yes, no)))
    return rows


def _key(numbers: tuple[float, ...]) -> tuple[bool, float]:
    return not math.isfinite(numbers[0]), numbers[0]


def _cell(number: float) -> str:
    return f"{number:.3f}" if math.isfinite(number) else "-"
