"""Even use of experts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from ranks import call_on_ranks
from router_steps import stats_of, step_of
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.losses.load_balance import LoadBalanceLoss
from unif2ace.types import RouterStats

E, K = 6, 2


def _case(tokens: int = 50, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(tokens, E, dtype=torch.float64, generator=generator)
    return logits, torch.randint(0, 2, (tokens,), generator=generator)


def _plain(logits: Tensor, group: Tensor, g: int, top_k: int = K) -> Tensor:
    """E sum f P from its definition."""
    mine = logits[group == g]
    f = torch.stack([(mine.topk(top_k).indices == e).sum() for e in range(E)]) / (top_k * len(mine))
    return E * (f * mine.softmax(-1).mean(0)).sum()


def test_an_even_use_is_worth_one_in_each_group():
    assigned, probability = torch.full((2, E), 7.0), torch.full((2, E), 21 / E)
    stats = RouterStats("token", assigned, probability, torch.tensor([21.0, 21.0]), torch.zeros(2))
    term = LoadBalanceLoss().compute(step_of(stats, stats))
    assert term.mean.item() == pytest.approx(2)
    assert term.parts["token/gen"].item() == pytest.approx(1)
    assert term.parts["token/und"].item() == pytest.approx(1)
    skewed = RouterStats("token", torch.eye(E)[:2] * 21, probability, torch.tensor([21.0, 21.0]), torch.zeros(2))
    assert LoadBalanceLoss().compute(step_of(skewed)).mean.item() == pytest.approx(2)


def test_one_expert_for_all_is_worth_their_number():
    logits = torch.zeros(10, E).index_fill(1, torch.tensor([3]), 50.0)
    term = LoadBalanceLoss().compute(step_of(stats_of(logits, torch.zeros(10, dtype=torch.int64), 1)))
    assert term.mean.item() == pytest.approx(E)


def test_value_and_gradient_from_the_definition():
    logits, group = _case()
    logits.requires_grad_()
    other, groups = _case(30, seed=1)
    term = LoadBalanceLoss().compute(step_of(stats_of(logits, group, K), stats_of(other, groups, K)))
    expected = sum((_plain(logits, group, g) + _plain(other, groups, g)) / 2 for g in range(2))
    torch.testing.assert_close(term.mean, expected)
    (got,), (wanted,) = (torch.autograd.grad(value, logits, retain_graph=True) for value in (term.mean, expected))
    torch.testing.assert_close(got, wanted)
    assert term.count == 1


def test_descent_evens_the_load():
    logits, group = _case(200)
    shift = (torch.arange(E) * 0.5).double().requires_grad_()
    optimizer = torch.optim.SGD([shift], lr=2.0)
    before = LoadBalanceLoss().compute(step_of(stats_of(logits + shift, group, K))).mean
    for _ in range(60):
        optimizer.zero_grad()
        LoadBalanceLoss().compute(step_of(stats_of(logits + shift, group, K))).mean.backward()
        optimizer.step()
    after = LoadBalanceLoss().compute(step_of(stats_of(logits + shift, group, K)))
    assert before > 2.2
    assert after.mean < 2.08


def test_an_absent_group_adds_nothing_and_keeps_the_graph():
    logits, _ = _case()
    logits.requires_grad_()
    none = torch.ones(50, dtype=torch.int64)
    term = LoadBalanceLoss().compute(step_of(stats_of(logits, none, K)))
    torch.testing.assert_close(term.mean, _plain(logits, none, 1))
    assert term.parts["token/gen"] == 0
    empty = LoadBalanceLoss().compute(step_of(stats_of(logits[:0], none[:0], K)))
    assert empty.mean == 0
    assert torch.autograd.grad(empty.mean, logits)[0].shape == logits.shape
    assert LoadBalanceLoss().compute(step_of()).mean == 0


def test_levels_have_their_factors():
    logits, group = _case()
    token, sequence = stats_of(logits, group, K), stats_of(logits.flip(0), group, K, "sequence")
    of_token, of_sequence = (
        LoadBalanceLoss().compute(step_of(s)).mean for s in (token, stats_of(logits.flip(0), group, K))
    )
    both = LoadBalanceLoss(token_weight=0.5, sequence_weight=3).compute(step_of(token, sequence))
    torch.testing.assert_close(both.mean, 0.5 * of_token + 3 * of_sequence)
    torch.testing.assert_close(both.parts["sequence/gen"] + both.parts["sequence/und"], of_sequence)
    with pytest.raises(ConfigError, match="sequence"):
        LoadBalanceLoss(sequence_weight=-1)


def _rows(rank: int) -> slice:
    return slice(0, 35) if rank == 0 else slice(35, 50)


def _rank(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    logits, group = _case()
    logits, group = logits[_rows(rank)].requires_grad_(), group[_rows(rank)]
    if rank == 1:
        group = torch.ones_like(group)  # Gen is absent here
    result = []
    for across in (True, False):
        stats = stats_of(logits, group, K)
        mean = LoadBalanceLoss(across_ranks=across).compute(step_of(stats, stats)).mean
        result += [mean.detach(), torch.autograd.grad(mean, logits)[0]]
    torch.save(result, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_ranks_together_are_one_large_batch(tmp_path: Path):
    call_on_ranks(_rank, str(tmp_path))
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    logits, group = _case()
    group[_rows(1)] = 1
    logits.requires_grad_()
    mean = LoadBalanceLoss().compute(step_of(stats_of(logits, group, K))).mean
    mean.backward()
    torch.testing.assert_close((results[0][0] + results[1][0]) / 2, mean.detach())
    torch.testing.assert_close(torch.cat([results[0][1], results[1][1]]) / 2, logits.grad)
    for rank in range(2):  # alone, each has its own load
        rows = _rows(rank)
        alone = LoadBalanceLoss().compute(step_of(stats_of(logits[rows], group[rows], K))).mean
        torch.testing.assert_close(results[rank][2], alone.detach())
        assert not torch.isclose(results[rank][2], mean)
