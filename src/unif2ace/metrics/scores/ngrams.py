"""BLEU and ROUGE of texts against references, as sacrebleu and rouge-score compute them. Shapes: S texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from unif2ace.errors import ConfigError
from unif2ace.metrics.scores.bootstrap import Score, bootstrap, bootstrap_mean

ROUGE = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True, slots=True)
class BLEUScore:
    """Corpus BLEU.

    Attributes:
        score: 0 to 100.
        signature: sacrebleu's description of tokenisation, smoothing and version; equal for comparable scores.
    """

    score: Score
    signature: str


def bleu(
    texts: Sequence[str], references: Sequence[Sequence[str]], order: int = 4, resamples: int = 0, seed: int = 0
) -> BLEUScore:
    """Corpus BLEU (Papineni et al., 2002) by sacrebleu, with its default tokenisation and smoothing.

    Args:
        texts: One text per sample.
        references: References of each sample, at least one per sample.
        order: Length of the longest n-grams.
        resamples: Number of bootstrap resamples over samples; 0 for no interval.
        seed: Seed of the resamples.

    Raises:
        ConfigError: If the package is missing.
    """
    metric = sacrebleu().BLEU(max_ngram_order=order, effective_order=True)
    width = max(len(each) for each in references)
    # corpora of references are columns: an image with fewer references repeats its first, which changes nothing
    columns = [[each[n] if n < len(each) else each[0] for each in references] for n in range(width)]
    found = [metric.sentence_score(text, list(each)) for text, each in zip(texts, references, strict=True)]
    sums_SK = torch.tensor([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in found])

    def score(sums_RK: Tensor) -> Tensor:
        rows = sums_RK.round().long().tolist()
        each = [metric.compute_bleu(r[:order], r[order:-2], r[-2], r[-1], max_ngram_order=order).score for r in rows]
        return torch.tensor(each, dtype=torch.float64)

    corpus = sacrebleu().BLEU(max_ngram_order=order)
    corpus.corpus_score(list(texts), columns)  # a signature needs the number of references
    return BLEUScore(bootstrap(sums_SK, score, resamples, seed), str(corpus.get_signature()))


def rouge(
    texts: Sequence[str], references: Sequence[Sequence[str]], resamples: int = 0, seed: int = 0
) -> dict[str, Score]:
    """ROUGE-1, -2 and -L F1 (Lin, 2004) by rouge-score with stemming, means over samples, 0 to 1, by name.

    If a sample has several references, each of the three scores uses the reference with the highest F1.

    Args:
        texts: One text per sample.
        references: References of each sample, at least one per sample.
        resamples: Number of bootstrap resamples over samples; 0 for no interval.
        seed: Seed of the resamples.

    Raises:
        ConfigError: If the package is missing.
    """
    scorer = rouge_scorer()
    found = [scorer.score_multi(list(each), text) for text, each in zip(texts, references, strict=True)]
    return {
        name: bootstrap_mean(torch.tensor([one[name].fmeasure for one in found]), resamples, seed) for name in ROUGE
    }


def sacrebleu() -> Any:
    """The module of sacrebleu's metrics.

    Raises:
        ConfigError: If the package is missing.
    """
    try:
        return import_module("sacrebleu.metrics")
    except ImportError as error:
        raise ConfigError("BLEU needs a package: pip install sacrebleu, or install unif2ace[captions]") from error


def rouge_scorer() -> Any:
    """A scorer of `ROUGE`.

    Raises:
        ConfigError: If the package is missing.
    """
    try:
        return import_module("rouge_score.rouge_scorer").RougeScorer(list(ROUGE), use_stemmer=True)
    except ImportError as error:
        raise ConfigError("ROUGE needs a package: pip install rouge-score, or install unif2ace[captions]") from error
