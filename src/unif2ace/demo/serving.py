"""Serves the demo page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unif2ace.demo.actions import DemoActions
from unif2ace.errors import ConfigError


def launch(actions: DemoActions, host: str = "127.0.0.1", port: int | None = None, browser: bool = False) -> Any:
    """Starts the page in a thread, and returns the page and its address.

    Args:
        actions: The actions of the page.
        host: Address to listen on.
        port: Port; None for the first free port from 7860.
        browser: Whether to open the page in a browser.

    Raises:
        ConfigError: If the address or port cannot be used.
    """
    from unif2ace.demo.page import CSS, build

    page = build(actions)
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=int(actions.limits.file_mb * 1e6),
            allowed_paths=[str(actions.files.folder)],
            ssr_mode=False,
            mcp_server=False,
            footer_links=[],
            css=CSS,
        )
    except OSError as error:
        raise ConfigError(f"host={host} port={port} cannot be used ({error}): set another port=...") from error
    return page, url


def serve(actions: DemoActions, host: str, port: int | None, browser: bool, ready: Callable[[str], object]) -> None:
    """Serves the page until the process is interrupted.

    Args:
        actions: The actions of the page.
        host: Address to listen on.
        port: Port; None for the first free port from 7860.
        browser: Whether to open the page in a browser.
        ready: Called with the address when the page is available.

    Raises:
        ConfigError: If the address or port cannot be used.
    """
    page, url = launch(actions, host, port, browser)
    ready(url)
    try:
        page.block_thread()
    finally:
        page.close()
