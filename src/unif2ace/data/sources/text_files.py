"""Reads text files with any line ends, with or without a byte order mark."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from unif2ace.errors import DataError

_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_text(path: Path) -> str:
    r"""The text of a file in UTF-8, or in UTF-16 with a byte order mark; lines end with ``\n``.

    Raises:
        DataError: If the file is missing or has another encoding.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataError(f"{path} is UTF-32; save it as UTF-8, or convert it: iconv -f UTF-32 -t UTF-8 {path.name}")
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    if b"\0" in data and encoding != "utf-16":
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise DataError(f"{path}:{line} has a zero byte: not a text, or UTF-16 without a mark; save it as UTF-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        shown = f"byte {data[error.start]:#04x} at position {error.start:,}" if error.start < len(data) else "its end"
        shown += f" ({data[error.start : error.start + 1].decode('cp1252', 'replace')!r} in Windows-1252)"
        mend = f"save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8 {path.name}"
        raise DataError(f"{path}:{line}: {shown} is not {encoding.removesuffix('-sig').upper()}; {mend}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: Path) -> list[str]:
    """Non-empty lines of a text file, without leading and trailing blanks.

    Raises:
        DataError: If the file is missing or has another encoding; see `read_text`.
    """
    return [line.strip() for line in read_text(path).split("\n") if line.strip()]
