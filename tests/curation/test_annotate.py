"""caption, correct, ask: against a lying model on loopback, and killed at random."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
from chat_server import Answer, chat_server
from lying_model import RATE, asked_key, lie, lying_model, write_faces

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.curation.annotate import DataSet, annotate, estimate, known_rates
from unif2ace.curation.ask import Ask
from unif2ace.curation.caption_by_grammar import CaptionByGrammar
from unif2ace.curation.caption_by_model import CaptionByModel
from unif2ace.curation.caption_editors import GrammarEditor, ModelEditor
from unif2ace.curation.checked_questions import check_questions
from unif2ace.curation.correct import Correct
from unif2ace.curation.correction_table import read_corrections, scores
from unif2ace.curation.corrections import Thresholds
from unif2ace.curation.journal import read_journal
from unif2ace.curation.report import read_report
from unif2ace.data.shards import ShardReader
from unif2ace.errors import ConfigError, DataError
from unif2ace.language.caption_parser import GrammarParser
from unif2ace.language.question import Question
from unif2ace.language.reading import holds, read_text
from unif2ace.language_models import Endpoint, Prices

PARSER = GrammarParser()


@pytest.fixture(autouse=True)
def _direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces") / "train"
    return folder, write_faces(folder, 40)


@pytest.fixture(scope="module")
def classifier():
    from unif2ace.curation.net_classifier import NetClassifier
    from unif2ace.evaluation.evaluator import load_evaluator

    found = load_evaluator("builtin", device="cpu")
    return NetClassifier(found.net, found.fingerprint)


def data(folder, out):
    return DataSet(folder.parent if folder.name == "train" else folder, Path(out), vocab_size=300)


def false_statements(text, record):
    return [statement for statement in read_text(text).statements if holds(statement, record) is False]


def lying_pipeline(folder, records, classifier, tmp_path):
    """Runs the three steps; returns the samples after each."""
    with chat_server(lying_model(folder, records)) as server:
        model = Endpoint(base_url=server.url, model="stub", concurrency=4, prices=Prices(prompt=1, completion=2))
        annotate(CaptionByModel(model), data(folder, tmp_path / "a"))
        correct = Correct(classifier, GrammarEditor(PARSER), PARSER, Thresholds())
        annotate(correct, DataSet(tmp_path / "a", tmp_path / "b", 300))
        rates = known_rates([tmp_path / "b" / "train"], PARSER)
        annotate(Ask(PARSER, rates, model=model), DataSet(tmp_path / "b", tmp_path / "c", 300))
        model.close()
    return [list(ShardReader(tmp_path / name / "train")) for name in "abc"], server


@pytest.mark.parametrize("count", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_lies_are_corrected_and_questions_are_true(count, faces, classifier, tmp_path):
    folder, records = faces
    if count != 40:
        folder = tmp_path / "faces" / "train"
        records = write_faces(folder, count, 100)
    (captioned, corrected, asked), server = lying_pipeline(folder, records, classifier, tmp_path)
    assert len(captioned) == len(corrected) == len(asked) == count
    assert len(server.bodies) == 2 * count

    table = read_corrections([tmp_path / "b" / "train"])
    found = scores(table.total)
    assert found["precision"] >= 0.85
    assert found["recall"] >= 0.5
    assert found["recall_of_seen"] >= 0.75
    before = sum(len(false_statements(s.metadata.caption, records[s.key])) for s in captioned)
    after = sum(len(false_statements(s.metadata.caption, records[s.key])) for s in corrected)
    assert after <= 0.6 * before

    for one, two in zip(captioned, corrected, strict=True):
        edits = two.metadata.provenance["correct"]["edits"]
        changed = one.metadata.caption != two.metadata.caption
        assert bool(edits) == changed
        assert not edits or edits[0]["before"] == one.metadata.caption
        assert all(change["why"] for edit in edits for change in edit["changes"])

    questions = [(q, s.key) for s in asked for q in s.metadata.qa]
    yes_no = [q.answer.lower().startswith("yes") for q, _ in questions if q.kind == "yes_no"]
    assert 0.25 <= sum(yes_no) / len(yes_no) <= 0.75
    assert not [q for q, key in questions if false_statements(q.answer, records[key])]
    assert read_report([tmp_path / "c" / "train"]).usage.cost > 0
    assert asked[0].metadata.provenance["steps"] == ["caption", "correct", "ask"]


def _child(url, step, folder, out):
    os.setsid()
    model = Endpoint(base_url=url, model="stub", concurrency=4)
    annotate(step(model), data(folder, out))
    os._exit(0)


def test_ten_kills_give_the_same_bytes_and_pay_for_no_sample_twice(faces, tmp_path):
    import jsonschema  # noqa: F401 - before the forks, so that each starts at once
    import openai  # noqa: F401

    folder, records = faces
    rng, delay = random.Random(3), random.Random(4)
    key_of = asked_key(folder)
    answer = lying_model(folder, records)

    def slowly(number, body):
        time.sleep(0.004 + 0.01 * delay.random())
        return answer(number, body)

    context = multiprocessing.get_context("fork")
    with chat_server(slowly) as server:
        kills = 0
        for _ in range(10):
            finished, seen = journalled(tmp_path / "killed"), len(server.bodies)
            child = context.Process(target=_child, args=(server.url, CaptionByModel, folder, tmp_path / "killed"))
            child.start()
            target = seen + rng.randint(1, max(6, len(records) // 12))
            while len(server.bodies) < target and child.is_alive():
                time.sleep(0.002)
            time.sleep(0.006 * rng.random())
            if child.is_alive():
                os.kill(child.pid, signal.SIGKILL)
                kills += 1
            child.join()
            assert not {key_of(body) for body in server.bodies[seen:]} & finished
        finished, seen = journalled(tmp_path / "killed"), len(server.bodies)
        model = Endpoint(base_url=server.url, model="stub", concurrency=4)
        annotate(CaptionByModel(model), data(folder, tmp_path / "killed"))
        assert not {key_of(body) for body in server.bodies[seen:]} & finished
        total = len(server.bodies)
        annotate(CaptionByModel(model), data(folder, tmp_path / "whole"))
        model.close()
    assert kills == 10
    assert len(records) <= total <= len(records) + kills * 4
    assert server.most_in_flight == 4
    first, second = (contents(tmp_path / name) for name in ("killed", "whole"))
    assert first.keys() == second.keys()
    assert all(first[name] == second[name] for name in first)


def journalled(folder):
    return {key for path in folder.rglob("*.journal.jsonl") for key, _, _ in read_journal(path)}


def contents(folder):
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_refusals_and_malformed_answers_are_kept_as_such(faces, tmp_path):
    folder, records = faces
    names = list(records)

    def special(key, _number):
        return {names[0]: Answer(None, refusal="No people."), names[1]: Answer("a face")}.get(key)

    with chat_server(lying_model(folder, records, special)) as server:
        model = Endpoint(base_url=server.url, model="stub")
        annotate(CaptionByModel(model), data(folder, tmp_path / "out"))
        model.close()
    report = read_report([tmp_path / "out" / "train"])
    assert report.outcomes == {"kept": 38, "model_refused": 1, "malformed_answer": 1}
    assert report.examples["model_refused"] == [(names[0], "No people.")]
    assert len(server.bodies) == 41


def test_an_endpoint_that_is_down_stops_and_the_next_run_goes_on(faces, tmp_path):
    folder, records = faces

    def special(_key, number):
        return Answer(status=500) if number >= 10 and not mended else None

    mended = []
    with chat_server(lying_model(folder, records, special)) as server:
        model = Endpoint(base_url=server.url, model="stub", retries=0, concurrency=2)
        with pytest.raises(DataError, match=r"gave no answer: status 500.*same command again"):
            annotate(CaptionByModel(model), data(folder, tmp_path / "out"))
        assert len(journalled(tmp_path / "out")) == 10
        mended.append(True)
        annotate(CaptionByModel(model), data(folder, tmp_path / "out"))
        model.close()
    assert len(ShardReader(tmp_path / "out" / "train")) == 40
    assert len(server.bodies) <= 42


def test_an_estimate_sends_nothing_and_counts_money(faces, tmp_path):
    folder, records = faces
    with chat_server(lying_model(folder, records)) as server:
        prices = Prices(prompt=2.5, completion=10, image_tokens=85)
        model = Endpoint(base_url=server.url, model="stub", prices=prices)
        found = estimate(CaptionByModel(model, max_tokens=400), data(folder, tmp_path / "out"))
        asked = estimate(Ask(PARSER, {}, model=model), data(folder, tmp_path / "out"))
    assert not server.bodies
    assert not (tmp_path / "out").exists()
    assert (found.samples, found.usage.requests, asked.usage.requests) == (40, 40, 40)
    assert found.usage.output_tokens == 40 * 200
    assert found.usage.cost == pytest.approx((found.usage.input_tokens * 2.5 + 40 * 200 * 10) / 1e6)


def test_source_captions_reach_the_prompt_and_stay(faces, tmp_path):
    folder, records = faces
    annotate(CaptionByGrammar(), data(folder, tmp_path / "a"))
    with chat_server(lying_model(folder, records)) as server:
        model = Endpoint(base_url=server.url, model="stub")
        annotate(CaptionByModel(model), DataSet(tmp_path / "a", tmp_path / "b", 300))
        model.close()
    first, second = (next(iter(ShardReader(tmp_path / name / "train"))) for name in "ab")
    assert second.metadata.captions == (first.metadata.caption,)
    texts = [str(body["messages"]) for body in server.bodies]
    assert all("Other people described" in text for text in texts)
    assert any(first.metadata.caption in text for text in texts)
    assert "[[" not in texts[0]
    assert "hair_colour (black / brown" in texts[0]


def test_offline_the_grammar_writes_from_labels_or_from_predictions(faces, classifier, tmp_path):
    folder, records = faces
    annotate(CaptionByGrammar(), data(folder, tmp_path / "labels"))
    annotate(CaptionByGrammar(classifier), data(folder, tmp_path / "seen"))
    for name, most in (("labels", 0), ("seen", 0.1)):
        samples = list(ShardReader(tmp_path / name / "train"))
        stated = sum(len(read_text(s.metadata.caption).statements) for s in samples)
        assert stated > 200
        assert sum(len(false_statements(s.metadata.caption, records[s.key])) for s in samples) <= most * stated
    annotate(Ask(PARSER, known_rates([folder], PARSER)), DataSet(tmp_path / "seen", tmp_path / "asked", 300))
    assert all(s.metadata.qa for s in ShardReader(tmp_path / "asked" / "train"))


def test_a_model_rewrites_and_the_grammar_steps_in_where_it_does_not_obey(faces, classifier, tmp_path):
    folder, records = faces
    with chat_server(lying_model(folder, records)) as server:
        model = Endpoint(base_url=server.url, model="stub", concurrency=4)
        annotate(CaptionByModel(model), data(folder, tmp_path / "a"))
        model.close()
    texts = {s.metadata.caption: s for s in ShardReader(tmp_path / "a" / "train")}

    def rewrites(number, body):
        text = body["messages"][-1]["content"]
        same = next(caption for caption in texts if caption in text)
        good = write_true(records[texts[same].key])
        return Answer(json.dumps({"caption": good if number % 2 else same}))

    with chat_server(rewrites) as server:
        model = Endpoint(base_url=server.url, model="stub", concurrency=4)
        step = Correct(classifier, ModelEditor(model, PARSER), PARSER, Thresholds(add=None))
        annotate(step, DataSet(tmp_path / "a", tmp_path / "b", 300))
        model.close()
    by = [
        edit["by"] for s in ShardReader(tmp_path / "b" / "train") for edit in s.metadata.provenance["correct"]["edits"]
    ]
    assert len(by) == len(server.bodies)
    assert any(name == "stub" for name in by)
    assert any("still states" in name for name in by)
    assert {name.split(",")[0] for name in by} == {"stub", "grammar"}


def write_true(record):
    from unif2ace.language import write_caption

    return write_caption(record, 1)


def test_known_attributes_stay_and_unknown_ones_are_filled(classifier, tmp_path):
    records = write_faces(tmp_path / "faces" / "train", 12, labelled=False)
    with chat_server(lying_model(tmp_path / "faces" / "train", records)) as server:
        model = Endpoint(base_url=server.url, model="stub")
        annotate(CaptionByModel(model), data(tmp_path / "faces" / "train", tmp_path / "a"))
        model.close()
    annotate(
        Correct(classifier, GrammarEditor(PARSER), PARSER, Thresholds()), DataSet(tmp_path / "a", tmp_path / "b", 300)
    )
    known = right = 0
    for sample in ShardReader(tmp_path / "b" / "train"):
        for name, value in sample.metadata.record.labels.items():
            truth = records[sample.key].labels[name]
            if value is not None and truth is not None:
                known, right = known + 1, right + (value == truth)
    assert known > 60
    assert right / known >= 0.95
    assert scores(read_corrections([tmp_path / "b" / "train"]).total)["precision"] is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("Is she wearing a hat?", "Yes, she wears a hat.", "yes_no", "hat"), None),
        (("Is she wearing a hat?", "Yes, she wears a hat.", "yes_no", "Hat "), None),
        (("Is she wearing a hat?", "No, she wears no hat.", "yes_no", "hat"), "contradicted"),
        (("Is she wearing a hat?", "Yes, he wears a hat.", "yes_no", "hat"), "contradicted"),
        (("Is she wearing a hat?", "Yes, but she wears no hat.", "yes_no", "hat"), "contradicted"),
        (("What colour is her hair?", "Her hair is black.", "what", "hair_colour"), None),
        (("What colour is her hair?", "Her hair is blond.", "what", "hair_colour"), "contradicted"),
        (("What colour is her hair?", "Yes.", "what", "hair_colour"), "kind"),
        (("Is she wearing a hat?", "She wears a hat.", "yes_no", "hat"), "kind"),
        (("Tell me about her hair.", "Her hair is black.", "what", "hair_colour"), "no_question_mark"),
        (("What does the description say?", "Her hair is black.", "what", None), "mentions_text"),
        (("How many can be seen: a hat, earrings, a necklace?", "One.", "count", "accessories"), "contradicted"),
        (("How many of these can be seen: earrings, a necklace?", "One: a necklace.", "count", "accessories"),
         "contradicted"),
        (("How many of these can be seen: earrings, a necklace?", "One: earrings.", "count", "accessories"), None),
        (("Why does she look happy?", "Because she is smiling.", "reason", "happiness"), None),
        (("What is around her?", "A plain wall.", "what", "no such thing"), None),
        (("What is it?", "x" * 1001, "what", None), "too_long"),
    ],
)  # fmt: skip
def test_questions_are_checked(row, reason):
    known = {"gender": "woman", "hat": True, "hair_colour": "black", "earrings": True, "necklace": False, "smile": True}
    found = check_questions([dict(zip(Question._fields, row, strict=True))] * 2, AttributeRecord(known))
    assert found.refused == ({"duplicate": 1} if reason is None else {reason: 2})
    assert [q.question for q in found.questions] == ([row[0]] if reason is None else [])
    assert all(q.attribute in (None, *TAXONOMY.fields, *TAXONOMY.labels, *TAXONOMY.groups) for q in found.questions)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Thresholds(contradict=0.4), r"thresholds\.contradict=0\.4"),
        (lambda: Thresholds(most_added=-1), r"most_added=-1"),
        (lambda: CaptionByGrammar(confidence=2), "confidence=2"),
    ],
)
def test_settings_are_checked(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_lies_have_the_stated_rate(faces):
    _, records = faces
    pairs = [(value, lie(r, key)[name]) for key, r in records.items() for name, value in r.items() if value is not None]
    assert abs(sum(a != b for a, b in pairs) / len(pairs) - RATE) < 0.05
