"""The model class for lmms-eval. It can be imported only if lmms-eval is installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from unif2ace.errors import ConfigError
from unif2ace.evaluation.lmms_eval.requests import RequestAnswerer


def __getattr__(name: str) -> Any:
    if name != "Unif2ace":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base: Any = import_module("lmms_eval.api.model").lmms
    return type(name, (_Methods, base), {"is_simple": True, "__doc__": _Methods.__doc__})


class _Methods:
    """A unified model in lmms-eval. ``--model_args`` sets `pretrained` and `device`.

    Args:
        pretrained: ``builtin``, a release folder or a run folder.
        device: Torch device; None for a GPU if there is one.
        batch_size: Passed by lmms-eval and ignored: questions are answered one at a time.
        max_batch_size: Passed by lmms-eval and ignored.
        options: Unknown options.

    Raises:
        ConfigError: If there are unknown options.
    """

    task_dict: Any

    def __init__(
        self,
        pretrained: str = "builtin",
        device: str | None = None,
        batch_size: int | str = 1,
        max_batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if options:
            raise ConfigError(f"--model_args {', '.join(options)}: unknown option; use pretrained and device")
        from unif2ace.inference.pipeline import load

        self._requests = RequestAnswerer(load(pretrained, device=device))

    def generate_until(self, requests: list[Any]) -> list[str]:
        """The answer to each question about a picture."""
        return [self._requests.generate(request.args, self.task_dict) for request in requests]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        """For each continuation: its log-likelihood in nats, and whether the model's own answer starts with it."""
        return [self._requests.likelihood(request.args, self.task_dict) for request in requests]

    def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
        """Not supported: the model answers one question at a time.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("--model unif2ace cannot run tasks of several rounds: choose tasks of a single round")
