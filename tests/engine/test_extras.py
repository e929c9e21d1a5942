"""What a training command does besides its work."""

from __future__ import annotations

import io
import warnings

from rich.console import Console

from unif2ace.engine import compose
from unif2ace.engine.extras import apply_extras
from unif2ace.engine.hyperparameters import hyperparameters


def test_the_configuration_is_printed_as_a_tree():
    config = compose("train", ["extras.print_config=true", "optimizer.lr=0.037"])
    console = Console(file=io.StringIO(), width=100)
    apply_extras(config, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "optimizer" in text
    assert "lr: 0.037" in text


def test_warnings_are_hidden_where_it_is_wished():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        apply_extras(compose("train"))
        warnings.warn("shown", stacklevel=1)
        apply_extras(compose("train", ["extras.ignore_warnings=true"]))
        warnings.warn("hidden", stacklevel=1)
    assert [str(w.message) for w in seen] == ["shown"]


def test_tags_reach_loggers():
    config = compose("train", ["tags=[baseline,seed study]", "logger=wandb"])
    assert hyperparameters(config)["tags"] == "['baseline', 'seed study']"
    assert list(config.logger.wandb.tags) == ["baseline", "seed study"]
