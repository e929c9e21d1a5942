"""Settings of all tests: no hub, one thread per process, no wait for the disk; signals stay as a test found them."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# without bytecode files, every process that a test starts compiles all modules again
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

os.fsync = os.fstat
"""Does not wait for the disk: what tests kill is a process, and the system keeps what a dead process has written."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


def pytest_collection_finish() -> None:
    """Leaves what is imported by now, a million objects, out of later collections of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _signals_are_handled_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    changed = [number.name for number in SIGNALS if signal.getsignal(number) != before[number]]
    for number in SIGNALS:
        if before[number] is not None:  # set by Python
            signal.signal(number, before[number])
    assert not changed, f"the test left other handlers of {', '.join(changed)}"
