"""A run's folder has one writer; a dead one leaves it free."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unif2ace.engine.run_lock import OWNER, run_lock
from unif2ace.errors import ConfigError

HOLD = """
import sys, time
from unif2ace.engine.run_lock import run_lock
with run_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | more)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_refused_by_host_and_number_until_the_first_is_dead(tmp_path: Path):
    process = _holder(tmp_path)
    try:
        match = rf"process {process.pid} on {socket.gethostname()}.*run_dir="
        with pytest.raises(ConfigError, match=match), run_lock(tmp_path):
            pytest.fail("two writers")
    finally:
        process.kill()
        process.wait()
    for _ in range(50):  # the system may take a moment to close the dead process's files
        try:
            with run_lock(tmp_path):
                break
        except ConfigError:
            time.sleep(0.1)
    else:
        pytest.fail("the lock of a dead process was not freed")


def test_other_processes_of_the_same_run_do_not_take_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with run_lock(tmp_path):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with run_lock(tmp_path):
            pass


def test_a_fault_frees_the_folder(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), run_lock(tmp_path / "run"):  # noqa: PT012
        assert (tmp_path / "run" / OWNER).is_file()
        raise ZeroDivisionError
    assert not (tmp_path / "run" / OWNER).exists()
    with run_lock(tmp_path / "run"):
        pass
