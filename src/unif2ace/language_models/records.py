"""Reads and writes files of recorded replies.

Each line is a JSON object with the ``digest`` of the request, the name of the ``model``, the ``text`` of the answer,
the ``refusal`` or null, ``cut_off``, ``prompt_tokens`` and ``completion_tokens``.
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
    """Yields the rows of a file. An incomplete last line, left by a killed process, is ignored.

    Args:
        file: The JSON-lines file.
        missing_ok: Whether a missing file yields no rows instead of an error.

    Raises:
        DataError: If the file does not exist, or a line is not a recorded reply.
    """
    path = Path(file)
    if missing_ok and not path.exists():
        return
    if not path.is_file():
        raise DataError(f"{file}: the file does not exist; record replies with language_model=recording")
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
                raise DataError(f"{file}: line {number} lacks the keys {', '.join(sorted(missing))}: delete the line")
            yield row


def append_row(file: str | Path, digest: str, model: str, reply: ChatReply) -> dict[str, Any]:
    """Appends a reply to the file. An incomplete last line is removed first.

    Returns:
        The new row.
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
    """Turns a recorded row into the reply to a request."""
    return read_reply(request, row["text"], row["refusal"], row["cut_off"])
