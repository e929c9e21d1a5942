"""VQAScore by a unified model is what an enumeration of its answers gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_release import make_run

from unif2ace.errors import ConfigError
from unif2ace.evaluation.answer_likelihoods.t2v_metrics import T2VMetricsLikelihood
from unif2ace.evaluation.answer_likelihoods.unified import UnifiedLikelihood
from unif2ace.inference.loading import load_model
from unif2ace.metrics.scores.vqa_score import vqa_scores
from unif2ace.nets.transformer.decoding_text import answer_log_likelihood

TEXTS = ["A smiling woman.", "red hair", "He is wearing glasses."]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("model"))


def test_vqa_score_is_the_enumerated_probability(run: Path):
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=draw)
    judge, model = UnifiedLikelihood(run, "cpu", batch_size=2), load_model(run, device="cpu")
    found = vqa_scores(judge, pictures, TEXTS, "Is it {}?")
    yes, length = model.ids(["Yes"])
    for row, text in enumerate(TEXTS):
        prefix, conditions = model.asked(pictures[row : row + 1], [f"Is it {text}?"])
        expected = 1.0
        for position in range(int(length)):
            # every text id as the next one after the true beginning: their probabilities sum to one
            answers = yes[:, :position].expand(model.net.vocabulary.text_size, -1)
            every = torch.cat([answers, torch.arange(model.net.vocabulary.text_size)[:, None]], 1)[None]
            lengths = torch.full(every.shape[:2], position + 1)
            log_p = answer_log_likelihood(model.net, prefix, every, lengths, conditions, end=False)[0]
            probabilities = (log_p - torch.logsumexp(log_p, 0)).exp()
            expected *= float(probabilities[yes[0, position]])
        assert float(found[row]) == pytest.approx(expected ** (1 / int(length)), rel=1e-3)


def test_pictures_of_other_sizes_are_resized(run: Path):
    judge = UnifiedLikelihood(run, "cpu")
    log_p, tokens = judge.log_likelihood(torch.zeros(2, 3, 40, 48, dtype=torch.uint8), ["Is it?"] * 2, ["Yes", "No."])
    assert log_p.shape == tokens.shape == (2,)
    assert bool((log_p < 0).all())


def test_what_is_missing_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"answer_likelihood.path is not set"):
        UnifiedLikelihood()
    with pytest.raises(ConfigError, match=r"answer_likelihood.python=None: there is no such interpreter"):
        T2VMetricsLikelihood()
    false = tmp_path / "python"
    false.write_text("#!/bin/sh\nexit 1\n")
    false.chmod(0o755)
    with pytest.raises(ConfigError, match="cannot import t2v_metrics"):
        T2VMetricsLikelihood(str(false))
