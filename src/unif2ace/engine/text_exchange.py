"""A trained model with another text tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path

from unif2ace.engine.weights import FILE_NAME, TEXT_FILE, Weights, read_weights, save_weights
from unif2ace.errors import ConfigError

_OWN = ("kind", "net", "fingerprint", "format", "dtype", "date", "trained_as", "text_tokenizer")
"""Entries of a header that belong to the file."""


def exchange_text_tokenizer(ckpt: str, text_tokenizer: str, folder: Path) -> tuple[Weights, int]:
    """Writes weights whose text ids are those of another tokenizer, with that tokenizer beside them.

    The network starts close to what it was: a new token begins as the mean of the old tokens that it is made of, and is
    predicted where its first one was. It has to be trained on.

    Args:
        ckpt: ``builtin``, a release folder, a run folder or a weights file, with its tokenizer beside it.
        text_tokenizer: File or folder of the new tokenizer.
        folder: Folder to write; it exists.

    Returns:
        The written weights, and the old number of text ids.

    Raises:
        ConfigError: If the weights are of another kind, or their tokenizer is not the one that they were trained with.
        DataError: If a file does not exist, or a tokenizer is not byte-level.
    """
    from unif2ace.data.text_tokenizer import TextTokenizer
    from unif2ace.nets.transformer.text_rows import with_text_rows

    weights = read_weights(ckpt, "unified")
    if weights.kind != "unified":
        raise ConfigError(f"ckpt={ckpt} holds weights of kind {weights.kind!r}; 'unified' is needed here")
    old, new = TextTokenizer(weights.text_file), TextTokenizer(text_tokenizer)
    before = int(weights.config["text_size"])
    if old.vocab_size != before:
        raise ConfigError(f"{old.path} has {old.vocab_size} ids, {weights.path} has {before}: is it theirs?")
    tied = bool(weights.config.get("tie_embeddings"))
    state = with_text_rows(weights.state, before, old.pieces_of(new), tied, new.phrases)
    ids = {"text_size": new.vocab_size, "bos_id": new.eos_id, "eos_id": new.eos_id}
    kept = {key: value for key, value in weights.header.items() if key not in _OWN}
    made = save_weights(
        folder / FILE_NAME,
        state,
        kind=weights.kind,
        config={**weights.config, **ids},
        provenance={**kept, "started_from": weights.short},
    )
    shutil.copyfile(new.path, folder / TEXT_FILE)
    return made, before
