"""What a process that trains does first."""

from __future__ import annotations

import ctypes
import sys

import torch

__all__ = ["prepare_process"]

# From glibc's malloc.h.
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_THRESHOLD = -3


def prepare_process() -> None:
    """One thread, and memory that is kept once it was got from the system.

    Several threads make small networks slower, and much slower on a busy machine. Activations of a
    megabyte or so are given back to the system and got anew in every step by default, which took a
    quarter of the time of a training on 28x28 images. The price is that a process stays as large as
    it ever was, so this is for workers, not for a user's session.
    """
    torch.set_num_threads(1)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc; musl has none
            libc.mallopt(_MMAP_THRESHOLD, 2**30)
            libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
            libc.mallopt(_TOP_PAD, 2**26)
