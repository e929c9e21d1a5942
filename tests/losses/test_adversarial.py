"""The adversarial term: closed forms, whose parameters move, penalties, and what a resumed run knows."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unif2ace.errors import ConfigError
from unif2ace.losses.adversarial import AdversarialLoss
from unif2ace.types import Batch, Discrimination, StepOutput


def _step(
    g: Tensor, r: Tensor, f: Tensor, weight: float = 1.0, image: Tensor | None = None, valid: list[bool] | None = None
) -> StepOutput:
    rows = len(g)
    batch = Batch(torch.zeros(rows, dtype=torch.int8), torch.arange(rows), torch.tensor(valid or [True] * rows))
    real = torch.zeros(rows, 3, 4, 4) if image is None else image
    return StepOutput(batch, discrimination=Discrimination(g, real, r, f, torch.tensor(weight)))


def _logits(*values: float) -> Tensor:
    """One row of 2 x 2 patches."""
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 2, 2)


G, R, F = _logits(1, 2, -1, 0), _logits(2, 0.5, -1, 1), _logits(-2, -0.5, 1, 0)


def _softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_hinge():
    term = AdversarialLoss(generator_weight=0.5).compute(_step(G, R, F, weight=3.0))
    generator, real, fake = -0.5, (0 + 0.5 + 2 + 0) / 4, (0 + 0.5 + 2 + 1) / 4
    assert term.parts["generator"].item() == pytest.approx(generator)
    assert term.parts["discriminator"].item() == pytest.approx((real + fake) / 2)
    assert term.mean.item() == pytest.approx(0.5 * 3 * generator + (real + fake) / 2)
    assert term.parts["real"].item() == pytest.approx(2.5 / 4)
    assert term.parts["fake"].item() == pytest.approx(-1.5 / 4)
    assert term.parts["adaptive_weight"] == 3


def test_non_saturating():
    term = AdversarialLoss(gan_loss="non_saturating").compute(_step(G, R, F, weight=3.0))
    generator = sum(_softplus(-x) for x in (1, 2, -1, 0)) / 4
    real = sum(_softplus(-x) for x in (2, 0.5, -1, 1)) / 4
    fake = sum(_softplus(x) for x in (-2, -0.5, 1, 0)) / 4
    assert term.mean.item() == pytest.approx(3 * generator + (real + fake) / 2)


def test_invalid_rows_add_nothing_but_count():
    g, r, f = (torch.cat([a, a + 100]).requires_grad_() for a in (G, R, F))
    term = AdversarialLoss(gan_loss="non_saturating").compute(_step(g, r, f, valid=[True, False]))
    alone = AdversarialLoss(gan_loss="non_saturating").compute(_step(G, R, F))
    assert term.count == 2
    assert term.total.item() == pytest.approx(alone.total.item())
    assert {k: v.item() for k, v in term.parts.items()} == pytest.approx({k: v.item() for k, v in alone.parts.items()})
    term.total.backward()
    assert all(x.grad[1].abs().sum() == 0 < x.grad[0].abs().sum() for x in (g, r, f))


class Linear(nn.Module):
    """One logit per patch of 4 x 4 pixels: a scalar product."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(1, 3, 4, 4, generator=draw, dtype=torch.float64))

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.conv2d(image, self.weight, stride=4)


def _played(net: nn.Module, image: Tensor, made: Tensor, weight: float = 1.0, needs: bool = False) -> StepOutput:
    """As the tokenizer's module does it."""
    net.requires_grad_(False)
    g = net(made)
    net.requires_grad_(True)
    real = image.detach().requires_grad_(needs)
    return _step(g, net(real), net(made.detach()), weight, real)


def _pictures() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    image, made = torch.rand(2, 2, 3, 8, 8, generator=draw, dtype=torch.float64) * 2 - 1
    return image, made.clone().requires_grad_()


@pytest.mark.parametrize("kind", ["hinge", "non_saturating"])
@pytest.mark.parametrize("weight", [1.0, 50.0])
def test_each_players_gradient_is_its_own(kind: str, weight: float):
    image, made = _pictures()
    net = Linear()
    term = AdversarialLoss(gan_loss=kind, adaptive=False).compute(_played(net, image, made, weight))
    to_made, to_net = torch.autograd.grad(term.mean, [made, net.weight])

    logits = net(made)
    generator = -logits if kind == "hinge" else nn.functional.softplus(-logits)
    (expected,) = torch.autograd.grad(weight * generator.mean(), made)
    assert torch.allclose(to_made, expected)

    r, f = net(image), net(made.detach())
    pair = (
        (1 - r).relu() + (1 + f).relu() if kind == "hinge" else nn.functional.softplus(-r) + nn.functional.softplus(f)
    )
    (expected,) = torch.autograd.grad(pair.mean() / 2, net.weight)
    assert torch.allclose(to_net, expected)  # whatever the adaptive weight


