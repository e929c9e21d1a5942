"""Counts and logs texts that are longer than `max_text_tokens`."""

from __future__ import annotations

import logging

from unif2ace.types import Batch

log = logging.getLogger(__name__)


class LongTexts:
    """Counts the texts that `Collate` truncated or left out in the batches of this process.

    Args:
        max_text_tokens: Maximum number of ids of a text, for the messages.
    """

    def __init__(self, max_text_tokens: int) -> None:
        self.max_text_tokens = max_text_tokens
        self.samples = self.long = self.turns = 0

    def add(self, batch: Batch) -> None:
        """Counts a batch; the first long text is logged at once."""
        if batch.long_texts and not self.long:
            log.warning(
                "sample %r has a text of more than data.max_text_tokens=%d tokens, which is truncated or left out; "
                "increase data.max_text_tokens to keep it whole (the number of such texts is logged at the end)",
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
                "data.max_text_tokens=%d: %d samples were read; %d had a text that was too long and was truncated or "
                "left out; %d questions were left out because earlier ones filled the sequence",
                self.max_text_tokens,
                self.samples,
                self.long,
                self.turns,
            )
        self.samples = self.long = self.turns = 0
