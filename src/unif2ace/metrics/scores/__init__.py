"""The scores of the unified model, computed from tensors and strings.

Normalised scores are 0 for a model that ignores its input and 1 for the best attainable result. Constant answers and
knowledge of answer frequencies score 0.
"""

from unif2ace.metrics.scores.agreement import Agreement, attribute_agreement
from unif2ace.metrics.scores.answers import AnswerScore, answer_scores
from unif2ace.metrics.scores.bootstrap import Score, bootstrap, bootstrap_mean
from unif2ace.metrics.scores.captions import CaptionScore, caption_scores
from unif2ace.metrics.scores.diversity import Diversity, diversity, diversity_score
from unif2ace.metrics.scores.paraphrases import ParaphraseScore, paraphrase_scores
from unif2ace.metrics.scores.text import distinct, mean_words

__all__ = [
    "Agreement",
    "AnswerScore",
    "CaptionScore",
    "Diversity",
    "ParaphraseScore",
    "Score",
    "answer_scores",
    "attribute_agreement",
    "bootstrap",
    "bootstrap_mean",
    "caption_scores",
    "distinct",
    "diversity",
    "diversity_score",
    "mean_words",
    "paraphrase_scores",
]