def test_r1_of_a_linear_discriminator():
    """D is the mean of 4 patches, so its gradient is weight / 4 at each: the norm squared is |weight|^2 / 4."""
    image, made = _pictures()
    net, gamma = Linear(), 6.0
    step = _played(net, image, made, needs=True)
    with_r1, without = (AdversarialLoss(r1=r1).compute(step).mean for r1 in (gamma, 0.0))
    assert (with_r1 - without).item() == pytest.approx(gamma / 2 * net.weight.square().sum().item() / 4)
    (gradient,) = torch.autograd.grad(with_r1 - without, net.weight)
    assert torch.allclose(gradient, gamma * net.weight / 4)


def test_r1_counts_valid_rows_and_is_skipped_without_gradients():
    image, made = _pictures()
    net, loss = Linear(), AdversarialLoss(r1=2.0)
    assert loss.compute(_played(net, image, made, needs=True)).parts["r1"].item() == pytest.approx(
        net.weight.square().sum().item() / 4
    )
    with torch.no_grad():
        term = loss.compute(_played(net, image, made, needs=False))
    assert "r1" not in term.parts
    assert term.mean.isfinite()


def test_r1_keeps_small_gradients_in_half_precision():
    net = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 1))
    image, made = (x.float() for x in _pictures())
    exact = AdversarialLoss(r1=1.0).compute(_played(net, image, made, needs=True)).parts["r1"]
    with torch.autocast("cpu", torch.bfloat16):
        term = AdversarialLoss(r1=1.0).compute(_played(net, image, made, needs=True))
    assert term.parts["r1"].item() == pytest.approx(exact.item(), rel=0.05)
    assert term.total.dtype == torch.float32
    term.mean.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


def _trainer(step: int = 0) -> pl.Trainer:
    return SimpleNamespace(global_step=step, strategy=SimpleNamespace(reduce=lambda x, reduce_op: x))  # type: ignore[return-value]


def test_lecam_draws_logits_towards_the_other_sides_average():
    loss = AdversarialLoss(lecam=0.5)
    plain = AdversarialLoss().compute(_step(G, R, F)).mean
    assert loss.compute(_step(G, R, F)).mean == plain  # no average yet
    loss.on_train_batch_end(_trainer())
    of_real, of_fake = 2.5 / 4, -1.5 / 4
    penalty = sum(max(0, x - of_fake) ** 2 for x in (2, 0.5, -1, 1)) / 4
    penalty += sum(max(0, of_real - x) ** 2 for x in (-2, -0.5, 1, 0)) / 4
    term = loss.compute(_step(G, R, F))
    assert (term.mean - plain).item() == pytest.approx(0.5 * penalty, rel=1e-6)
    assert term.parts["lecam"].item() == pytest.approx(penalty, rel=1e-6)


def test_lecams_averages_move_slowly_in_training_only_and_are_saved():
    loss = AdversarialLoss(lecam=1.0)
    assert loss.state_dict() == {"anchors": None}
    for shift in (0.0, 10.0):
        loss.compute(_step(G, R + shift, F))
        loss.on_train_batch_end(_trainer())
    with torch.no_grad():
        loss.compute(_step(G, R + 1000, F))  # validation
    loss.on_train_batch_end(_trainer())
    saved = loss.state_dict()
    assert saved["anchors"] == pytest.approx([2.5 / 4 + 0.01 * 10, -1.5 / 4])
    assert all(type(x) is float for x in saved["anchors"])
    other = AdversarialLoss(lecam=1.0)
    other.load_state_dict(saved)
    assert other.compute(_step(G, R, F)).mean == loss.compute(_step(G, R, F)).mean
    assert other.state_dict() == saved


def test_lecams_averages_are_those_of_all_ranks():
    loss = AdversarialLoss(lecam=1.0)
    loss.compute(_step(G, R, F))

    def reduce(x: Tensor, reduce_op: str) -> Tensor:
        assert reduce_op == "mean"
        return (x + torch.tensor([5.0, 7.0])) / 2

    loss.on_train_batch_end(SimpleNamespace(strategy=SimpleNamespace(reduce=reduce)))  # type: ignore[arg-type]
    assert loss.state_dict()["anchors"] == pytest.approx([(2.5 / 4 + 5) / 2, (-1.5 / 4 + 7) / 2])


