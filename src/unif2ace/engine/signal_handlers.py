"""Restores the signal handlers that a Trainer replaces."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored_signal_handlers() -> Iterator[None]:
    """Restores the signal handlers of the process after the block, even after an exception.

    Lightning ignores Ctrl-C after an interrupt, and keeps its handlers if its clean-up fails. Without this function a
    notebook would then ignore Ctrl-C, and a process would ignore ``kill``.
    """
    if threading.current_thread() is not threading.main_thread():  # other threads cannot set handlers
        yield
        return
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
