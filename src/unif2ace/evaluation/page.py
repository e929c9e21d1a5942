"""An HTML page with the results of a run, beside its images; it needs no server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #202024 }
h1 { font-weight: 600 } h2 { font-weight: 600; margin-top: 2.5rem } p { white-space: pre-line; color: #55555c }
figure { margin: 0; overflow-x: auto } img { max-width: 100%; border-radius: 4px }
@media (max-width: 45rem) { img { max-width: none; width: 45rem } }  /* words in a picture stay readable: it scrolls */
pre { background: #f4f4f6; padding: 1rem; border-radius: 4px; overflow-x: auto }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page.

    Attributes:
        title: Heading.
        text: Plain text under the heading.
        picture: File name of an image beside the page.
        code: Commands to show.
    """

    title: str
    text: str = ""
    picture: str | None = None
    code: str = ""


def write_page(file: Path, title: str, sections: Sequence[Section]) -> Path:
    """Writes a page.

    Args:
        file: File to write; its folder is created.
        title: Title of the page.
        sections: Its sections, in order.

    Returns:
        The file.
    """
    parts = [f"<h1>{escape(title)}</h1>"]
    for section in sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        if section.text:
            parts.append(f"<p>{escape(section.text)}</p>")
        if section.picture:
            name, title_text = escape(section.picture), escape(section.title)
            parts.append(f'<figure><a href="{name}"><img src="{name}" alt="{title_text}"></a></figure>')
        if section.code:
            parts.append(f"<pre>{escape(section.code)}</pre>")
    body = "\n".join(parts)
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{view}<title>{escape(title)}</title><style>{_STYLE}</style>'
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n', encoding="utf-8"
    )
    return file
