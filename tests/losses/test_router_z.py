"""Small router logits."""

from __future__ import annotations

import pytest
import torch
from router_steps import stats_of, step_of

from unif2ace.errors import ConfigError
from unif2ace.losses.router_z import RouterZLoss


def test_the_mean_of_all_tokens_and_layers():
    torch.manual_seed(0)
    layers = [torch.randn(n, 5, dtype=torch.float64, requires_grad=True) for n in (30, 10)]
    groups = [torch.randint(0, 2, (len(x),)) for x in layers]
    term = RouterZLoss().compute(step_of(*(stats_of(x, g, 2) for x, g in zip(layers, groups, strict=True))))
    expected = torch.cat([x.exp().sum(1).log().square() for x in layers]).mean()
    torch.testing.assert_close(term.mean, expected)
    for x in layers:
        got, wanted = (torch.autograd.grad(v, x, retain_graph=True)[0] for v in (term.mean, expected))
        torch.testing.assert_close(got, wanted)
    assert term.count == 40
    assert not term.count.requires_grad


def test_micro_batches_add_up():
    torch.manual_seed(0)
    logits, group = torch.randn(30, 5), torch.randint(0, 2, (30,))
    whole = RouterZLoss().compute(step_of(stats_of(logits, group, 2)))
    parts = [RouterZLoss().compute(step_of(stats_of(logits[s], group[s], 2))) for s in (slice(0, 7), slice(7, 30))]
    torch.testing.assert_close(sum(p.total for p in parts) / sum(p.count for p in parts), whole.mean)


def test_levels_have_their_factors_and_means():
    torch.manual_seed(0)
    logits, group = torch.randn(30, 5), torch.randint(0, 2, (30,))
    token, sequence = stats_of(logits, group, 2), stats_of(logits[:8] * 2, group[:8], 2, "sequence")
    term = RouterZLoss(token_weight=0.5, sequence_weight=3).compute(step_of(token, sequence))
    expected = 0.5 * logits.logsumexp(1).square().mean() + 3 * (logits[:8] * 2).logsumexp(1).square().mean()
    torch.testing.assert_close(term.mean, expected)
    torch.testing.assert_close(
        RouterZLoss().compute(step_of(token, sequence)).mean, logits.logsumexp(1).square().mean()
    )
    with pytest.raises(ConfigError, match="token"):
        RouterZLoss(token_weight=-1)


def test_a_dense_network_has_none():
    assert RouterZLoss().compute(step_of()).mean == 0
