"""The unified module: the same on any number of ranks, with either task alone, and clear about what does not fit."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf
from ranks import run_ranks
from torch.utils.data import DataLoader
from unified_run import ANSWER, CODES, GENERATE, TEXT, Data, MeanColour, batch, module, train, trainer

from unif2ace.diffusion.forward_processes.absorbing import AbsorbingProcess
from unif2ace.diffusion.forward_processes.uniform import UniformProcess
from unif2ace.diffusion.noise import SampleNoise, Stream
from unif2ace.diffusion.noise_schedules.linear import LinearSchedule
from unif2ace.engine.run_metadata import RunMetadata
from unif2ace.engine.weights import read_weights
from unif2ace.errors import ConfigError
from unif2ace.losses.ar import ARLoss
from unif2ace.losses.attributes import AttributesLoss
from unif2ace.losses.d3diff import D3DiffLoss
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.losses.mdlm import MDLMLoss
from unif2ace.modules.unified import UnifiedModule
from unif2ace.modules.word_initialization import MAX_FACES
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.transformer.word_fitting import CaptionedFaces, fit_word_vectors
from unif2ace.optimizers.parameter_groups import parameter_groups
from unif2ace.types import Task

RUN = Path(__file__).with_name("unified_run.py")


@pytest.fixture(scope="module")
def one():
    return train()


def test_two_processes_equal_one(one, tmp_path: Path):
    out = tmp_path / "weights.pt"
    run_ranks(RUN, str(out), "devices=2")
    two = torch.load(out)
    whole = one.state_dict()
    assert two["state"].keys() == whole.keys()
    for name, value in whole.items():
        torch.testing.assert_close(two["state"][name], value, rtol=1e-9, atol=1e-11, msg=lambda m, n=name: f"{n}: {m}")
    for name in ("val/d3diff", "val/ar", "val/nelbo"):
        assert two["found"][name] == pytest.approx(one.found[name], rel=2e-7), name  # float32


def test_every_parameter_moves(one):
    fresh = module()
    fresh.trainer = trainer([ARLoss()])
    fresh.trainer.datamodule = Data()
    fresh.configure_model()
    before = dict(fresh.named_parameters())
    still = [name for name, value in one.named_parameters() if torch.equal(value, before[name].double())]
    assert not still


def _started(data: object | None = None) -> UnifiedNet:
    made = module()
    made.trainer = trainer([ARLoss()])
    made.trainer.datamodule = data or Data()
    made.configure_model()
    return made.unified


def test_words_start_from_the_captions_and_questions_of_the_data():
    made, data = _started(), Data()
    ground, encoder = made.grounding, MeanColour()
    text, features, directions = ground.sizes
    faces = []
    for some in data.captions(MAX_FACES):
        seen = encoder(some.image).values.mean(1).float()
        faces.append(CaptionedFaces(some.text, some.text_length, seen, some.valid))
    told = data.contrasts(MAX_FACES)
    expected = fit_word_vectors(faces, told, text_size=text, features=features, directions=directions)
    assert expected.words.any()
    assert expected.bias.any()
    torch.testing.assert_close(ground.words, expected.words)
    torch.testing.assert_close(ground.axes, expected.axes)
    plan = _started(SimpleNamespace(text_tokenizer=Data.text_tokenizer))  # has neither captions nor questions
    assert not plan.grounding.words.any()
    added = made.embedding.weight[:text] - plan.embedding.weight[:text]
    torch.testing.assert_close(added, expected.bias[:, None] * ground.match)


@pytest.mark.parametrize("resumed", [True, False])
def test_a_run_that_gets_words_from_weights_reads_no_captions(resumed: bool):
    made = module()
    made.trainer = trainer([ARLoss()])
    made.trainer.datamodule = Data()
    made.trainer.datamodule.captions = lambda number: pytest.fail("read again")
    made.expect_weights(None if resumed else _started().state_dict().keys())  # a checkpoint brings all of them
    made.configure_model()
    assert not made.unified.grounding.words.any()


def test_words_need_pictures():
    tokens_alone = Data()
    tokens_alone.captions = lambda number: [replace(batch(0), image=None)]
    with pytest.raises(ConfigError, match=r"net.grounded_words=true reads images and captions: set data.inputs=both"):
        _started(tokens_alone)


@pytest.mark.parametrize(("generate", "answer"), [(GENERATE, 0), (0, ANSWER)])
def test_either_task_may_be_absent(generate: int, answer: int):
    trained = train(generate=generate, answer=answer)
    assert all(math.isfinite(value) for name, value in trained.found.items() if "nelbo" not in name)
    assert all(bool(p.isfinite().all()) for p in trained.parameters())
    assert ("val/nelbo" in trained.found and math.isfinite(trained.found["val/nelbo"])) == bool(generate)


class _OneTaskABatch(Data):
    def val_dataloader(self) -> DataLoader:
        rows = [(GENERATE, 0), (0, ANSWER), (0, ANSWER)]
        return DataLoader([batch(step, 0, 1, *some) for step, some in enumerate(rows)], batch_size=None)


def test_parts_of_a_loss_add_up_to_it_when_batches_hold_one_task_each():
    made, d3diff = module(), D3DiffLoss(score_weight=0.5, alpha_scale="none")
    run = trainer([d3diff, LoadBalanceLoss()])
    run.fit(made, datamodule=_OneTaskABatch())
    found = {name: float(value) for name, value in run.callback_metrics.items()}
    balance = found["val/load_balance/token/gen"], found["val/load_balance/token/und"]
    assert min(balance) > 0.9  # a group without tokens is not counted in as 0
    assert sum(balance) == pytest.approx(found["val/load_balance"], rel=1e-5)
    parts = found["val/d3diff/mask"] + 0.5 * found["val/d3diff/score"]
    assert parts == pytest.approx(found["val/d3diff"], rel=1e-5)


def test_every_parameter_has_a_gradient_whatever_the_losses():
    """Data-parallel ranks wait for each of them."""
    made = module()
    made.trainer = trainer([ARLoss()])
    made.trainer.datamodule = Data()
    made.configure_model()
    rows = batch(0)
    rows = rows.map(lambda x: x[rows.task == Task.UNDERSTANDING])
    step = made.train().step_output(rows)
    ARLoss().compute(step).total.backward()
    without = [name for name, value in made.named_parameters() if value.grad is None]
    assert not without


def test_a_loss_of_another_module_is_told_before_it_fails():
    with pytest.raises(ConfigError, match=r"loss 'attributes' reads 'attribute_logits', which UnifiedModule does not"):
        trainer([AttributesLoss(), ARLoss()]).fit(module(), datamodule=Data())


def stepped(**options):
    made = module(**options)
    run = trainer([D3DiffLoss(), ARLoss()])
    made.trainer = run
    run.datamodule = Data()
    made.configure_model()
    return made.train()


def test_rows_keep_their_noise_in_any_batch():
    made = stepped()
    whole, own = batch(0), torch.tensor([1, 2, 5])
    every, some = (made.step_output(b).unified for b in (whole, whole.map(lambda x: x[own])))
    torch.testing.assert_close(every.corrupted.xt[[1, 2]], some.corrupted.xt)
    assert every.corrupted.sample.tolist() == [0, 1, 2, 3]
    assert (every.corrupted.xt == CODES).any()


def test_logits_say_which_image_token_of_which_sample_they_predict():
    made, given = stepped(), batch(0)
    step = made.step_output(replace(given, valid=torch.ones(len(given), dtype=torch.bool))).unified
    logits = next(found for spec, found in step.logits.items() if spec.vocabulary == "codebook")
    found = step.corrupted
    assert (found.xt[logits.generation, logits.image_token] == CODES).all(), "logits of masked tokens are read"
    assert len(logits.target) == int((found.xt == CODES).sum())
    assert torch.equal(found.x0[logits.generation, logits.image_token], logits.target)
    assert torch.equal(found.sample[logits.generation], logits.sample)


def test_training_validation_and_the_bound_draw_noise_of_their_own(monkeypatch: pytest.MonkeyPatch):
    """Masks that validation shared with training would be those that the weights were fitted to."""

    class Same(Data):
        """One batch, for training and for validation."""

        def _loader(self, first: int) -> DataLoader:
            return DataLoader([batch(0)], batch_size=None, shuffle=False)

    drawn, corrupted = [], []
    draw, corrupt = SampleNoise.draw, AbsorbingProcess.corrupt

    def noting(*inputs):
        drawn.append((inputs, draw(*inputs)))
        return drawn[-1][1]

    def corrupting(*inputs):
        corrupted.append(corrupt(*inputs))
        return corrupted[-1]

    monkeypatch.setattr(SampleNoise, "draw", noting)
    monkeypatch.setattr(AbsorbingProcess, "corrupt", corrupting)
    run = trainer([D3DiffLoss(), ARLoss()], limit_train_batches=1, limit_val_batches=1, max_epochs=1)
    run.fit(module(seed=7), datamodule=Same())
    streams = [Stream.TRAIN, Stream.VALIDATION, Stream.NELBO]
    assert [(seed, stream) for (seed, stream, *_), _ in drawn] == [(7, stream) for stream in streams]
    assert len({seed + stream for (seed, stream, *_), _ in drawn}) == 3  # keys of the random numbers
    generate = torch.arange(GENERATE)
    for (one, first), (other, second) in itertools.combinations(drawn, 2):
        assert torch.equal(one[2][:GENERATE], other[2][:GENERATE])  # of the same samples
        for field in dataclasses.fields(SampleNoise):
            values = [getattr(noise[generate], field.name) for noise in (first, second)]
            assert not torch.isclose(*values).any(), field.name
    assert len(corrupted) == 3
    for first, second in itertools.combinations(corrupted, 2):
        assert torch.equal(first.x0, second.x0)
        assert not torch.equal(first.xt == CODES, second.xt == CODES)


def test_a_class_of_ones_own_says_what_kind_of_network_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither the file that it stands in nor its base class does."""
    (tmp_path / "face.py").write_text(
        'from unif2ace.modules.unified import UnifiedModule\n\n\nclass Face(UnifiedModule):\n    kind = "portrait"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    made = module(importlib.import_module("face").Face)
    config = OmegaConf.create({"module": {"net": {"dim": 16}}, "seed": 3, "run_dir": str(tmp_path / "run")})
    record = RunMetadata(config, SimpleNamespace(datasets={}), made.kind)
    run = trainer([ARLoss(), record.callback()])
    run.fit(made, datamodule=Data())
    run.save_checkpoint(tmp_path / "last.ckpt")
    record.finish(run, made)
    weights = read_weights(tmp_path / "run")
    assert weights.path.name == "weights.safetensors"
    assert weights.kind == weights.header["kind"] == "portrait"
    assert weights.config["text_size"] == TEXT
    assert read_weights(tmp_path / "last.ckpt").kind == "portrait"
    assert UnifiedModule.kind == "unified"


def test_rows_that_are_not_valid_add_nothing():
    made = stepped(guidance_dropout=0.0, visual_dropout=0.0)
    given = batch(0)
    other = replace(given, text=given.text.where(given.valid[:, None], 3))
    losses = [D3DiffLoss(), ARLoss()]
    for loss in losses:
        first, second = (loss.compute(made.step_output(b)) for b in (given, other))
        torch.testing.assert_close(first.mean, second.mean)
        assert first.count > 0


def test_left_out_captions_leave_nothing_of_them():
    made = stepped(guidance_dropout=1.0)
    given = batch(0)
    text = made.step_output(given).unified.sequences.parts[0]
    eos, t2i, pad = 1, made.unified.vocabulary.special("t2i"), made.unified.vocabulary.special("pad")
    assert set(text.ids.flatten().tolist()) <= {eos, t2i, pad}
    made.eval()
    kept = made.step_output(given).unified.sequences.parts[0]
    assert kept.ids.shape[1] >= text.ids.shape[1]
    assert set(kept.ids.flatten().tolist()) - {eos, t2i, pad}


def test_visual_features_are_of_samples_that_answer_only():
    made = stepped(visual_dropout=0.0)
    given = batch(0)
    found = made._visual_features(given, torch.zeros(len(given), dtype=torch.bool))["colour"]
    assert found.present.tolist() == [True] * ANSWER
    torch.testing.assert_close(found.values[-1, 0], given.image[-1].double().mean((1, 2)) / 255)


def test_the_bound_of_a_network_that_knows_nothing_is_the_logarithm_of_the_codes():
    made = stepped().eval()
    with torch.no_grad():
        made.unified.head.weight.zero_()
        made.unified.head.bias.zero_()
    found = []
    for step in range(60):
        given = batch(step)
        found.append(made._nelbo(given, made.step_output(given).unified.corrupted))
    assert torch.cat(found).mean().item() == pytest.approx(math.log(CODES), rel=0.1)


def test_a_loss_under_the_wrong_corruption_is_named():
    linear = LinearSchedule()
    with pytest.raises(ConfigError, match=r"loss 'mdlm' needs forward_process=absorbing"):
        trainer([MDLMLoss()]).fit(module(forward_process=UniformProcess(linear)), datamodule=Data())
    forward_process = module().forward_process
    forward_process.masking = "fixed_count"
    with pytest.raises(ConfigError, match=r"forward_process\.masking=bernoulli"):
        trainer([MDLMLoss()]).fit(module(forward_process=forward_process), datamodule=Data())


def test_batches_of_another_task_are_refused():
    made = stepped()
    given = batch(0)
    with pytest.raises(ConfigError, match="task="):
        made.step_output(replace(given, task=torch.zeros_like(given.task)))
    with pytest.raises(ConfigError, match=r"data\.inputs=pixels"):
        made.codes(replace(given, image=None, image_ids=None))


def test_optimisers_are_told_which_weights_are_tables_and_which_are_stacks():
    made = stepped()
    groups = parameter_groups(made.unified)
    names = {id(p): n for n, p in made.unified.named_parameters()}
    by_kind = {
        "stack": [names[id(p)] for g in groups if g.get("stacked") for p in g["params"]],
        "table": [names[id(p)] for g in groups if g.get("orthogonal") is False for p in g["params"]],
    }
    assert sorted({n.rsplit(".", 1)[-1] for n in by_kind["stack"]}) == ["weight_in", "weight_out"]
    matrices = {n for n in by_kind["table"] if dict(made.unified.named_parameters())[n].ndim > 1}
    assert {"embedding.weight", "head.weight", "blocks.0.token_moe.routed.router.weight"} <= matrices
    assert sum(len(g["params"]) for g in groups) == len(names)
