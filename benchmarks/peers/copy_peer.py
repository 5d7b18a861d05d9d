"""A plain copy that moves as many bytes as the row must: what the memory allows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from row import Row

from peers.prepared import Prepared, Unsupported

VERSIONS = {"numpy": np.__version__}
_threads = 2


def setup(threads: int) -> None:
    """Sets the threads of the copies to come."""
    global _threads
    _threads = threads


def prepare(row: Row, variant: str) -> Prepared:
    """Makes two arrays of half the row's bytes: one is read, one is written."""
    if not row.bytes_moved:
        raise Unsupported("not bound by memory alone")
    source = np.ones(row.bytes_moved // 2, np.uint8)
    target = np.zeros_like(source)
    halves = (np.array_split(array, _threads) for array in (target, source))
    parts = list(zip(*halves, strict=True))
    pool = ThreadPoolExecutor(_threads - 1) if _threads > 1 else None

    def run() -> Any:
        # NumPy copies without Python's lock, so the parts run side by side.
        others = [pool.submit(np.copyto, *part) for part in parts[1:]] if pool else []
        np.copyto(*parts[0])
        return [other.result() for other in others]

    return Prepared(run)
