"""Answer likelihoods of a unified model. Shapes: N images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unif2ace.engine.fingerprint import SHOWN
from unif2ace.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor


class UnifiedLikelihood:
    """Implements `AnswerLikelihood` with a unified model of this project.

    A model may favour its own pictures: to compare systems, score all of them with the same model.

    Args:
        path: ``builtin``, a release folder or a run folder.
        device: Torch device; None for a GPU if there is one.
        batch_size: Images per batch.

    Attributes:
        name: ``unified-`` and the fingerprint of the model.
    """

    def __init__(self, path: str | Path | None = None, device: str | None = None, batch_size: int = 32) -> None:
        from unif2ace.inference.loading import load_model

        if path is None:
            raise ConfigError("answer_likelihood.path is not set: give builtin, a release folder or a run folder")
        self._model, self._batch_size = load_model(path, device=device), batch_size
        self.name = f"unified-{self._model.fingerprint[:SHOWN]}"

    def log_likelihood(self, images: Tensor, questions: list[str], answers: list[str]) -> tuple[Tensor, Tensor]:
        """Log-likelihood that the model's answer starts with the given one; see `AnswerLikelihood`.

        Args:
            images: uint8 (N, 3, H, W); resized to the model's image size.
            questions: One question per image.
            answers: One answer per image.

        Returns:
            float (N,), log-likelihoods in nats, and int64 (N,), numbers of tokens. The end token is excluded: "Yes"
            covers every answer that starts with "Yes".
        """
        import torch

        from unif2ace.evaluation.outputs import resized
        from unif2ace.nets.transformer.decoding_text import answer_log_likelihood

        model, side = self._model, self._model.image_size
        found, lengths = [], []
        for start in range(0, len(images), self._batch_size):
            rows = slice(start, start + self._batch_size)
            batch = torch.stack([resized(image, (side, side)) for image in images[rows]])
            prefix, conditions = model.asked(batch, questions[rows])
            ids_BT, length_B = model.ids(answers[rows])
            with torch.inference_mode():
                one = answer_log_likelihood(
                    model.net, prefix, ids_BT[:, None], length_B[:, None], conditions, end=False
                )
            found.append(one[:, 0].float().cpu())
            lengths.append(length_B.cpu())
        return torch.cat(found), torch.cat(lengths)
