"""Handlers of signals, which a Trainer replaces while it works."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored_signal_handlers() -> Iterator[None]:
    """Gives a process the signal handlers back that it had before the block, however the block ends.

    Lightning ignores Ctrl-C after an interrupt, and leaves its handlers in place if its clean-up fails. A notebook
    could then no longer be interrupted, nor a process be ended by ``kill``.
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
