"""One base seed, and a seed of its own for each purpose."""

import hashlib


def derive_seed(base: int, purpose: str) -> int:
    """A 32-bit seed that depends on both; pinned by a test, so that results stay what they were."""
    return int.from_bytes(hashlib.sha256(f"{base}:{purpose}".encode()).digest()[:4], "big")
