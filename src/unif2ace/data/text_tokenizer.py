"""Byte-level BPE text tokenizer, trained on the data set's text and saved beside the shards.

Training uses the `tokenizers` library. Any text is decoded exactly, because the tokens are byte-level. The special
tokens have the first ids, in the order of `SPECIAL`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from unif2ace.data.superwords import is_superword, superword_merges
from unif2ace.errors import DataError

FILE_NAME = "tokenizer.json"
PAD, EOS = "<|pad|>", "<|eos|>"
NUM_BYTES = 256
SPECIAL = (PAD, EOS)
SENTENCES = 20_000
"""Number of distinct sentences, the most frequent first, that `superword_merges` searches."""
_SENTENCE = re.compile(r"[^.!?]+[.!?]*|[.!?]+")
"""A sentence, including a leading space; no token crosses a sentence boundary."""


class TextTokenizer:
    """Converts text to ids and back.

    Args:
        path: A file of the `tokenizers` library, or a folder that contains `tokenizer.json`.

    Raises:
        DataError: If the file does not exist, is not a tokenizer, or has no padding or end-of-text token.
    """

    def __init__(self, path: str | Path) -> None:
        file = Path(path)
        file = file / FILE_NAME if file.is_dir() else file
        if not file.is_file():
            raise DataError(
                f"there is no text tokenizer at {file}; `unif2ace-data build` writes one beside the shards, or give "
                "the path of another"
            )
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:
            raise DataError(f"{file} is not a tokenizer of the `tokenizers` library: {error}") from error
        self.path = file
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.pad_id = self._special(PAD, "<pad>", "[PAD]", EOS, "<|endoftext|>", "<|end_of_text|>", "</s>")
        self.eos_id = self._special(EOS, "<|endoftext|>", "<|end_of_text|>", "</s>", "[SEP]")

    def _special(self, *names: str) -> int:
        for name in names:
            found = self._tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        raise DataError(f"{self.path} has none of the tokens {', '.join(names)}; add one of them to the file")

    @property
    def vocab_size(self) -> int:
        """Number of ids: every id is in [0, vocab_size)."""
        return int(self._tokenizer.get_vocab_size())

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 of the tokenizer's content; whitespace in the file has no effect."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()[:16]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text without special tokens; special tokens written in a text are encoded as plain characters."""
        return [list(e.ids) for e in self._plain.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode_words(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text as in `encode`, but using no token of several words."""
        return [list(e.ids) for e in self._words.encode_batch_fast(list(texts), add_special_tokens=False)]

    @cached_property
    def phrases(self) -> frozenset[int]:
        """Ids of all tokens of several words; `encode_words` never returns them."""
        return frozenset(number for name, number in self._tokenizer.get_vocab().items() if is_superword(name))

    @cached_property
    def _words(self) -> Tokenizer:
        """The tokenizer without merges across spaces."""
        content = json.loads(self._tokenizer.to_str())
        merges = content["model"].get("merges", [])
        kept = [merge for merge in merges if not is_superword("".join(merge))]
        if len(kept) == len(merges):
            return self._plain
        content["model"]["merges"] = kept
        tokenizer = Tokenizer.from_str(json.dumps(content))
        tokenizer.encode_special_tokens = True
        return tokenizer

    @cached_property
    def _plain(self) -> Tokenizer:
        tokenizer = Tokenizer.from_str(self._tokenizer.to_str())
        tokenizer.encode_special_tokens = True
        return tokenizer

    def pieces_of(self, other: TextTokenizer) -> list[list[int]]:
        """For each id of `other`, the ids of this tokenizer for the same bytes; special tokens map to special tokens.

        Raises:
            DataError: If one of the two tokenizers is not byte-level.
        """
        special = {other.pad_id: self.pad_id, other.eos_id: self.eos_id}
        added = other._tokenizer.get_added_tokens_decoder()
        names = {number: name for name, number in other._tokenizer.get_vocab().items()}
        alphabet = set(pre_tokenizers.ByteLevel.alphabet())
        known = self._tokenizer.get_vocab()
        if not alphabet <= known.keys():
            raise DataError(f"{self.path} is not a byte-level tokenizer; give another")
        pieces = []
        for number in range(other.vocab_size):
            name = names.get(number, "")
            if number in special or number in added or not name:
                pieces.append([special.get(number, known.get(name, self.eos_id))])
                continue
            if not set(name) <= alphabet:
                raise DataError(f"{other.path} is not a byte-level tokenizer (id {number} is {name!r}); give another")
            pieces.append([token.id for token in self._tokenizer.model.tokenize(name)])
        return pieces

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids; special tokens are skipped."""
        return str(self._tokenizer.decode([int(i) for i in ids], skip_special_tokens=True))


def train_text_tokenizer(
    texts: Iterable[str],
    path: str | Path,
    vocab_size: int = 2048,
    across_spaces: bool = False,
    extend: str | Path | None = None,
) -> TextTokenizer:
    """Trains a text tokenizer and writes ``tokenizer.json``.

    Args:
        texts: Training text; equal text gives an equal tokenizer.
        path: The folder to write `tokenizer.json` to.
        vocab_size: Requested vocabulary size. A small corpus gives fewer ids; the result's `vocab_size` is the actual
            number.
        across_spaces: Whether half of the vocabulary may be tokens of several words (see `superword_merges`). Texts
            then have about half as many tokens.
        extend: A byte-level tokenizer to extend by tokens of several words; existing ids do not change. None trains a
            new tokenizer.

    Raises:
        DataError: If `vocab_size` is under 258 (bytes and special tokens). With `extend`: if `vocab_size` is not larger
            than the tokenizer's, the tokenizer is not byte-level, or `across_spaces` is false.
    """
    if extend is not None:
        return _extended(TextTokenizer(extend), texts, Path(path), vocab_size, across_spaces)
    least = NUM_BYTES + len(SPECIAL)
    if vocab_size < least:
        raise DataError(f"vocab_size={vocab_size}: it must be at least {least}, for the bytes and special tokens")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=max(least, vocab_size // 2) if across_spaces else vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=2,
    )
    if across_spaces:
        texts = list(texts)
    tokenizer.train_from_iterator(texts, trainer)
    if across_spaces:
        tokenizer = _with_superwords(tokenizer, texts, vocab_size)
    return _written(tokenizer, Path(path))


def _extended(
    known: TextTokenizer, texts: Iterable[str], path: Path, vocab_size: int, across_spaces: bool
) -> TextTokenizer:
    if not across_spaces:
        raise DataError("across_spaces=false: extend adds tokens of several words, so set across_spaces=true")
    if vocab_size <= known.vocab_size:
        raise DataError(f"vocab_size={vocab_size}: {known.path} already has {known.vocab_size} ids; give more")
    words = known._words
    if not set(pre_tokenizers.ByteLevel.alphabet()) <= words.get_vocab().keys():
        raise DataError(f"extend={known.path} is not a byte-level tokenizer; omit extend to train a new one")
    return _written(_with_superwords(words, texts, vocab_size), path)


def _written(tokenizer: Tokenizer, folder: Path) -> TextTokenizer:
    file = folder / FILE_NAME
    partial = file.with_suffix(".tmp")
    tokenizer.save(str(partial))
    partial.replace(file)
    return TextTokenizer(file)


def _with_superwords(words: Tokenizer, texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """Adds tokens of several words to a tokenizer, up to `vocab_size` ids."""
    found = Counter(sentence for text in texts for sentence in _SENTENCE.findall(text))
    common = [text for text, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:SENTENCES]]
    ids = words.encode_batch_fast(common, add_special_tokens=False)
    counts: Counter[tuple[int, ...]] = Counter()
    for text, encoded in zip(common, ids, strict=True):
        counts[tuple(encoded.ids)] += found[text]
    size = words.get_vocab_size()
    tokens = [words.id_to_token(number) or "" for number in range(size)]
    merges = superword_merges(counts, tokens, vocab_size - size)
    content = json.loads(words.to_str())
    model = content["model"]
    model["merges"] += [list(merge) for merge in merges]
    model["vocab"] |= {left + right: size + place for place, (left, right) in enumerate(merges)}
    made = Tokenizer.from_str(json.dumps(content))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SENTENCE.pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return made
