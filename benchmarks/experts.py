"""Training speed of the unified network with `moe=grouped` and `moe=dense`, with equal active parameters per token.

A step consists of forward pass, cross-entropy of codes and words, backward pass and AdamW step, on sequences of both
tasks. The two networks alternate over several rounds. The median over rounds of the ratio of CPU times is reported.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from unif2ace.nets.moe.base import MoEFactory
from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.moe.grouped import GroupedMoE
from unif2ace.nets.transformer.blocks.sequential import SequentialBlock
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.sequence_layout import SequenceLayout, stack
from unif2ace.types import TokenSequence

COMMAND = "python -m benchmarks experts"
ROUNDS = 5
TEXT, CODES, IMAGE, EOS = 2048, 4096, 64, 0
DIM, DEPTH, HEADS = 256, 4, 8
PICTURES, ANSWERS, WORDS = 12, 12, 96
TOP_K = 4
WIDTH = 4 * DIM + 3 * TOP_K * (DIM // 2) // 2
"""Hidden dimension of a dense network with the active weights of one shared and `TOP_K` routed experts."""


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    torch.manual_seed(0)
    made = {"grouped": _step(GroupedMoE(top_k=TOP_K)), "dense": _step(DenseMoE(WIDTH))}
    times: dict[str, list[float]] = {name: [] for name in made}
    for turn in range(ROUNDS + 1):
        for name, (step, _) in made.items():
            start = time.process_time()
            step()
            if turn:  # the first warms up
                times[name].append(time.process_time() - start)
    tokens = made["dense"][1]
    what = f"{DIM} wide, {DEPTH} blocks, {tokens:,} tokens"
    rows = [
        _row(f"moe={name}: {what}", tokens / statistics.median(seconds), "tokens / CPU s")
        for name, seconds in times.items()
    ]
    share = statistics.median(d / g for d, g in zip(times["dense"], times["grouped"], strict=True))
    return [*rows, _row("tokens/s of moe=grouped to moe=dense of equal active parameters", share, "ratio", ">= 0.7")]


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _step(moe: MoEFactory) -> tuple[Callable[[], None], int]:
    """A function that runs a training step of a new network, and the number of tokens of the step."""
    sizes = {"dim": DIM, "depth": DEPTH, "heads": HEADS}
    net = UnifiedNet(TEXT, CODES, EOS, EOS, IMAGE, SequentialBlock, moe, **sizes)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    sequence = _sequence(SequenceLayout(net.vocabulary, 2 * WORDS))
    return partial(_train, net, optimizer, sequence), sequence.ids.numel()


def _sequence(layout: SequenceLayout) -> TokenSequence:
    """T2I sequences with about half of their codes masked, followed by MMU sequences."""
    codes = torch.randint(CODES, (PICTURES + ANSWERS, IMAGE))
    masked = torch.where(torch.rand(PICTURES, IMAGE) < 0.5, CODES, codes[:PICTURES])
    words, length = torch.randint(1, TEXT, (PICTURES + ANSWERS, WORDS)), torch.full((PICTURES,), WORDS)
    above = layout.text_to_image(words[:PICTURES], length, masked, codes[:PICTURES])
    asked = torch.full((ANSWERS,), WORDS // 2)
    below = layout.understanding(codes[PICTURES:], words[PICTURES:], asked, words[PICTURES:], asked)
    return stack(above, below, layout.vocabulary)


def _train(net: UnifiedNet, optimizer: torch.optim.Optimizer, sequence: TokenSequence) -> None:
    hidden = net(sequence).values
    assert sequence.target is not None
    read = sequence.target >= 0
    logits = net.logits(hidden[read], "full")
    cross_entropy(logits, sequence.target[read]).backward()
    optimizer.step()
    optimizer.zero_grad()


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.3g} {row['unit']} {row['target']}")
