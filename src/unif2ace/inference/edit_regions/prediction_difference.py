"""The region method that compares the model's predictions under the descriptions before and after the edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from unif2ace.errors import ConfigError
from unif2ace.inference.edit_regions.base import EditQuery, EditRegion

if TYPE_CHECKING:
    from torch import Tensor


class PredictionDifference(EditRegion):
    r"""Chooses the tokens whose predicted distributions change most with the description.

    Random tokens of the image are masked at several noise levels. The model predicts each masked token with the
    description before the edit (distribution p) and after the edit (q). A token's score is `measure`, averaged over the
    masks and smoothed over the neighbouring tokens. The tokens with the highest scores form the region.

    Args:
        measure: ``kl``: KL(q || p) = sum q log(q / p), which is large where something new appears. ``log_ratio``:
            log(p / q) of the image's current code, which is large where the current content no longer fits.
        levels: Shares of masked tokens, each in (0, 1].
        masks: Number of random masks per level; level 1 has a single mask.
        share: Share of the tokens to change, in (0, 1]; with ``select="gap"`` the maximum share.
        select: ``share`` selects exactly `share` of the tokens. ``gap`` selects the tokens above Otsu's threshold,
            which maximises the variance between high and low scores.
        smooth: Weight s in score + s * (mean score of the eight neighbours); 0 for no smoothing.
        growth: Factor on the number of tokens after each failed attempt, at least 1.
        max_share: Maximum share of the tokens after growth, from `share` to 1.

    Raises:
        ConfigError: If a value is out of range.
    """

    def __init__(
        self,
        measure: Literal["kl", "log_ratio"] = "kl",
        levels: Sequence[float] = (0.5, 0.75, 1.0),
        masks: int = 4,
        share: float = 0.4,
        select: Literal["share", "gap"] = "gap",
        smooth: float = 0.5,
        growth: float = 2.0,
        max_share: float = 0.6,
    ) -> None:
        if measure not in ("kl", "log_ratio"):
            raise ConfigError(f"edit_region.measure={measure!r}: give kl or log_ratio")
        if select not in ("share", "gap"):
            raise ConfigError(f"edit_region.select={select!r}: give share or gap")
        if not levels or not all(0 < level <= 1 for level in levels):
            raise ConfigError(f"edit_region.levels={list(levels)}: give at least one share above 0 and at most 1")
        if masks < 1:
            raise ConfigError(f"edit_region.masks={masks}: give at least 1")
        if not 0 < share <= 1:
            raise ConfigError(f"edit_region.share={share}: give a share above 0 and at most 1")
        if smooth < 0 or growth < 1:
            raise ConfigError(
                f"edit_region.smooth={smooth}, edit_region.growth={growth}: give smooth >= 0 and growth >= 1"
            )
        if not share <= max_share <= 1:
            raise ConfigError(f"edit_region.max_share={max_share}: give a share from edit_region.share={share} to 1")
        self.measure, self.levels, self.masks, self.share = measure, tuple(levels), masks, share
        self.select, self.smooth, self.growth = select, smooth, growth
        self.max_share = max_share

    def find(self, query: EditQuery, grow: int = 0) -> Tensor:
        """Tokens to sample again, bool (B, N); see `EditRegion.find`."""
        import torch

        score_BN = self.scores(query)
        number = score_BN.shape[1]
        most = max(1, round(self.share * number))
        ordered_BN, order_BN = score_BN.sort(dim=1, descending=True, stable=True)
        count_B = (
            torch.full((len(score_BN),), most) if self.select == "share" else _above_gap(ordered_BN).clamp(max=most)
        )
        count_B = (count_B * self.growth**grow).round().clamp(max=max(most, int(self.max_share * number)))
        chosen_BN = torch.arange(number) < count_B[:, None]
        return torch.zeros_like(chosen_BN).scatter(1, order_BN.cpu(), chosen_BN).to(score_BN.device)

    def scores(self, query: EditQuery) -> Tensor:
        """Smoothed score of each token, float64 (B, N)."""
        import torch

        from unif2ace.diffusion.samplers.base import PerSampleRNG

        rng = PerSampleRNG(query.seeds, query.codes.device)
        number = query.codes.shape[1]
        total_BN = torch.zeros(query.codes.shape, dtype=torch.float64, device=query.codes.device)
        times_BN = torch.zeros_like(total_BN)
        for level in self.levels:
            time_B = torch.full((len(total_BN),), level, device=total_BN.device)
            for _ in range(self.masks if level < 1 else 1):
                masked_BN = rng.uniform(number).argsort(1).argsort(1) < max(1, round(level * number))
                x_BN = query.codes.masked_fill(masked_BN, query.num_codes)
                before_PK, after_PK = (d(x_BN, time_B)[masked_BN].log_softmax(-1) for d in (query.before, query.after))
                if self.measure == "kl":
                    value_P = (after_PK.exp() * (after_PK - before_PK)).sum(-1)
                else:
                    value_P = (before_PK - after_PK).gather(1, query.codes[masked_BN][:, None])[:, 0]
                total_BN[masked_BN] += value_P.double()
                times_BN += masked_BN
        mean_BN = total_BN / times_BN.clamp(min=1)
        return mean_BN + self.smooth * _neighbours(mean_BN, query.grid) if self.smooth else mean_BN


def _neighbours(score_BN: Tensor, grid: tuple[int, int]) -> Tensor:
    """Mean value of the up to eight neighbours of each token, float (B, N)."""
    from torch.nn.functional import avg_pool2d

    score_BCHW = score_BN.view(len(score_BN), 1, *grid)
    own = score_BCHW.new_ones(score_BCHW.shape)
    around, count = (9 * avg_pool2d(x, 3, 1, 1) - x for x in (score_BCHW, own))
    return (around / count.clamp(min=1)).flatten(1)


def _above_gap(ordered_BN: Tensor) -> Tensor:
    """Number of scores above Otsu's threshold, int64 (B,). `ordered_BN` is sorted in descending order."""
    import torch

    number = ordered_BN.shape[1]
    above_M = torch.arange(1, number, dtype=torch.float64, device=ordered_BN.device)
    sum_BM = ordered_BN.cumsum(1)[:, :-1]
    high_BM, low_BM = sum_BM / above_M, (ordered_BN.sum(1, keepdim=True) - sum_BM) / (number - above_M)
    between_BM = above_M * (number - above_M) * (high_BM - low_BM) ** 2
    return (between_BM.argmax(1) + 1).cpu()
