"""Calibration at the end of a validation: fitted on the first share, once or again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from unif2ace.callbacks.calibrate import Calibrate
from unif2ace.errors import ConfigError
from unif2ace.metrics.calibration import fit_platt
from unif2ace.nets.attributes import AttributesNet
from unif2ace.types import Batch, StepOutput

TRAINER = SimpleNamespace(world_size=1, sanity_checking=False)


def _validate(callback: Calibrate, net: AttributesNet, raw: torch.Tensor, labels: torch.Tensor) -> None:
    module = SimpleNamespace(net=net)
    callback.on_validation_epoch_start(TRAINER, module)
    rows = torch.arange(len(raw))
    for part in rows.flip(0).split(100):  # the order of batches does not matter
        valid = part % 9 != 0
        batch = Batch(torch.zeros(len(part), dtype=torch.int8), part, valid, attributes=labels[part])
        step = StepOutput(batch, attribute_logits=raw[part] * net.scale + net.shift)
        callback.on_validation_batch_end(TRAINER, module, {"step": step}, batch, 0)
    callback.on_validation_epoch_end(TRAINER, module)


def test_scale_and_shift_are_fitted_on_the_first_valid_rows_also_the_second_time():
    torch.manual_seed(0)
    net = AttributesNet(["a", "b"], backbone="resnet10t").eval()
    raw = 4 * torch.randn(1000, 2)
    labels = (torch.rand(1000, 2) < (0.3 * raw + torch.tensor([1.0, -1.0])).sigmoid()).to(torch.int8)
    labels[::5, 1] = -1
    callback = Calibrate(share=0.5)
    _validate(callback, net, raw, labels)
    valid = torch.arange(1000) % 9 != 0
    first = valid.nonzero()[:, 0][: round(0.5 * int(valid.sum()))]
    for place in range(2):
        known = first[labels[first, place] >= 0]
        scale, shift = fit_platt(raw[known, place], labels[known, place])
        assert net.scale[place].item() == pytest.approx(scale, rel=1e-4)
        assert net.shift[place].item() == pytest.approx(shift, rel=1e-4)
    before = net.scale.clone()
    _validate(callback, net, raw, labels)
    assert torch.allclose(net.scale, before, rtol=1e-2)


def test_a_share_out_of_range_is_named():
    with pytest.raises(ConfigError, match="share=0"):
        Calibrate(share=0)