class _Module(pl.LightningModule):
    """Plays with made-up logits; notes when the loss is active."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))
        self.active: list[tuple[str, bool]] = []

    def _loss(self, stage: str) -> Tensor:
        loss = next(c for c in self.trainer.callbacks if isinstance(c, AdversarialLoss))
        self.active.append((stage, loss.active))
        r = R.float() + self.global_step + self.shift
        return loss.compute(_step(G.float(), r, F.float())).mean if loss.active else self.shift.square()

    def training_step(self, batch: Tensor) -> Tensor:
        return self._loss("train")

    def validation_step(self, batch: Tensor) -> None:
        self._loss("val")

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def _run(folder: Path, steps: int, loss: AdversarialLoss, ckpt: Path | None = None) -> _Module:
    module = _Module()
    data = DataLoader(torch.zeros(12, 1), batch_size=1)
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=steps, max_epochs=-1, accumulate_grad_batches=2, callbacks=[loss],
        default_root_dir=folder, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, val_check_interval=6, limit_val_batches=1,
    )  # fmt: skip
    trainer.fit(module, data, data, ckpt_path=ckpt)
    trainer.save_checkpoint(folder / "last.ckpt")
    return module


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint")
def test_it_begins_at_its_step_and_goes_on_after_a_stop(tmp_path: Path):
    whole = AdversarialLoss(start=2, lecam=1.0)
    seen = _run(tmp_path, 6, whole).active
    train = [active for stage, active in seen if stage == "train"]
    assert train == [False] * 4 + [True] * 8  # two batches a step
    assert [active for stage, active in seen if stage == "val"] == [False, True, True]  # before, after 3, after 6

    _run(tmp_path, 3, AdversarialLoss(start=2, lecam=1.0))
    resumed = AdversarialLoss(start=2, lecam=1.0)
    seen = _run(tmp_path, 6, resumed, tmp_path / "last.ckpt").active
    assert all(active for stage, active in seen if stage == "train")
    assert resumed.state_dict() == whole.state_dict()
    assert whole.state_dict()["anchors"] is not None


def test_the_generator_term_rises_within_the_ramp_and_the_discriminator_learns_from_the_start():
    loss = AdversarialLoss(start=10, ramp=4, generator_weight=0.5, gan_loss="hinge")
    generator, both = -0.5, ((0 + 0.5 + 2 + 0) / 4 + (0 + 0.5 + 2 + 1) / 4) / 2
    for step, weight in ((10, 0), (11, 0.125), (12, 0.25), (14, 0.5), (30, 0.5)):
        loss.on_train_batch_start(SimpleNamespace(global_step=step))
        assert loss.compute(_step(G, R, F, weight=3.0)).mean.item() == pytest.approx(weight * 3 * generator + both)


def test_a_lazy_penalty_has_the_same_sum_over_its_steps():
    image, made = _pictures()
    net, every, lazy = Linear(), AdversarialLoss(r1=2.0), AdversarialLoss(r1=2.0, r1_every=4)
    plain = AdversarialLoss().compute(_played(net, image, made)).mean
    sums = []
    for loss in (every, lazy):
        total = 0.0
        for step in range(8):
            loss.on_train_batch_start(SimpleNamespace(global_step=step))
            played = _played(net, image, made, needs="image_gradient" in loss.reads)
            total += (loss.compute(played).mean - plain).item()
        sums.append(total)
    assert sums[0] > 0
    assert sums[1] == pytest.approx(sums[0])


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        ({"adaptive": False}, {"discriminator"}),
        ({}, {"discriminator", "adaptive_weight"}),
        ({"r1": 1.0}, {"discriminator", "adaptive_weight", "image_gradient"}),
    ],
)
def test_it_reads_what_it_needs(settings, reads):
    assert AdversarialLoss(**settings).reads == reads


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gan_loss": "hing"}, "did you mean 'hinge'"),
        ({"start": -1}, "start=-1"),
        ({"r1": -1.0}, "r1"),
        ({"ramp": -1}, "ramp"),
        ({"r1_every": 0}, "r1_every"),
        ({"lecam": -1.0}, "lecam"),
        ({"generator_weight": -1.0}, "generator"),
    ],
)
def test_what_cannot_work_is_said(settings, message: str):
    with pytest.raises(ConfigError, match=message):
        AdversarialLoss(**settings)
