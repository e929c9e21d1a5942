"""The file of recorded replies.

Each line is a JSON object with the request's ``digest``, the ``model``'s name, the answer's ``text``, a ``refusal`` or
null, ``cut_off``, ``prompt_tokens`` and ``completion_tokens``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unif2ace.errors import DataError
from unif2ace.language_models.answers import read_reply
from unif2ace.language_models.chat import ChatReply, ChatRequest

_FIELDS = ("text", "refusal", "cut_off", "prompt_tokens", "completion_tokens")


def rows_of(file: str | Path, missing_ok: bool = False) -> Iterator[dict[str, Any]]:
    """The rows of a file; a last line that a kill cut short is left out.

    Args:
        file: The file.
        missing_ok: Whether a file that does not exist counts as empty.

    Raises:
        DataError: If it does not exist, or a line is not a row.
    """
    path = Path(file)
    if missing_ok and not path.exists():
        return
    if not path.is_file():
        raise DataError(f"{file}: no such file of recorded replies; make it with language_model=recording")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                missing = {"digest", "model", *_FIELDS} - row.keys()
            except (ValueError, AttributeError):
                raise DataError(f"{file}: line {number} is not a recorded reply: delete the line") from None
            if missing:
                raise DataError(f"{file}: line {number} lacks {', '.join(sorted(missing))}: delete the line")
            yield row


def append_row(file: str | Path, digest: str, model: str, reply: ChatReply) -> dict[str, Any]:
    """Appends a reply, after cutting off an incomplete last line.

    Returns:
        The row.
    """
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"digest": digest, "model": model} | {name: getattr(reply, name) for name in _FIELDS}
    with path.open("ab+") as lines:
        if lines.tell():
            lines.seek(-1, os.SEEK_END)
            if lines.read(1) != b"\n":
                lines.seek(0)
                lines.truncate(lines.read().rfind(b"\n") + 1)
        lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return row


def replayed(request: ChatRequest, row: Mapping[str, Any]) -> ChatReply:
    """The reply that a row makes to a request."""
    return read_reply(request, row["text"], row["refusal"], row["cut_off"])
