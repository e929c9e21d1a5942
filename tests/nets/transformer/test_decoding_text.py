"""Generated texts and scored answers: the same with a cache and without, alone and in a batch, and by enumeration."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from decoding_nets import IMAGE, TEXT, random_prefix, rows_of, small_net

from unif2ace.errors import ConfigError, DataError
from unif2ace.nets.transformer.decoding_text import answer_log_likelihood, answer_probabilities, generate_text
from unif2ace.nets.transformer.token_sampling import TokenSampling
from unif2ace.sequence.attention import omni_attention
from unif2ace.types import Role

WARM = TokenSampling(temperature=0.9, top_k=8, top_p=0.95)
NEVER = 10**6


@pytest.fixture(scope="module")
def net():
    return small_net()


@torch.no_grad()
def whole_log_p(net, prefix, conditions, ids):
    """Log-probabilities of the text ids behind a prefix, by one plain pass: float64 (B, T, V)."""
    rows, count = ids.shape
    role = torch.cat([prefix.role, torch.full_like(ids, Role.ANSWER, dtype=torch.int8)], 1)
    length = role.shape[1]
    whole = replace(
        prefix,
        ids=torch.cat([prefix.ids, ids], 1),
        role=role,
        position=torch.arange(length).expand(rows, length),
        attention=omni_attention(role, prefix.task),
    )
    hidden = net(whole, conditions).values[:, -count - 1 : -1]
    return net.head(hidden)[..., : net.vocabulary.text_size].log_softmax(-1)


@pytest.mark.parametrize("draw", [None, WARM], ids=["likeliest", "drawn"])
@pytest.mark.parametrize("lengths", [[3, 7, 5, 0], [4, 4]], ids=["padded", "equal"])
def test_a_cache_changes_no_token(net, draw, lengths):
    prefix, conditions = random_prefix(net, lengths)
    seeds = range(len(lengths))
    kept, whole = (
        generate_text(net, prefix, conditions, max_new=30, choice=draw, seeds=seeds, stop=NEVER, cache=cache)
        for cache in (True, False)
    )
    assert kept.ids.shape == (len(lengths), 30)
    assert len(kept.ids.unique()) > 4  # else there was nothing to get wrong
    assert torch.equal(kept.ids, whole.ids)
    assert torch.allclose(kept.log_p, whole.log_p, atol=1e-6)


def test_in_float32_tokens_differ_only_at_ties():
    net = small_net(1).float()
    prefix, conditions = random_prefix(net, [3, 7, 5])
    conditions = {"face": replace(conditions["face"], values=conditions["face"].values.float())}
    kept, whole = (generate_text(net, prefix, conditions, max_new=40, stop=NEVER, cache=c) for c in (True, False))
    ties = 0
    for row in range(3):
        different = (kept.ids[row] != whole.ids[row]).nonzero()
        if len(different):
            first = int(different[0])
            ties += abs(kept.log_p[row, first] - whole.log_p[row, first]) < 1e-5
            assert ties
    assert ties <= 1


def test_the_likeliest_token_and_its_probability_are_those_of_a_plain_pass(net):
    prefix, conditions = random_prefix(net, [3, 7, 5])
    text = generate_text(net, prefix, conditions, max_new=12, stop=NEVER)
    log_p = whole_log_p(net, prefix, conditions, text.ids)
    assert torch.equal(text.ids, log_p.argmax(-1))
    assert torch.allclose(text.log_p.double(), log_p.amax(-1), atol=1e-5)
    other = generate_text(net, prefix, None, max_new=12, stop=NEVER)
    assert not torch.equal(text.ids[[0, 2]], other.ids[[0, 2]])  # the condition was heard
    assert torch.equal(text.ids[1], other.ids[1])  # and not where it is missing


@pytest.mark.parametrize("draw", [None, WARM], ids=["likeliest", "drawn"])
def test_a_row_does_not_depend_on_its_batch(net, draw):
    prefix, conditions = random_prefix(net, [3, 7, 5, 6])
    batch = generate_text(net, prefix, conditions, max_new=25, choice=draw, seeds=[9, 8, 7, 6], stop=11)
    assert batch.length.unique().numel() > 1
    for row in range(4):
        one, known = rows_of(prefix, conditions, row)
        alone = generate_text(net, one, known, max_new=25, choice=draw, seeds=[9 - row], stop=11)
        length = int(batch.length[row])
        assert alone.length.item() == length
        assert alone.stopped.item() == batch.stopped[row].item()
        assert torch.equal(alone.ids[0, :length], batch.ids[row, :length])


def test_seeds_choose_the_draws(net):
    prefix, conditions = random_prefix(net, [5, 5])
    same = {name: replace(c, values=c.values[[0, 0]], present=c.present[[0, 0]]) for name, c in conditions.items()}
    twice = replace(prefix, ids=prefix.ids[[0, 0]])
    draw = TokenSampling(temperature=1.5)
    a = generate_text(net, twice, same, max_new=20, choice=draw, seeds=[1, 2], stop=NEVER)
    b = generate_text(net, twice, same, max_new=20, choice=draw, seeds=[2, 2], stop=NEVER)
    assert not torch.equal(a.ids[0], a.ids[1])
    assert torch.equal(b.ids[0], b.ids[1])
    assert torch.equal(a.ids[1], b.ids[0])
    with pytest.raises(ConfigError, match="one seed for each of the 2 sequences"):
        generate_text(net, twice, same, choice=draw, seeds=[1])
    with pytest.raises(ConfigError, match="max_new"):
        generate_text(net, twice, same, max_new=0)


def test_only_text_is_written(net):
    loud = small_net()
    with torch.no_grad():
        loud.head.bias[TEXT:] += 1000  # special tokens, codes and the mask
    prefix, conditions = random_prefix(loud, [3, 5])
    text = generate_text(loud, prefix, conditions, max_new=10, stop=NEVER)
    assert text.ids.max() < TEXT
    assert torch.equal(text.ids, generate_text(net, prefix, conditions, max_new=10, stop=NEVER).ids)
    full = generate_text(loud, prefix, conditions, max_new=10, stop=NEVER, part="full")
    assert full.ids.min() >= TEXT


@pytest.mark.parametrize("cache", [True, False])
def test_rows_stop_one_by_one_and_then_cost_nothing(net, cache, monkeypatch: pytest.MonkeyPatch):
    prefix, conditions = random_prefix(net, [3, 7, 5, 6, 2, 4], seed=3)
    free = generate_text(net, prefix, conditions, max_new=30, stop=NEVER)
    first = {t: (free.ids == t).int().argmax(1) for t in free.ids.unique().tolist() if (free.ids == t).any(1).all()}
    stop = max(first, key=lambda t: first[t].unique().numel())
    length = first[stop]
    assert length.unique().numel() > 2
    rows, forward = [], net.forward
    monkeypatch.setattr(net, "forward", lambda s, *a, **k: (rows.append(len(s.ids)), forward(s, *a, **k))[1])
    text = generate_text(net, prefix, conditions, max_new=30, stop=stop, cache=cache)
    assert torch.equal(text.length, length)
    assert text.stopped.all()
    width = int(length.max()) + 1
    assert text.ids.shape == (6, width)
    assert len(rows) == width  # the prefix, and one pass for each token but the last
    assert rows[-1] <= 3
    assert rows == sorted(rows, reverse=True)
    for row, end in enumerate(length.tolist()):
        assert torch.equal(text.ids[row, :end], free.ids[row, :end])
        assert (text.ids[row, end:] == stop).all()
        assert (text.log_p[row, end + 1 :] == 0).all()
        assert torch.allclose(text.log_p[row, : end + 1], free.log_p[row, : end + 1], atol=1e-6)


def test_a_row_that_is_cut_short_says_so(net):
    prefix, conditions = random_prefix(net, [3, 7])
    text = generate_text(net, prefix, conditions, max_new=3, stop=NEVER)
    assert text.length.tolist() == [3, 3]
    assert not text.stopped.any()


def test_a_cached_step_reads_one_column(net, monkeypatch: pytest.MonkeyPatch):
    prefix, conditions = random_prefix(net, [3, 7])
    columns, forward = [], net.forward
    monkeypatch.setattr(net, "forward", lambda s, *a, **k: (columns.append(s.ids.shape[1]), forward(s, *a, **k))[1])
    generate_text(net, prefix, conditions, max_new=5, stop=NEVER)
    assert columns == [prefix.ids.shape[1], 1, 1, 1, 1]


# --- answers


def _answers(seed: int = 0):
    """Three rows: three answers, three, one."""
    g = torch.Generator().manual_seed(seed)
    length = torch.tensor([[1, 3, 2], [2, 2, 4], [3, 0, 0]])
    return torch.randint(TEXT - 3, (3, 3, 4), generator=g), length


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("end", [True, False])
def test_scores_are_the_sums_of_a_plain_pass(net, cache, end):
    prefix, conditions = random_prefix(net, [3, 7, 5])
    answers, length = _answers()
    found = answer_log_likelihood(net, prefix, answers, length, conditions, end=end, cache=cache)
    for row in range(3):
        for which in range(3):
            count = int(length[row, which])
            if not count:
                assert found[row, which] == -torch.inf
                continue
            ids = answers[row, which, :count].tolist() + [net.vocabulary.eos_id] * end
            alone = rows_of(prefix, conditions, row)
            log_p = whole_log_p(net, *alone, torch.tensor([ids]))[0]
            expected = sum(log_p[step, token] for step, token in enumerate(ids))
            assert found[row, which].item() == pytest.approx(expected.item(), abs=1e-4)


def test_probabilities_of_all_texts_of_one_length_sum_to_one():
    net = small_net(2, text_size=6)
    prefix, conditions = random_prefix(net, [3, 1])
    every = torch.cartesian_prod(torch.arange(6), torch.arange(6))
    pairs = every.expand(2, -1, -1)
    log_p = answer_log_likelihood(net, prefix, pairs, torch.full((2, 36), 2), conditions, end=False)
    assert torch.allclose(log_p.exp().sum(1), torch.ones(2, dtype=log_p.dtype), atol=1e-5)
    singles = torch.arange(6).view(1, 6, 1).expand(2, 6, 1)
    first = answer_log_likelihood(net, prefix, singles, torch.ones(2, 6, dtype=torch.int64), conditions, end=False)
    assert torch.allclose(first.exp(), log_p.exp().view(2, 6, 6).sum(2), atol=1e-5)
    ended = answer_log_likelihood(net, prefix, singles, torch.ones(2, 6, dtype=torch.int64), conditions)
    assert torch.allclose(ended, log_p.view(2, 6, 6)[..., net.vocabulary.eos_id], atol=1e-5)


def test_probabilities_of_choices_are_a_softmax_over_those_that_there_are(net):
    prefix, conditions = random_prefix(net, [3, 7, 5])
    log_p = answer_log_likelihood(net, prefix, *_answers(), conditions)
    p = answer_probabilities(log_p)
    assert torch.allclose(p.sum(1), torch.ones(3, dtype=p.dtype))
    assert p[2].tolist() == [1, 0, 0]
    assert torch.allclose(p[:2], log_p[:2].exp() / log_p[:2].exp().sum(1, keepdim=True), atol=1e-6)


def test_scoring_reads_the_prefix_once(net, monkeypatch: pytest.MonkeyPatch):
    prefix, conditions = random_prefix(net, [3, 7, 5])
    columns, forward = [], net.forward
    monkeypatch.setattr(net, "forward", lambda s, *a, **k: (columns.append(s.ids.shape[1]), forward(s, *a, **k))[1])
    answer_log_likelihood(net, prefix, *_answers(), conditions)
    assert columns == [prefix.ids.shape[1], 3 * 4]
    columns.clear()
    singles = torch.zeros(3, 2, 1, dtype=torch.int64)
    answer_log_likelihood(net, prefix, singles, torch.ones(3, 2, dtype=torch.int64), conditions, end=False)
    assert columns == [prefix.ids.shape[1]]


def test_answers_must_be_text_and_there(net):
    prefix, conditions = random_prefix(net, [3])
    one = torch.ones(1, 1, dtype=torch.int64)
    with pytest.raises(DataError, match="text ids from 0 to 22"):
        answer_log_likelihood(net, prefix, torch.full((1, 1, 1), TEXT), one, conditions)
    with pytest.raises(DataError, match="each sequence needs an answer"):
        answer_log_likelihood(net, prefix, torch.zeros(1, 1, 1, dtype=torch.int64), 0 * one, conditions)


def test_the_prefix_holds_the_picture(net):
    prefix, _ = random_prefix(net, [3, 7])
    assert ((prefix.role == Role.IMAGE).sum(1) == IMAGE).all()


def test_draws_follow_the_filtered_distribution(net):
    rows = 4000
    prefix, _ = random_prefix(net, [4])
    many = replace(
        prefix,
        **{n: getattr(prefix, n).expand(rows, *getattr(prefix, n).shape[1:]) for n in ("ids", "role", "position")},
        task=prefix.task.expand(rows),
        attention=prefix.attention.expand(rows, -1, -1, -1),
        image_start=prefix.image_start.expand(rows),
        visible=prefix.visible.expand(rows),
    )
    text = generate_text(net, many, max_new=1, choice=TokenSampling(temperature=1.3, top_k=5), seeds=range(rows))
    warm = whole_log_p(net, prefix, None, torch.zeros(1, 1, dtype=torch.int64))[0, 0] / 1.3
    best = warm.topk(5)
    share = torch.stack([(text.ids == i).float().mean() for i in best.indices]).double()
    assert share.sum() == pytest.approx(1)
    assert torch.allclose(share, best.values.softmax(0), atol=4 * 0.5 / rows**0.5)


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_a_choice_out_of_range_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TokenSampling(**wrong)
