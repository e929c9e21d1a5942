"""A slice of the full size, for once with numbers: two layers at full width."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from unif2ace.engine import compose
from unif2ace.planning.subject import at_most, subject
from unif2ace.planning.tracing import autocast, measure, trace

SLICE = [
    "experiment=unified/full",
    "net.depth=2",
    "task.text_to_image.batch_size=1",
    "task.understanding.batch_size=1",
    "trainer.accelerator=cpu",
    "trainer.devices=1",
]


@pytest.mark.slow
def test_two_layers_at_full_width_train_and_need_what_the_plan_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """About 6 GB of memory, and a minute or two on one core."""
    monkeypatch.setenv("UNIF2ACE_ROOT", str(tmp_path))
    planned = subject(compose("train", SLICE))
    expected = trace(planned)
    torch.manual_seed(0)
    module = planned.make()
    module.configure_model()
    at_most(module.train())
    batch = planned.batch(1)
    batch = replace(batch, image=torch.zeros(batch.image.shape, dtype=torch.uint8))
    seen = {}
    for name, parameter in module.named_parameters():
        parameter.register_hook(lambda g, name=name: seen.__setitem__(name, bool(g.sum().isfinite())))
    found = measure(module, batch, autocast(planned.precision))
    assert all(seen.values())
    assert seen.keys() == dict(module.named_parameters()).keys()
    assert found.forward == expected.forward
    assert found.peak == pytest.approx(expected.peak, rel=0.01)
    assert found.layers + found.logits + found.casts == pytest.approx(
        expected.layers + expected.logits + expected.casts, rel=0.01
    )
