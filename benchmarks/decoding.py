"""Decoding of text and images with a cached prefix, compared with decoding without cache and with Show-o's method.

Show-o's method computes the whole sequence for every token or step, and the logits of all ids at all positions; the
text of T2I sequences is padded to 128. The network is dense, with Show-o's vocabulary and lengths: 8 layers, 512 wide,
random weights, float32. The methods alternate over several rounds; the median of each method's CPU time is reported, on
one thread. Tokens that differ between methods are counted: they must be equal except where two candidates tie.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from unif2ace.diffusion.noise_schedules.cosine_maskgit import CosineMaskgitSchedule
from unif2ace.diffusion.samplers.base import PerSampleRNG
from unif2ace.diffusion.samplers.maskgit import MaskgitSampler
from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.decoding_image import ImageDenoiser
from unif2ace.nets.transformer.decoding_text import generate_text
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.sequence.attention import omni_attention
from unif2ace.sequence.sequence_layout import SequenceLayout
from unif2ace.types import Role, TokenSequence

COMMAND = "python -m benchmarks decoding"
ROUNDS = 3
TEXT, CODES, IMAGE, EOS = 50295, 8192, 256, 50256
NEW, PROMPT = 100, 280
STEPS, GUIDANCE = 18, 5.0
TARGETS = {"text": ">= 25", "picture": ">= 4"}


def main() -> list[dict[str, Any]]:
    """Returns the result rows with figure, value, unit, target and command."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = _net()
    rows = [*_case("text", f"{NEW} tokens after {PROMPT}", _text_ways(net))]
    rows += _case("picture", f"{IMAGE} tokens, {STEPS} steps, guidance {GUIDANCE:g}", _picture_ways(net))
    torch.set_num_threads(threads)
    return rows


def _row(figure: str, value: float, unit: str, target: str = "") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "target": target, "command": COMMAND}


def _net() -> UnifiedNet:
    net = UnifiedNet(
        text_size=TEXT,
        codebook_size=CODES,
        bos_id=EOS,
        eos_id=EOS,
        num_image_tokens=IMAGE,
        block=ParallelBlock,
        moe=DenseMoE(),
        dim=512,
        depth=8,
        heads=8,
    ).eval()
    with torch.no_grad():
        net.head.weight.mul_(10)  # peaked distributions, so that differences between the methods show
    return net


def _case(name: str, what: str, ways: dict[str, Callable[[], Tensor]]) -> list[dict[str, Any]]:
    times: dict[str, list[float]] = {way: [] for way in ways}
    tokens: dict[str, Tensor] = {}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            start = time.process_time()
            tokens[way] = run()
            times[way].append(time.process_time() - start)
    median = {way: statistics.median(seconds) for way, seconds in times.items()}
    rows = [_row(f"{name}, {way}: {what}", seconds, "CPU s") for way, seconds in median.items()]
    for way in ways:
        if way == "cached":
            continue
        target = TARGETS[name] if way == "Show-o's shape" else ""
        rows.append(_row(f"{name}: times as fast as {way}", median[way] / median["cached"], "x", target))
        differ = (tokens[way] != tokens["cached"]).sum().item()
        rows.append(_row(f"{name}: tokens that differ from {way}", differ, f"of {tokens[way].numel()}", "0"))
    return rows


def _text_ways(net: UnifiedNet) -> dict[str, Callable[[], Tensor]]:
    question = torch.randint(TEXT, (1, PROMPT - IMAGE - 4))
    layout = SequenceLayout(net.vocabulary, max_text=128, separator=False)
    codes = torch.randint(CODES, (1, IMAGE))
    prefix = layout.understanding(codes, question, torch.tensor([question.shape[1]]))
    assert prefix.ids.shape[1] == PROMPT
    return {
        "cached": lambda: generate_text(net, prefix, max_new=NEW, stop=-1).ids,
        "our path without cache": lambda: generate_text(net, prefix, max_new=NEW, stop=-1, cache=False).ids,
        "Show-o's shape": lambda: _showo_text(net, prefix),
    }


@torch.no_grad()
def _showo_text(net: UnifiedNet, row: TokenSequence) -> Tensor:
    """Computes the whole sequence and all logits for every token. Only text ids are chosen, as in the other methods."""
    made = []
    for _ in range(NEW):
        logits_LV = net.logits(net(row).values[0], "full")
        made.append(logits_LV[-1, :TEXT].argmax().view(1, 1))
        role = torch.cat([row.role, torch.full_like(row.role[:, :1], Role.ANSWER)], 1)
        row = replace(
            row,
            ids=torch.cat([row.ids, made[-1]], 1),
            role=role,
            position=torch.arange(role.shape[1])[None],
            attention=omni_attention(role, row.task),
        )
    return torch.cat(made, 1)


def _picture_ways(net: UnifiedNet) -> dict[str, Callable[[], Tensor]]:
    layout = SequenceLayout(net.vocabulary, max_text=128, fixed=True)
    caption, length = torch.randint(TEXT, (1, 24)), torch.tensor([24])
    sampler = MaskgitSampler(CosineMaskgitSchedule(), STEPS, temperature_schedule="showo", mask_count_base="all")

    def draw(**way: bool) -> Tensor:
        denoise = ImageDenoiser(net, layout, caption, length, GUIDANCE, **way)
        return sampler.sample(denoise, torch.full((1, IMAGE), CODES), PerSampleRNG([0]))

    return {
        "cached": lambda: draw(only_masked=True),
        "our path without cache": lambda: draw(only_masked=True, cache=False),
        "Show-o's shape": lambda: draw(official=True),
    }


if __name__ == "__main__":
    for row in main():
        print(f"{row['figure']}: {row['value']:.4g} {row['unit']}")
