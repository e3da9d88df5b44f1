"""Whether the C library gives freed memory back to the system between two runs of what is timed."""

from __future__ import annotations

import ctypes
import platform

__all__ = ["keep_memory"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # <malloc.h>


def keep_memory() -> bool:
    """Have glibc keep what is freed, for this process; whether that could be done.

    By default it gives large blocks back at once and gets fresh ones for the next tensor, page by page, at about the
    cost of the arithmetic. Which blocks count as large depends on what the process freed before: the same action is
    then timed at one of two speeds by chance. Where memory is kept, times are those of the second run in a long row.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
