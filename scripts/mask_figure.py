"""Draws the attention masks of a T2I and an MMU sequence as an SVG figure, computed by `omni_attention`.

python scripts/mask_figure.py docs/explanation/omni_attention.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from unif2ace.sequence.attention import omni_attention
from unif2ace.types import Role, Task

SEQUENCES = {
    Task.TEXT_TO_IMAGE: ["pad", "task", *["caption"] * 3, "soi", *["image"] * 4, "eoi"],
    Task.UNDERSTANDING: ["pad", "task", "soi", *["image"] * 4, "eoi", *["question"] * 2, *["answer"] * 2],
}
ROLES = {
    "pad": Role.PAD,
    "task": Role.TASK,
    "caption": Role.PROMPT,
    "question": Role.PROMPT,
    "soi": Role.SOI,
    "image": Role.IMAGE,
    "eoi": Role.EOI,
    "answer": Role.ANSWER,
}
COLOURS = {"image": "#5c6bc0", "soi": "#5c6bc0", "eoi": "#5c6bc0", "pad": "#bdbdbd"}
TEXT_COLOUR, CELL, LEFT, TOP = "#ef8e3b", 22, 70, 86


def figure() -> str:
    """Returns the SVG. Rows of cells are queries; a cell has the colour of its key if the query attends to the key."""
    parts, x = [], 0
    height = TOP + CELL * max(map(len, SEQUENCES.values())) + 8
    for task, names in SEQUENCES.items():
        parts.append(f'<g transform="translate({x} 0)">{_mask(task, names)}</g>')
        x += LEFT + CELL * len(names) + 40
    size = f'viewBox="0 0 {x} {height}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return f'{head}\n<rect width="{x}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"


def _mask(task: Task, names: list[str]) -> str:
    roles = torch.tensor([[ROLES[name] for name in names]], dtype=torch.int8)
    allowed = omni_attention(roles, torch.tensor([task], dtype=torch.int8))[0, 0].tolist()
    title = "T2I: text to image" if task == Task.TEXT_TO_IMAGE else "MMU: understanding"
    parts = [f'<text x="{LEFT}" y="16" font-weight="bold">{title}</text>']
    for i, name in enumerate(names):
        y, x = TOP + CELL * i, LEFT + CELL * i
        parts.append(f'<text x="{LEFT - 6}" y="{y + 15}" text-anchor="end">{name}</text>')
        parts.append(f'<text transform="translate({x + 15} {TOP - 6}) rotate(-60)">{name}</text>')
        for j, key in enumerate(names):
            colour = COLOURS.get(key, TEXT_COLOUR) if allowed[i][j] else "#f5f5f5"
            parts.append(
                f'<rect x="{LEFT + CELL * j}" y="{y}" width="{CELL - 2}" height="{CELL - 2}" fill="{colour}"/>'
            )
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(figure(), encoding="utf-8")
