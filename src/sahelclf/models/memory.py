"""Return freed memory to the system: glibc keeps it, in gigabytes when batch lengths vary."""

import ctypes
import sys
from typing import Any

M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 8 << 20  # smaller blocks are used again soon


def return_large_blocks() -> None:
    """From now on, return blocks of 8 MB and more as soon as they are freed."""
    if hasattr(_allocator(), "mallopt"):
        _allocator().mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def return_free_pages() -> None:
    """Return all memory that is free now; takes about 30 ms."""
    if hasattr(_allocator(), "malloc_trim"):
        _allocator().malloc_trim(0)


def _allocator() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
