"""Ends processes while a thread of theirs still holds what they sent: python leaving_run.py COUNT

Prints how many ended in which way; a negative number is a signal.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections import Counter

import torch
import torch.distributed as dist

from unif2ace.strategies.launching import leave_group

NUMBERS = 2**23
"""As many as are still being copied when the interpreter ends, unless the end waits."""


def talk() -> None:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    sys.modules["os"].group = dist.group.WORLD  # outlives its end, as in a cached device mesh
    atexit.register(leave_group)
    x = torch.ones(NUMBERS)
    dist.all_gather([torch.empty_like(x)], x, async_op=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    ended: Counter[int] = Counter()
    for _ in range(int(sys.argv[1])):
        if not (child := os.fork()):
            talk()
            break
        ended[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] += 1
    else:
        print(dict(ended))
