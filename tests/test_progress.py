"""Progress is a bar in a terminal and a line now and then in a log; both end complete."""

from __future__ import annotations

import io

from rich.console import Console

from unif2ace.progress import progress


def test_a_log_gets_lines_with_rate_and_an_end():
    out = io.StringIO()
    with progress("faces", Console(file=out, force_terminal=False, width=100)) as advance:
        for done in range(1, 1001):
            advance(done, 1000, "faces")
    lines = out.getvalue().splitlines()
    assert len(lines) < 5, "not a line for every step"
    assert lines[-1].startswith("faces: 1,000 of 1,000 (")


def test_a_terminal_gets_a_bar_with_counts():
    out = io.StringIO()
    with progress("faces", Console(file=out, force_terminal=True, width=100)) as advance:
        advance(3, 10, "captions")
        advance(10, 10, "captions")
    assert "captions" in out.getvalue()
    assert "10/10" in out.getvalue()
