"""One page shows what came of a run."""

from __future__ import annotations

from pathlib import Path

from unif2ace.evaluation.page import Section, write_page


def test_a_page_shows_its_sections_and_escapes_text(tmp_path: Path):
    sections = [Section("A & B", "1 < 2", picture="p.png", code="make test")]
    page = write_page(tmp_path / "sub" / "index.html", "T<", sections).read_text()
    for part in (
        "A &amp; B",
        "1 &lt; 2",
        'src="p.png"',
        "<pre>make test</pre>",
        "<title>T&lt;</title>",
        'name="viewport"',
    ):
        assert part in page
