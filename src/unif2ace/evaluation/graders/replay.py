"""A grader that reads recorded replies and needs no model."""

from __future__ import annotations

from unif2ace.errors import ConfigError
from unif2ace.evaluation.graders.language_model import LanguageModelGrader
from unif2ace.language_models import Recorded


class ReplayGrader(LanguageModelGrader):
    """Reads the scores from replies that a `LanguageModelGrader` recorded in its cache file.

    Args:
        file: File of recorded replies, such as ``OUT/grades.jsonl``.
        model: Name of the model that was recorded; None if the file holds only one.
        max_tokens: Maximum length of a reply in tokens; the same value as in the recording.

    Raises:
        ConfigError: If no file is given.
    """

    def __init__(self, file: str | None = None, model: str | None = None, max_tokens: int = 256) -> None:
        if file is None:
            raise ConfigError("grader=replay needs the file of recorded replies: set grader.file=OUT/grades.jsonl")
        super().__init__(Recorded(file=file, model=model), max_tokens=max_tokens)
