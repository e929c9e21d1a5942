"""MkDocs hooks: add generated pages, render formulas, and reject pages that load resources from another host."""

from __future__ import annotations

import re
from html import unescape
from pathlib import PurePosixPath
from posixpath import normpath, relpath
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from reference_pages import COPIES, GROUPS, ROOT, apps, packages, pages

OUTSIDE = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(?:https?:)?//|<link[^>]*(?:stylesheet|preload)[^>]*//"
)


def on_config(config: Any) -> Any:
    """Adds the generated pages to the navigation, after the handwritten pages of the section Reference."""
    reference = next(section["Reference"] for section in config.nav if "Reference" in section)
    reference += [
        {"Commands": ["reference/commands/index.md", *(f"reference/commands/{app}.md" for app in apps())]},
        {
            "Configuration": [
                "reference/config/index.md",
                *({area: [f"reference/config/{g}.md" for g in groups]} for area, groups in GROUPS.items()),
            ]
        },
        {"Python API": [f"reference/api/{name}.md" for name in packages()]},
        {"Attributes": "reference/attributes.md"},
        {"Adding a component": "reference/contributing.md"},
        {"Changes": "reference/changelog.md"},
    ]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the generated pages."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replaces links to files of the repository by links to their pages, or by the file name if there is no page."""
    here = page.file.src_uri
    base = PurePosixPath(COPIES.get(here, f"docs/{here}")).parent
    copied = {file: made for made, file in COPIES.items()}

    def replaced(found: re.Match[str]) -> str:
        text, target, anchor = found.groups()
        path = normpath((base / target).as_posix())
        if path in copied or (here in COPIES and path.startswith("docs/")):
            made = copied.get(path, path.removeprefix("docs/"))
            return f"[{text}]({relpath(made, PurePosixPath(here).parent)}{anchor or ''})"
        is_page = path.startswith("docs/") or (here not in COPIES and not (ROOT / path).exists())
        return found[0] if is_page else text

    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#\s]+)(#[^)\s]*)?\)", replaced, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Converts formulas to MathML, which browsers display without scripts."""
    html = re.sub(r":math:<code>(.*?)</code>", lambda m: convert(unescape(m[1])), html, flags=re.DOTALL)
    return re.sub(
        r"<(span|div) class=\"arithmatex\">\\[(\[](.*?)\\[)\]]</\1>",
        lambda m: convert(unescape(m[2]), display="block" if m[1] == "div" else "inline"),
        html,
        flags=re.DOTALL,
    )


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Rejects a page that loads a script, style, font or image from another host."""
    if found := OUTSIDE.search(output):
        raise PluginError(f"{page.file.src_uri} loads a resource from another host: {found[0]}; store it in docs/")
    return output
