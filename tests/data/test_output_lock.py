"""A folder of results has one writer; a dead one leaves it free."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unif2ace.data.output_lock import LOCK, output_lock
from unif2ace.errors import ConfigError

HOLD = """
import multiprocessing, sys, time
from unif2ace.data.output_lock import output_lock
with output_lock(sys.argv[1], "out"):
    if len(sys.argv) > 2:
        multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,)).start()
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path, *more: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder), *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0], "the holder says nothing"
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("workers", [[], ["forked"]])
def test_a_second_writer_is_refused_by_host_and_number_until_the_first_is_dead(tmp_path: Path, workers: list[str]):
    process = _holder(tmp_path, *workers)
    try:
        match = rf"process {process.pid} on {socket.gethostname()}.*run_dir="
        with pytest.raises(ConfigError, match=match), output_lock(tmp_path, "run_dir"):
            pytest.fail("two writers")
        with pytest.raises(ConfigError, match=match), output_lock(tmp_path / "new.png", "run_dir", single=True):
            pytest.fail("an entry of a folder that is held")
        with output_lock(tmp_path / "evaluation", "out"):
            pass  # a folder below is another one
    finally:
        process.kill()
        process.wait()
    for _ in range(50):  # the system may take a moment to close the dead process's files
        try:
            with output_lock(tmp_path, "run_dir"):
                break
        except ConfigError:
            time.sleep(0.1)
    else:
        pytest.fail("the lock of a dead process was not freed")


def test_a_waiting_writer_goes_on_when_the_first_is_dead(tmp_path: Path):
    first = _holder(tmp_path)
    wait = HOLD.replace('"out")', '"out", wait=True)').replace("time.sleep(60)", "")
    second = subprocess.Popen([sys.executable, "-c", wait, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)
    assert second.poll() is None
    first.kill()
    first.wait()
    assert second.communicate(timeout=20)[0] == "held\n"
    assert second.returncode == 0
    assert not (tmp_path / LOCK).exists()


def test_work_called_by_the_holder_and_other_processes_of_the_run_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with output_lock(tmp_path, "out"):
        with output_lock(tmp_path, "out"), output_lock(tmp_path / "sheet.png", "out", single=True):
            pass
        assert (tmp_path / LOCK).is_file()
        monkeypatch.setenv("LOCAL_RANK", "1")
        with output_lock(tmp_path, "run_dir"):
            pass
    assert os.listdir(tmp_path) == []


def test_a_fault_frees_the_folder_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), output_lock(tmp_path / "run", "run_dir"):  # noqa: PT012
        assert (tmp_path / "run" / LOCK).is_file()
        raise ZeroDivisionError
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("single", [False, True])
def test_a_place_that_cannot_be_written_is_named_with_its_key(tmp_path: Path, single: bool):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "out", Path("/proc/nowhere/out")):
        match = rf"^out={place} is not writable .*out="
        with pytest.raises(ConfigError, match=match), output_lock(place, "out", single=single):
            pytest.fail("written")
