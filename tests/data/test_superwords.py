"""Merges across spaces: the most frequent phrases, never beyond a sentence, and every text round-trips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unif2ace.data.collate import Collate, OrderedSample
from unif2ace.data.dataset_mixture import SampleRef
from unif2ace.data.superwords import MAX_WORDS, is_superword, superword_merges
from unif2ace.data.tasks.base import TaskSample
from unif2ace.data.text_tokenizer import TextTokenizer, train_text_tokenizer
from unif2ace.errors import DataError
from unif2ace.types import Task

HAIR = ["red", "long", "short", "curly", "blond", "gray"]
TEXTS = [
    f"A {who} with {hair} hair smiles at the camera. Her hair is {hair}." for who in ("man", "woman") for hair in HAIR
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    return train_text_tokenizer(TEXTS * 10, tmp_path_factory.mktemp("words"), 330)


@pytest.fixture(scope="module")
def phrases(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    return train_text_tokenizer(TEXTS * 10, tmp_path_factory.mktemp("phrases"), 660, across_spaces=True)


def test_the_most_frequent_pair_is_merged_first_and_counts_follow():
    tokens = ["a", "Ġb", "Ġc", "Ġd", "."]
    sentences = {(0, 1, 2, 4): 30, (3, 1, 2): 20, (0, 1, 4): 12}
    # b c: 50, a b: 42 -> 12 once b c is one token; the full stop stays apart
    assert superword_merges(sentences, tokens, 9) == [("Ġb", "Ġc"), ("a", "ĠbĠc"), ("Ġd", "ĠbĠc"), ("a", "Ġb")]
    assert superword_merges(sentences, tokens, 2) == [("Ġb", "Ġc"), ("a", "ĠbĠc")]
    assert superword_merges({(0, 1): 9}, tokens, 5) == []  # too rare


def test_no_token_has_more_words_than_it_may():
    tokens = [f"Ġ{letter}" for letter in "abcdefgh"]
    made = superword_merges({tuple(range(8)): 100}, tokens, 50)
    assert max((left + right).count("Ġ") for left, right in made) == MAX_WORDS


def test_texts_get_shorter_and_the_words_stay_known(words: TextTokenizer, phrases: TextTokenizer):
    few, many = (sum(map(len, t.encode(TEXTS))) for t in (phrases, words))
    assert few < 0.6 * many
    inside = phrases._tokenizer.id_to_token
    assert any(is_superword(inside(i)) for ids in phrases.encode(TEXTS) for i in ids)
    assert not any(is_superword(inside(i)) for ids in phrases.encode_words(TEXTS) for i in ids)
    assert words.encode_words(TEXTS) == words.encode(TEXTS)
    assert not phrases.phrases & {i for ids in phrases.encode_words(TEXTS) for i in ids}
    assert phrases.phrases & {i for ids in phrases.encode(TEXTS) for i in ids}


def test_no_token_goes_beyond_a_sentence(phrases: TextTokenizer):
    for ids in phrases.encode(TEXTS):
        for token in map(phrases._tokenizer.id_to_token, ids):
            assert "." not in token[:-1], token


@given(
    st.text()
    | st.sampled_from(TEXTS)
    | st.lists(st.sampled_from([" a man", ".", "!?", " with", "  ", "\n"])).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_any_text_round_trips(text: str):
    tokenizer = _shared()
    assert tokenizer.decode(tokenizer.encode([text])[0]) == text
    assert tokenizer.decode(tokenizer.encode_words([text])[0]) == text


_cache: list[TextTokenizer] = []


def _shared() -> TextTokenizer:
    if not _cache:
        import tempfile

        _cache.append(train_text_tokenizer(TEXTS * 10, tempfile.mkdtemp(), 660, across_spaces=True))
    return _cache[0]


def test_equal_text_gives_an_equal_tokenizer(phrases: TextTokenizer, tmp_path: Path):
    again = train_text_tokenizer(TEXTS * 10, tmp_path, 660, across_spaces=True)
    assert again.fingerprint == phrases.fingerprint


def _sample(task: Task, place: int) -> OrderedSample:
    row = TaskSample(task, "k", np.zeros((0, 0, 3), np.uint8), np.zeros(0, np.int8), prompt=TEXTS[0], answer=TEXTS[1])
    return OrderedSample(SampleRef(position=place, task=0, dataset=0, sample=0, cycle=0, valid=True), row)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_dropout_is_of_the_prompts_of_whole_steps(share: float, phrases: TextTokenizer):
    collate = Collate(phrases, 200, share, seed=3, batch_sizes=(2,))
    rows = [_sample(Task.TEXT_TO_IMAGE, place) for place in range(120)]
    rows += [_sample(Task.UNDERSTANDING, place) for place in range(60)]
    whole, part = collate(rows), collate(rows[7:9])
    long, short = (len(f([TEXTS[0]])[0]) for f in (phrases.encode_words, phrases.encode))
    assert whole.text_length[7:9].equal(part.text_length)
    steps = whole.text_length[:120].view(60, 2)
    assert steps[:, 0].equal(steps[:, 1])
    assert set(steps.flatten().tolist()) <= {long, short}
    found = (steps[:, 0] == long).float().mean()
    assert found == share or (share == 0.5 and 0.3 < found < 0.7)
    said = (whole.text_loss[120:].sum(1)).unique().tolist()  # questions and answers never have phrases
    assert said == [len(phrases.encode_words([TEXTS[1]])[0]) + 1]  # with eos


def test_the_pieces_of_a_token_have_its_bytes(phrases: TextTokenizer, words: TextTokenizer):
    pieces = words.pieces_of(phrases)
    assert len(pieces) == phrases.vocab_size
    assert [words.decode(row) for row in pieces] == [phrases.decode([i]) for i in range(phrases.vocab_size)]
    assert max(map(len, pieces)) > 1
    assert words.pieces_of(words) == [[i] for i in range(words.vocab_size)]


def test_punctuation_stays_apart(phrases: TextTokenizer):
    tokens = [phrases.decode([i]) for i in range(phrases.vocab_size)]
    phrases_with_a_space = [t for t in tokens if " " in t.strip()]
    assert phrases_with_a_space
    assert not [t for t in phrases_with_a_space if set(t) & set(".,;:?!")]


def test_an_extended_tokenizer_reads_words_as_before(words: TextTokenizer, tmp_path: Path):
    more = train_text_tokenizer(TEXTS * 10, tmp_path, words.vocab_size + 40, across_spaces=True, extend=words.path)
    assert words.vocab_size < more.vocab_size <= words.vocab_size + 40
    assert more.encode_words(TEXTS) == words.encode(TEXTS)
    assert sum(map(len, more.encode(TEXTS))) < sum(map(len, words.encode(TEXTS)))
    assert words.pieces_of(more)[: words.vocab_size] == [[i] for i in range(words.vocab_size)]
    with pytest.raises(DataError, match="give more"):
        train_text_tokenizer(TEXTS, tmp_path, 300, across_spaces=True, extend=words.path)
