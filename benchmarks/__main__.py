"""Runs all benchmarks, or the named ones. Prints a table, and writes logs/bench/NAME.json with machine and versions.

`benchmarks.gpu` needs a GPU and `benchmarks.learning` takes hours, so both have separate commands.
"""

from __future__ import annotations

import importlib
import json
import operator
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
OWN_COMMAND = {"gpu", "learning"}
COMPARED = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Prints the result rows as a table, and writes them to a JSON file."""
    commands = dict.fromkeys(row["command"] for row in rows)
    machine = {"cores": os.cpu_count(), "processor": processor()}
    title = f"{name}: {', '.join(commands)}; {machine['processor']}, {machine['cores']} cores"
    table = Table(title=title, title_justify="left")
    for column in ("figure", "value", "unit", "target", "met"):
        table.add_column(column, justify="right" if column == "value" else "left", overflow="fold")
    for row in rows:
        value = row["value"]
        shown = f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
        row["met"] = met(value, row["target"])
        table.add_row(
            row["figure"], shown, row["unit"], row["target"], {True: "yes", False: "no", None: ""}[row["met"]]
        )
    Console().print(table)
    OUT.mkdir(parents=True, exist_ok=True)
    tree = {"name": name, "rows": rows, "machine": machine, "environment": environment()}
    (OUT / f"{name}.json").write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def met(value: float, target: str) -> bool | None:
    """Whether a value meets its target, such as ``>= 0.7``, ``< 1`` or ``0``; None if the target is empty."""
    if not target:
        return None
    sign, _, bound = target.rpartition(" ")
    return COMPARED[sign](value, float(bound)) if sign else value == float(target)


def processor() -> str:
    """Name of the processor, and the widest vector instructions that PyTorch uses, such as AVX2."""
    import torch

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"


def main() -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    known = sorted({m.name for m in pkgutil.iter_modules(benchmarks.__path__)} - {"__main__"} - OWN_COMMAND)
    chosen = sys.argv[1:] or known
    if unknown := set(chosen) - set(known):
        raise SystemExit(f"there is no benchmark {sorted(unknown)[0]!r}; choose from {', '.join(known)}")
    for name in chosen:
        write(name, importlib.import_module(f"benchmarks.{name}").main())


if __name__ == "__main__":
    main()
