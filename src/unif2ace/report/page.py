"""Writes a report as one self-contained HTML page, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unif2ace.report.assets import Assets
from unif2ace.report.blocks.base import ReportBlock
from unif2ace.report.charts.svg import style
from unif2ace.report.escaping import escaped, markdown

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --text: #202024; --faint: #75757d; --rule: #dcdce2; --box: #f5f5f7;
  --good: #1d7a45; --bad: #b23030; --link: #2f6db3 }
@media (prefers-color-scheme: dark) { :root { --paper: #17171a; --text: #e4e4e8; --faint: #9a9aa3; --rule: #3a3a41;
  --box: #222227; --good: #6fce98; --bad: #f08a8a; --link: #7fb2ea } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 80rem; margin: 0 auto; padding: 1rem; color: var(--text);
  background: var(--paper); overflow-wrap: anywhere }
h1, h2, h3 { font-weight: 600; line-height: 1.25 } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--rule) }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem } a { color: var(--link) } p { white-space: pre-line }
.scroll { overflow-x: auto; max-width: 100% } .faint { color: var(--faint); font-style: italic }
.good { color: var(--good) } .bad { color: var(--bad) }
table { border-collapse: collapse; font-size: .9rem; overflow-wrap: normal }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule);
  max-width: 26rem }
th { font-weight: 600 } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td:not(.number) { min-width: 5rem } td:first-child:not(.number) { min-width: 8rem }
.grid td { white-space: nowrap } .grid th[colspan] { font-weight: 400; border: 0; max-width: none;
  padding-top: .8rem }
.grid th span { position: sticky; left: 0; display: inline-block; max-width: min(76rem, calc(100vw - 2rem)) }
.grid img, .beside img { width: 96px; height: auto; margin-right: 4px; border-radius: 4px }
img { max-width: none; vertical-align: top } figure { margin: 1.2rem 0 } figcaption { color: var(--faint) }
figure img { background: #fff; border-radius: 4px; height: auto; max-width: 100% }
@media (max-width: 45rem) { figure img { max-width: none; width: 45rem } }
.beside { display: flex; gap: 1rem; margin: 1.2rem 0 } .beside > :last-child { min-width: 0; flex: 1 }
@media (max-width: 45rem) { table { width: max-content } th, td { max-width: 16rem } }
@media (max-width: 30rem) { .beside { flex-direction: column; gap: .4rem } }
.charts { display: flex; flex-wrap: wrap; gap: 1.2rem } .charts > div > .fits { max-width: 100%; height: auto }
pre { background: var(--box); padding: .8rem; border-radius: 4px; overflow-x: auto; font-size: .85rem;
  overflow-wrap: normal }
"""

Contents = Mapping[str, Sequence[ReportBlock]]
"""The blocks of each section, by the section's title."""


def html_page(title: str, contents: Contents) -> str:
    """The report as an HTML page.

    Args:
        title: Title of the report.
        contents: The sections in order.
    """
    links = "".join(f'<a href="#{_place(n)}">{escaped(name)}</a>' for n, name in enumerate(contents))
    sections = "\n".join(
        f'<section id="{_place(n)}">\n<h2>{escaped(name)}</h2>\n{_joined(blocks)}\n</section>'
        for n, (name, blocks) in enumerate(contents.items())
    )
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{_STYLE}{style()}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n<h1>{escaped(title)}</h1>\n'
        f"<nav>{links}</nav>\n{sections}\n</body>\n</html>\n"
    )


def markdown_page(title: str, contents: Contents, assets: Assets) -> str:
    """The report as Markdown.

    Args:
        title: Title of the report.
        contents: The sections in order.
        assets: Receives the files of pictures and charts.
    """
    parts = [f"# {markdown(title)}"]
    for name, blocks in contents.items():
        parts += [f"## {markdown(name)}", *(block.markdown(assets) for block in blocks)]
    return "\n\n".join(parts) + "\n"


def _place(number: int) -> str:
    return f"section-{number + 1}"


def _joined(blocks: Sequence[ReportBlock]) -> str:
    return "\n".join(block.html() for block in blocks)
