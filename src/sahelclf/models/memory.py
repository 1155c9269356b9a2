"""Memory that a training has freed goes back to the system: glibc keeps it, and batches of other lengths leave holes of gigabytes in it."""

import ctypes
import sys
from typing import Any

M_MMAP_THRESHOLD, LARGE_BLOCK = (
    -3,
    8 << 20,
)  # smaller ones are given back only to be asked for again


def return_large_blocks() -> None:
    """Have blocks of eight megabytes and more given back as soon as they are freed."""
    if hasattr(_allocator(), "mallopt"):
        _allocator().mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def return_free_pages() -> None:
    """Give back what is free now, in the holes too; some 30 ms."""
    if hasattr(_allocator(), "malloc_trim"):
        _allocator().malloc_trim(0)


def _allocator() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
