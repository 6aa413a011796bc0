"""Memory that is freed and soon needed again."""

import ctypes
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
KEPT = 2**30  # bytes


@cache
def keep_freed_memory() -> None:
    """Let glibc keep what a pass through a network frees for the next one; of no effect elsewhere.

    Else the system takes large tensors back and clears their pages anew: 10 to 15 % of a training
    step, and of a forward pass of 64 photographs through SqueezeNet 25 of 30 ms of CPU an image.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(MMAP_THRESHOLD, KEPT)
    mallopt(TRIM_THRESHOLD, KEPT)
