"""The first thing that a training process does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource, torch
from brickwork.tasks.training import prepare_process
if {prepared}:
    prepare_process()
def work():
    for _ in range(20):
        x = [torch.ones(2 ** 20) for _ in range(8)]
        del x
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(json.dumps([torch.get_num_threads(), after - before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets the allocator of Linux")
def test_one_thread_and_memory_that_is_kept() -> None:
    # Without it pages may or may not be given back: between 0 and 160,000 faults were seen.
    script = SCRIPT.format(prepared=True)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    threads, faults = json.loads(run.stdout)
    assert threads == 1
    pages = 20 * 8 * 2**20 * 4 // 4096  # of all that was allocated
    assert faults < pages / 100
