"""Counts texts that did not fit into the training sequences, and logs the counts."""

from __future__ import annotations

import logging

from unif2ace.types import Batch

log = logging.getLogger(__name__)


class LongTexts:
    """Counts the texts that `Collate` cut or left out, in the batches of one process.

    Args:
        max_text_tokens: Maximum number of ids of a text, as configured.
    """

    def __init__(self, max_text_tokens: int) -> None:
        self.max_text_tokens = max_text_tokens
        self.samples = self.long = self.turns = 0

    def add(self, batch: Batch) -> None:
        """Counts a batch; the first long text is logged at once."""
        if batch.long_texts and not self.long:
            log.warning(
                "sample %r has a text of more than data.max_text_tokens=%d tokens: such texts are cut or left out, and "
                "counted; a larger data.max_text_tokens keeps them whole",
                batch.long_texts[0],
                self.max_text_tokens,
            )
        self.samples += len(batch)
        self.long += len(batch.long_texts)
        self.turns += batch.turns_left_out

    def report(self) -> None:
        """Logs the counts since the last report."""
        if self.long or self.turns:
            log.warning(
                "data.max_text_tokens=%d: of %d samples read, %d had a text that was cut or left out; %d questions did "
                "not fit beside others",
                self.max_text_tokens,
                self.samples,
                self.long,
                self.turns,
            )
        self.samples = self.long = self.turns = 0
