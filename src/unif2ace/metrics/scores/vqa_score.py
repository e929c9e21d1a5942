"""VQAScore: the probability that a model answers "Yes" if asked whether an image shows a text. Shapes: N pairs."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

QUESTION = 'Does this figure show "{}"? Please answer yes or no.'
"""Template of the question (Lin et al., arXiv 2404.01291, section 3)."""
ANSWER = "Yes"


class AnswerLikelihood(Protocol):
    """A model that computes the likelihood of an answer to a question about an image.

    Attributes:
        name: Name of the model and its weights; reported with every score of the model.
    """

    name: str

    def log_likelihood(self, images: Tensor, questions: list[str], answers: list[str]) -> tuple[Tensor, Tensor]:
        """Log-likelihood of answers.

        Args:
            images: uint8 (N, 3, H, W).
            questions: One question per image.
            answers: One answer per image.

        Returns:
            float (N,), sums over the tokens of an answer, in nats, and int64 (N,), the numbers of tokens.
        """


def vqa_scores(model: AnswerLikelihood, images_BCHW: Tensor, texts: list[str], question: str = QUESTION) -> Tensor:
    """Geometric mean of the probabilities of the tokens of "Yes", float64 (N,), 0 to 1 (arXiv 2404.01291, eq. 2).

    Args:
        model: Computes the likelihoods.
        images_BCHW: uint8 (N, 3, H, W).
        texts: One text per image.
        question: Template of the question, with ``{}`` for the text.
    """
    asked = [question.replace("{}", text) for text in texts]
    log_p_N, tokens_N = model.log_likelihood(images_BCHW, asked, [ANSWER] * len(texts))
    return torch.exp(log_p_N.double() / tokens_N.clamp(min=1))
