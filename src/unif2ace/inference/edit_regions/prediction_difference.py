"""The region where the model's predictions under the two descriptions differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from unif2ace.errors import ConfigError
from unif2ace.inference.edit_regions.base import EditQuery, EditRegion

if TYPE_CHECKING:
    from torch import Tensor


class PredictionDifference(EditRegion):
    r"""Chooses the tokens whose predicted distributions change most with the description.

    Random parts of the image are masked at several noise levels. At each masked token the predictions p before and q
    after the change of the description are compared, and averaged over the masks. The scores are smoothed over the
    neighbouring tokens, and the tokens with the highest scores form the region.

    Args:
        measure: ``kl``: the divergence sum q log(q / p), which finds where something new appears. ``log_ratio``:
            log(p / q) of the image's own code, which finds what does not fit any more.
        levels: Shares of masked tokens, each in (0, 1].
        masks: Random masks per level.
        share: Share of the tokens that are changed, in (0, 1]; the maximum with ``gap``.
        select: ``share`` takes this share of the tokens. ``gap`` takes fewer if the scores fall into two groups, by the
            threshold with the largest variance between them (Otsu).
        smooth: Weight of the mean of the eight neighbours' scores beside the own one, 0 for none.
        growth: Factor of the number of tokens after each failed attempt.
        max_share: Largest share of the tokens after growth, from `share` to 1.

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
            raise ConfigError(f"edit_region.levels={list(levels)}: give shares above 0, up to 1")
        if masks < 1:
            raise ConfigError(f"edit_region.masks={masks}: give 1 or more")
        if not 0 < share <= 1:
            raise ConfigError(f"edit_region.share={share}: give a share above 0, up to 1")
        if smooth < 0 or growth < 1:
            raise ConfigError(
                f"edit_region.smooth={smooth}, growth={growth}: smooth must be 0 or more, growth 1 or more"
            )
        if not share <= max_share <= 1:
            raise ConfigError(f"edit_region.max_share={max_share}: it must be from edit_region.share={share} to 1")
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
        """How much each token's prediction changes, float64 (B, N)."""
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
    """Mean of the neighbours' values, float (B, N)."""
    from torch.nn.functional import avg_pool2d

    score_BCHW = score_BN.view(len(score_BN), 1, *grid)
    own = score_BCHW.new_ones(score_BCHW.shape)
    around, count = (9 * avg_pool2d(x, 3, 1, 1) - x for x in (score_BCHW, own))
    return (around / count.clamp(min=1)).flatten(1)


def _above_gap(ordered_BN: Tensor) -> Tensor:
    """Number of scores above Otsu's threshold, int64 (B,), of scores in descending order."""
    import torch

    number = ordered_BN.shape[1]
    above_M = torch.arange(1, number, dtype=torch.float64, device=ordered_BN.device)
    sum_BM = ordered_BN.cumsum(1)[:, :-1]
    high_BM, low_BM = sum_BM / above_M, (ordered_BN.sum(1, keepdim=True) - sum_BM) / (number - above_M)
    between_BM = above_M * (number - above_M) * (high_BM - low_BM) ** 2
    return (between_BM.argmax(1) + 1).cpu()
