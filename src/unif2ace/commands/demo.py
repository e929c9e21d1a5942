"""`unif2ace-demo`: a web page to generate, describe and edit faces."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys

from omegaconf import DictConfig

from unif2ace.engine.command import Command, run
from unif2ace.engine.words import Syntax
from unif2ace.errors import ConfigError

log = logging.getLogger(__name__)

APP = "unif2ace-demo"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def demo(config: DictConfig) -> None:
    """Serves the page until Ctrl-C is pressed.

    Raises:
        ConfigError: If gradio is not installed, a limit is out of range, or the port is taken.
        DataError: If the checkpoint cannot be read.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ConfigError("the demo needs the package gradio: pip install 'unif2ace[demo]'")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # gradio else asks its makers for a newer version
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from unif2ace.demo.actions import DemoActions
    from unif2ace.demo.limits import Limits
    from unif2ace.demo.serving import serve
    from unif2ace.inference.pipeline import load

    limits = Limits(**config.limits)
    if config.host not in _LOOPBACK:
        log.warning("host=%s: everyone who can reach this address can use the page, without a login", config.host)
    actions = DemoActions(load(config.ckpt, device=config.device, allow=config.engine.allow), limits)
    try:
        serve(actions, config.host, config.port, config.browser, lambda url: sys.stdout.write(f"{url}\n"))
    finally:
        actions.files.close()


COMMAND = Command(demo, Syntax(APP, "demo"))


def main() -> None:
    """Entry point of the console command."""
    run(COMMAND)


if __name__ == "__main__":
    main()
