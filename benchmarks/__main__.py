"""Runs all benchmarks, or those named: prints a table, writes logs/bench/NAME.json with machine and versions."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import platform
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import benchmarks
from unif2ace.engine.snapshot import environment

OUT = Path("logs") / "bench"


def run(name: str, console: Console) -> None:
    rows: list[dict[str, Any]] = importlib.import_module(f"benchmarks.{name}").main()
    commands = dict.fromkeys(row["command"] for row in rows)
    table = Table(title=f"{name}: {', '.join(commands)}", title_justify="left")
    for column in ("figure", "value", "unit", "target"):
        table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
    for row in rows:
        value = row["value"]
        shown = f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
        table.add_row(row["figure"], shown, row["unit"], row["target"])
    console.print(table)
    OUT.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()}
    tree = {"name": name, "rows": rows, "machine": machine, "environment": environment()}
    (OUT / f"{name}.json").write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    known = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_"))
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"no benchmark {sorted(unknown)[0]!r}; there are {', '.join(known)}")
    for name in chosen:
        run(name, Console())


if __name__ == "__main__":
    main()
