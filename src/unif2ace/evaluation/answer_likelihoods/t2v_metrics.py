"""Answer likelihoods of CLIP-FlanT5, LLaVA and other models of the package t2v-metrics, in a separate environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from unif2ace.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

_CHECK = "import t2v_metrics"
_SCRIPT = """
import json, sys
import t2v_metrics
asked = json.load(open(sys.argv[1]))
model = t2v_metrics.VQAScore(model=asked["model"])
scores = []
for picture, question, answer in asked["rows"]:
    one = model(images=[picture], texts=[""], question_template=question, answer_template=answer)
    scores.append(float(one.flatten()[0]))
json.dump(scores, open(sys.argv[2], "w"))
"""
"""t2v-metrics takes templates. The script passes complete questions and answers, without a placeholder."""


class T2VMetricsLikelihood:
    """Implements `AnswerLikelihood` with t2v-metrics (Lin et al., arXiv 2404.01291), run as a subprocess.

    t2v-metrics needs other versions of torch and transformers than this project, hence its own environment. This class
    has not been tested with the real package: try it on a few pictures first.

    Args:
        python: Python interpreter of the environment.
        model: Name of the model in t2v-metrics.
        timeout: Time limit for all pictures of one call, in seconds.

    Attributes:
        name: Name of the model.

    Raises:
        ConfigError: If `python` is not a file, or cannot import t2v-metrics.
    """

    def __init__(self, python: str | None = None, model: str = "clip-flant5-xxl", timeout: float = 86400.0) -> None:
        install = "install t2v-metrics in an environment and set answer_likelihood.python=ENVIRONMENT/bin/python"
        if python is None or not Path(python).is_file():
            raise ConfigError(f"answer_likelihood.python={python}: there is no such interpreter; {install}")
        found = subprocess.run([python, "-c", _CHECK], capture_output=True, text=True, check=False)
        if found.returncode:
            raise ConfigError(f"answer_likelihood.python={python} cannot import t2v_metrics: {install}")
        self._python, self._model, self._timeout = python, model, timeout
        self.name = f"t2v-metrics-{model}"

    def log_likelihood(self, images: Tensor, questions: list[str], answers: list[str]) -> tuple[Tensor, Tensor]:
        """Log of the geometric mean of the answer's token probabilities, and 1 as the number of tokens.

        t2v-metrics returns only this mean, so the answer counts as one token; see `AnswerLikelihood`.

        Raises:
            DataError: If the subprocess fails.
        """
        import torch

        with TemporaryDirectory() as folder:
            files = _write_pictures(images, Path(folder))
            asked, found = Path(folder, "asked.json"), Path(folder, "found.json")
            rows = list(zip(files, questions, answers, strict=True))
            asked.write_text(json.dumps({"model": self._model, "rows": rows}), encoding="utf-8")
            self._run(asked, found)
            scores = torch.tensor(json.loads(found.read_text()), dtype=torch.float64)
        return scores.log(), torch.ones(len(scores), dtype=torch.int64)

    def _run(self, asked: Path, found: Path) -> None:
        command = [self._python, "-c", _SCRIPT, str(asked), str(found)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise DataError(
                f"answer_likelihood.timeout={self._timeout:g} (seconds): t2v-metrics took longer; set a larger value"
            ) from None
        if ended.returncode or not found.is_file():
            last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise DataError(f"t2v-metrics with {self._python} failed: {last}; run it there on one picture")


def _write_pictures(images: Tensor, folder: Path) -> list[str]:
    from PIL import Image

    files = [str(folder / f"{number}.png") for number in range(len(images))]
    for image, file in zip(images, files, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(file)
    return files
