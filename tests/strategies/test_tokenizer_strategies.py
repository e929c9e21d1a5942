"""A module with a second network beside the one that is cut trains under FSDP as under DDP."""

from __future__ import annotations

from pathlib import Path

import torch
from ranks import run_ranks

SETTINGS = ["adaptive=True", "start=2", "accumulate=2"]


def test_a_tokenizer_with_a_discriminator_trains_the_same(tmp_path: Path):
    out = tmp_path / "out.pt"
    cases = [f"strategy={strategy} {settings}" for settings in SETTINGS for strategy in ("ddp", "fsdp")]
    run_ranks(Path(__file__).with_name("tokenizer_strategies.py"), str(out), *cases)
    found = torch.load(out)
    for settings in SETTINGS:
        expected = found[f"strategy=ddp {settings}"]
        assert {name.partition(".")[0] for name in expected} == {"net", "discriminator"}
        for name, value in found[f"strategy=fsdp {settings}"].items():
            torch.testing.assert_close(
                value, expected[name], rtol=1e-9, atol=1e-11, msg=lambda m, s=settings, n=name: f"{s} {n}: {m}"
            )
