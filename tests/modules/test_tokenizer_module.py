"""Training of the tokenizer: one step for both networks, exact under accumulation and over ranks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from ranks import run_ranks

sys.path.insert(0, str(Path(__file__).parent))
import tokenizer_run as run

from unif2ace.errors import ConfigError
from unif2ace.losses.adversarial import AdversarialLoss
from unif2ace.modules.tokenizer import TokenizerModule

State = dict[str, torch.Tensor]


def _difference(one: State, other: State) -> float:
    assert one.keys() == other.keys()
    return max(float((one[k] - other[k]).abs().max()) for k in one)


@pytest.fixture(scope="module")
def whole() -> State:
    return run.train().state_dict()


def test_both_networks_move(whole: State):
    made, _ = run.module()
    before = {k: v.double() for k, v in made._make_net().state_dict(prefix="net.").items()}
    before |= {k: v.double() for k, v in made._make_discriminator().state_dict(prefix="discriminator.").items()}
    still = [k for k in whole if torch.equal(whole[k], before[k])]
    assert still == ["discriminator.2.bias"]  # the hinge pulls it up and down alike while no margin is kept


def test_accumulation_equals_the_large_batch_with_invalid_rows(whole: State):
    assert _difference(run.train(accumulate=2).state_dict(), whole) < 1e-12
    assert _difference(run.train(accumulate=4).state_dict(), whole) < 1e-12


@pytest.mark.parametrize("start", [0, 2])
def test_two_processes_equal_one_also_before_the_discriminator_starts(start: int, tmp_path: Path):
    file = tmp_path / "weights.pt"
    run_ranks(Path(run.__file__), str(file), "devices=2", f"start={start}")
    assert _difference(torch.load(file, weights_only=True), run.train(start=start).state_dict()) < 1e-12


def test_a_delayed_discriminator_does_not_move_before_its_start():
    late = run.train(start=run.STEPS).state_dict()
    fresh = run.module()[0]._make_discriminator().double().state_dict(prefix="discriminator.")
    assert all(torch.equal(late[k], fresh[k]) for k in fresh)


def test_the_adaptive_weight_balances_the_gradients_at_the_last_layer():
    made, losses = run.module(adaptive=True)
    trainer = run.pl.Trainer(
        accelerator="cpu", precision="64-true", max_steps=1, callbacks=losses, logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(made, datamodule=run.Data(run.ROWS))
    batch = run.batches(run.ROWS)[0]
    step = made.step_output(batch)
    reconstruction, adversarial = losses
    last = made.tokenizer.last_layer
    assert last.shape == (12, 16, 3, 3)
    (of_others,) = torch.autograd.grad(reconstruction.compute(step).mean, last, retain_graph=True)
    (of_gan,) = torch.autograd.grad(step.discrimination.generator_logits.mean(), last, retain_graph=True)
    expected = of_others.norm() / (of_gan.norm() + 1e-4)
    assert step.discrimination.adaptive_weight.item() == pytest.approx(expected.item(), rel=1e-9)
    assert isinstance(adversarial, AdversarialLoss)


def test_gradients_stay_on_their_side_of_the_reconstruction():
    made, losses = run.module()
    trainer = run.pl.Trainer(
        accelerator="cpu", precision="64-true", max_steps=1, callbacks=losses, logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(made, datamodule=run.Data(run.ROWS))
    said = made.step_output(run.batches(run.ROWS)[0]).discrimination
    ours, theirs = list(made.tokenizer.parameters()), list(made.discriminator.parameters())

    def reached(value: torch.Tensor, parameters: list) -> bool:
        return any(
            g is not None for g in torch.autograd.grad(value.sum(), parameters, retain_graph=True, allow_unused=True)
        )

    assert reached(said.generator_logits, ours)
    assert not reached(said.generator_logits, theirs)
    assert reached(said.fake_logits, theirs)
    assert not reached(said.fake_logits, ours)


def test_a_loss_that_reads_what_is_not_there_is_named():
    made = TokenizerModule(run.module()[0]._make_net, torch.optim.SGD)
    trainer = run.pl.Trainer(
        accelerator="cpu", max_steps=1, callbacks=[AdversarialLoss()], logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False,
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"module\.discriminator is empty"):
        trainer.fit(made, datamodule=run.Data(run.ROWS))


@pytest.mark.parametrize("precision", ["bf16-true", "16-true"])
def test_half_precision_weights_are_refused(precision: str):
    made, losses = run.module()
    trainer = run.pl.Trainer(
        accelerator="cpu", precision=precision, max_steps=1, callbacks=losses, logger=False, enable_progress_bar=False,
        enable_checkpointing=False, enable_model_summary=False,
    )  # fmt: skip
    with pytest.raises(ConfigError, match=rf"trainer.precision={precision}: for a tokenizer it must be one of 32-true"):
        trainer.fit(made, datamodule=run.Data(run.ROWS))
