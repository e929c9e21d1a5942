"""Any text round-trips, special tokens cannot be written, equal text gives an equal tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unif2ace.data.text_tokenizer import TextTokenizer, train_text_tokenizer
from unif2ace.errors import DataError

TEXTS = ["A woman with red hair smiles.", "A man with a beard looks to the left.", "Is he wearing a hat? No."] * 5


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> TextTokenizer:
    return train_text_tokenizer(TEXTS, tmp_path_factory.mktemp("text"), 320)


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_round_trips(text: str):
    tokenizer = _shared()
    ids = tokenizer.encode([text])[0]
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < tokenizer.vocab_size for i in ids)


_cache: list[TextTokenizer] = []


def _shared() -> TextTokenizer:
    if not _cache:
        import tempfile

        _cache.append(train_text_tokenizer(TEXTS, tempfile.mkdtemp(), 320))
    return _cache[0]


def test_special_tokens_in_a_text_are_plain_characters(tokenizer: TextTokenizer):
    ids = tokenizer.encode(["<|eos|> and <|pad|>"])[0]
    assert tokenizer.eos_id not in ids
    assert tokenizer.pad_id not in ids
    assert tokenizer.decode(ids) == "<|eos|> and <|pad|>"


def test_equal_text_gives_an_equal_tokenizer(tokenizer: TextTokenizer, tmp_path: Path):
    assert train_text_tokenizer(TEXTS, tmp_path, 320).fingerprint == tokenizer.fingerprint
    assert train_text_tokenizer(TEXTS[:1], tmp_path, 320).fingerprint != tokenizer.fingerprint


def test_a_folder_or_its_file_names_it(tokenizer: TextTokenizer):
    assert TextTokenizer(tokenizer.path).fingerprint == TextTokenizer(tokenizer.path.parent).fingerprint


def test_what_is_no_tokenizer_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="no text tokenizer at"):
        TextTokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="is not a tokenizer"):
        TextTokenizer(tmp_path)
    with pytest.raises(DataError, match="must be at least 258"):
        train_text_tokenizer(TEXTS, tmp_path, 100)
