"""Replaces the text tokenizer of a trained unified model."""

from __future__ import annotations

import shutil
from pathlib import Path

from unif2ace.engine.weights import FILE_NAME, TEXT_FILE, Weights, read_weights, save_weights
from unif2ace.errors import ConfigError

_OWN = ("kind", "net", "fingerprint", "format", "dtype", "date", "trained_as", "text_tokenizer")
"""Header entries that are not copied, because they describe the old file."""


def exchange_text_tokenizer(ckpt: str, text_tokenizer: str, folder: Path) -> tuple[Weights, int]:
    """Converts the embeddings of a unified model to another text tokenizer. Writes the weights and that tokenizer.

    The embedding of a new token starts as the mean of the embeddings of its old tokens. Its output weights start as
    those of its first old token. The model must be fine-tuned afterwards.

    Args:
        ckpt: ``builtin``, a release folder, a run folder or a weights file, with its text tokenizer in the same folder.
        text_tokenizer: File or folder of the new tokenizer.
        folder: Existing folder to write to.

    Returns:
        The written weights, and the vocabulary size of the old tokenizer.

    Raises:
        ConfigError: If the weights are not of kind ``unified``, or were trained with another tokenizer than the one in
            their folder.
        DataError: If a file does not exist, or a tokenizer is not byte-level.
    """
    from unif2ace.data.text_tokenizer import TextTokenizer
    from unif2ace.nets.transformer.text_rows import with_text_rows

    weights = read_weights(ckpt, "unified")
    if weights.kind != "unified":
        raise ConfigError(f"ckpt={ckpt} holds weights of kind {weights.kind!r}; give weights of kind 'unified'")
    old, new = TextTokenizer(weights.text_file), TextTokenizer(text_tokenizer)
    before = int(weights.config["text_size"])
    if old.vocab_size != before:
        raise ConfigError(
            f"{old.path} has {old.vocab_size} ids, but {weights.path} has {before}: give the tokenizer of these weights"
        )
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
