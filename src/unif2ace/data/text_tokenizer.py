"""Byte-level BPE over the data's own text, trained by the `tokenizers` library and saved beside the shards.

Byte-level, so any text round-trips exactly. The special tokens have the first ids, in the order of `SPECIAL`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from unif2ace.errors import DataError

FILE_NAME = "tokenizer.json"
PAD, EOS = "<|pad|>", "<|eos|>"
NUM_BYTES = 256
SPECIAL = (PAD, EOS)


class TextTokenizer:
    """Converts text to ids and back.

    Args:
        path: A file of the `tokenizers` library, or a folder that contains `tokenizer.json`.

    Raises:
        DataError: If there is no such file, it is no tokenizer, or it lacks a padding or end-of-text token.
    """

    def __init__(self, path: str | Path) -> None:
        file = Path(path)
        file = file / FILE_NAME if file.is_dir() else file
        if not file.is_file():
            raise DataError(
                f"no text tokenizer at {file}; `unif2ace-data build` writes one beside the shards, or name another"
            )
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:
            raise DataError(f"{file} is no tokenizer of the `tokenizers` library: {error}") from error
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
        raise DataError(f"{self.path} has none of the tokens {', '.join(names)}; add one and save it again")

    @property
    def vocab_size(self) -> int:
        """Number of ids: every id is in [0, vocab_size)."""
        return int(self._tokenizer.get_vocab_size())

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of a SHA-256 of the tokenizer; independent of the layout of its file."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()[:16]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text without special tokens; special tokens written in a text are encoded as plain characters."""
        return [list(e.ids) for e in self._plain.encode_batch_fast(list(texts), add_special_tokens=False)]

    @cached_property
    def _plain(self) -> Tokenizer:
        tokenizer = Tokenizer.from_str(self._tokenizer.to_str())
        tokenizer.encode_special_tokens = True
        return tokenizer

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ids; special tokens are skipped."""
        return str(self._tokenizer.decode([int(i) for i in ids], skip_special_tokens=True))


def train_text_tokenizer(texts: Iterable[str], path: str | Path, vocab_size: int = 2048) -> TextTokenizer:
    """Trains a tokenizer and writes it.

    Args:
        texts: Training text; equal text gives an equal tokenizer.
        path: The folder to write `tokenizer.json` to.
        vocab_size: Requested vocabulary size. A small corpus gives fewer ids: read `vocab_size` of the result.

    Raises:
        DataError: If `vocab_size` leaves no room for the 256 bytes and the special tokens.
    """
    least = NUM_BYTES + len(SPECIAL)
    if vocab_size < least:
        raise DataError(f"vocab_size={vocab_size}: a byte-level tokenizer needs at least {least}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=alphabet,
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts, trainer)
    file = Path(path) / FILE_NAME
    partial = file.with_suffix(".tmp")
    tokenizer.save(str(partial))
    partial.replace(file)
    return TextTokenizer(file)
