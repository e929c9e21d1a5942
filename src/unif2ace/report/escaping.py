"""Escapes text for HTML, SVG and Markdown."""

from __future__ import annotations

import html
import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]|#])")


def escaped(text: object) -> str:
    """Escapes text for HTML and SVG, also in attributes. Characters that XML forbids are replaced by U+FFFD."""
    return html.escape(_CONTROL.sub("\ufffd", str(text)), quote=True)


def markdown(text: object) -> str:
    """Escapes text for a line or a table cell of Markdown."""
    plain = html.escape(_CONTROL.sub("\ufffd", str(text)), quote=False)
    return _MARKDOWN.sub(r"\\\1", plain).replace("\n", "<br>")


def fenced(code: str) -> str:
    """Encloses text in a fenced Markdown code block."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{_CONTROL.sub(chr(0xFFFD), code)}\n{fence}"
