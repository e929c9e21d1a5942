"""The moving average against its formula, from the first step on."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader

from unif2ace.callbacks.ema import EMA
from unif2ace.errors import ConfigError


class _Counts(pl.LightningModule):
    """Its weight is the number of the step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.steps += 1
        return -self.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


@pytest.mark.parametrize("decay", [0.3, 0.998])
def test_the_average_is_its_formula_and_the_module_ends_with_it(decay: float):
    module = _Counts()
    pl.Trainer(
        accelerator="cpu",
        max_steps=30,
        max_epochs=-1,
        callbacks=[EMA(decay)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(module, DataLoader(torch.zeros(30, 1), batch_size=1))
    expected = 1.0  # the first update copies
    for n, weight in enumerate(range(2, 31), start=1):
        d = min(decay, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * weight
    assert module.weight.item() == pytest.approx(expected, rel=1e-5)
    assert module.steps == 30


def test_a_checkpoint_amid_a_validation_tells_weights_and_averages_apart():
    module, ema = _Counts(), EMA(0.5)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    ema.on_fit_start(trainer, module)
    module.weight.data.fill_(7.0)
    for hook in (None, ema.on_validation_epoch_start, ema.on_validation_epoch_end):
        if hook is not None:
            hook(trainer, module)
        checkpoint = {"state_dict": module.state_dict()}
        ema.on_save_checkpoint(trainer, module, checkpoint)
        assert checkpoint["state_dict"]["weight"].item() == 0.0
        assert checkpoint["current_model_state"]["weight"].item() == 7.0


def test_averages_of_half_precision_move_by_less_than_a_weight_can():
    module, ema = _Counts().to(torch.bfloat16), EMA(0.998)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    module.weight.data.fill_(1.0)
    ema.on_fit_start(trainer, module)
    ema._updates = 20_000  # past the start, where d grows
    module.weight.data.fill_(1.0078125)  # the next number
    for _ in range(100):
        ema._update(module.state_dict())
    expected = 1 + (1 - 0.998**100) * 0.0078125
    saved = []
    for hook in (None, ema.on_validation_epoch_start, ema.on_validation_epoch_end):
        if hook is not None:
            hook(trainer, module)
        assert module.weight.dtype == torch.bfloat16
        assert module.weight.item() == (1.0 if hook == ema.on_validation_epoch_start else 1.0078125)
        saved.append({"state_dict": module.state_dict(), "global_step": 100})
        ema.on_save_checkpoint(trainer, module, saved[-1])
    for checkpoint in saved:
        assert checkpoint["state_dict"]["weight"].item() == pytest.approx(expected, abs=1e-6)
        assert checkpoint["current_model_state"]["weight"].item() == 1.0078125
        again, other = EMA(0.998), _Counts().to(torch.bfloat16)
        other.load_state_dict(checkpoint["state_dict"])
        again.on_load_checkpoint(trainer, other, checkpoint)
        again.on_fit_start(trainer, other)
        assert torch.equal(again._averages["weight"], ema._averages["weight"])
        assert torch.equal(other.weight, module.weight)


def test_a_decay_out_of_range_is_named():
    with pytest.raises(ConfigError, match="decay=1"):
        EMA(1)
