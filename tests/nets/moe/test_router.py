"""Which experts are chosen, with which gates, and what is counted."""

from __future__ import annotations

import pytest
import torch

from unif2ace.errors import ConfigError
from unif2ace.nets.moe.routers.base import group_of
from unif2ace.nets.moe.routers.top_k import TopKRouter
from unif2ace.types import Task

B, L, D, N, K = 4, 6, 8, 5, 3
groups = torch.tensor([0, 0, 1, 1])


def _case(dtype: torch.dtype = torch.float32):
    torch.manual_seed(0)
    real = torch.ones(B, L, dtype=torch.bool)
    real[0, :2] = real[3, 4:] = False
    return TopKRouter(D, N, K).to(dtype), torch.randn(B, L, D, dtype=dtype), real


def test_tasks_choose_their_group():
    task = torch.tensor([Task.TEXT_TO_IMAGE, Task.UNDERSTANDING, Task.IMAGE], dtype=torch.int8)
    assert group_of(task).tolist() == [0, 1, 0]


def test_gates_are_the_largest_probabilities_of_the_own_group_over_their_sum():
    router, x, real = _case(torch.float64)
    routing = router(x, groups, real)
    for b in range(B):
        half = router.weight[N * groups[b] : N * (groups[b] + 1)]
        for column in range(L):
            if not real[b, column]:
                assert routing.expert[b, column].tolist() == [2 * N] * K
                assert not routing.gate[b, column].any()
                continue
            p = (half @ x[b, column]).softmax(0)
            best = sorted(range(N), key=lambda e: -p[e])[:K]
            assert routing.expert[b, column].tolist() == [e + N * int(groups[b]) for e in best]
            torch.testing.assert_close(routing.gate[b, column], p[best] / p[best].sum())


def test_the_gate_of_a_single_expert_is_its_probability_so_that_the_task_teaches_the_router():
    _, x, real = _case(torch.float64)
    router = TopKRouter(D, N, 1).double()
    routing = router(x, groups, real)
    logits = torch.where(groups[:, None, None] == 1, x @ router.weight[N:].T, x @ router.weight[:N].T)
    best = logits.softmax(-1).max(-1)
    torch.testing.assert_close(routing.gate[real][:, 0], best.values[real])
    assert routing.expert[real].flatten().tolist() == (best.indices + N * groups[:, None])[real].tolist()
    assert not routing.gate[~real].any()
    routing.gate.sum().backward()
    assert router.weight.grad[routing.expert[real].flatten()].abs().sum(1).all()


def test_statistics_are_sums_over_real_tokens_of_a_group():
    router, x, real = _case(torch.float64)
    routing = router(x, groups, real)
    stats = routing.stats
    assert stats.level == "token"
    for g in range(2):
        rows = groups == g
        tokens = x[rows][real[rows]]
        logits = tokens @ router.weight[N * g : N * (g + 1)].T
        torch.testing.assert_close(stats.probability[g], logits.softmax(-1).sum(0))
        torch.testing.assert_close(stats.z[g], logits.exp().sum(-1).log().square().sum())
        assert stats.count[g] == len(tokens)
        chosen = routing.expert[rows][real[rows]].flatten() - N * g
        assert stats.assigned[g].tolist() == chosen.bincount(minlength=N).tolist()
    assert stats.assigned.sum() == K * real.sum()
    assert not stats.assigned.requires_grad
    assert not stats.count.requires_grad


def test_gradients_in_double_precision():
    router, x, real = _case(torch.float64)

    def values(x: torch.Tensor, weight: torch.Tensor):
        routing = torch.func.functional_call(router, {"weight": weight}, (x, groups, real))
        return routing.gate, routing.stats.probability, routing.stats.z

    assert torch.autograd.gradcheck(values, (x[:, :, :].requires_grad_(), router.weight.detach().requires_grad_()))


def test_a_row_reads_only_its_group():
    router, x, real = _case()
    routing = router(x, torch.zeros(B, dtype=torch.int64), real)
    (routing.gate.square().sum() + routing.stats.z.sum()).backward()
    assert router.weight.grad[:N].any()
    assert not router.weight.grad[N:].any()
    assert not routing.stats.assigned[1].any()
    assert routing.stats.count[1] == 0


def test_float32_also_under_autocast_and_for_bfloat16():
    router, x, real = _case()
    expected = router(x, groups, real)
    with torch.autocast("cpu", torch.bfloat16):
        got = router(x, groups, real)
    assert torch.equal(got.gate, expected.gate)
    assert torch.equal(got.expert, expected.expert)
    narrow = router.to(torch.bfloat16)(x.bfloat16(), groups, real)
    assert narrow.gate.dtype == narrow.stats.probability.dtype == torch.float32
    exact = TopKRouter(D, N, K)
    exact.weight.data = router.weight.float()
    torch.testing.assert_close(narrow.gate, exact(x.bfloat16().float(), groups, real).gate)


def test_what_a_row_may_not_take_has_no_probability():
    router, x, real = _case()
    available = torch.ones(B, N, dtype=torch.bool)
    available[1, 2:4] = False
    routing = router(x, groups, real, available)
    assert not (set(routing.expert[1].flatten().tolist()) & {2, 3})
    alone = router(x[1:2], groups[1:2], real[1:2], available[1:2])
    assert not alone.stats.probability[0, 2:4].any()
    torch.testing.assert_close(alone.stats.probability[0].sum(), real[1].sum().float())
    (alone.gate.square().sum() + alone.stats.z.sum() + alone.stats.probability.square().sum()).backward()
    assert router.weight.grad.isfinite().all()


@pytest.mark.parametrize("top_k", [0, 6])
def test_top_k_fits_the_experts(top_k: int):
    with pytest.raises(ConfigError, match=r"moe\.top_k"):
        TopKRouter(D, N, top_k)
