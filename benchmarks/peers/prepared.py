"""What a peer's module gives the worker, and the data it measures on; no framework."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from row import LEARNED_POOLS, MODELS, Row


class Unsupported(Exception):
    """A peer has no such pool; its text says what is missing."""


@dataclass
class Prepared:
    """A row, ready to be measured.

    Attributes:
        run: the measured call; it returns when its results are there.
        results: turns what `run` returns into NumPy arrays of the first call's output
            and, in training, input gradient; None where there is nothing to compare.
        measured: what was measured while preparing, where that is all (peak memory).
    """

    run: Callable[[], Any]
    results: Callable[[Any], list[np.ndarray]] | None = None
    measured: float | None = None


def no_models(row: Row) -> None:
    """Raises for whole models."""
    if row.kind in MODELS:
        raise Unsupported("hosts.py compares whole models on every backend")


def inputs(row: Row) -> list[np.ndarray]:
    """Returns the row's inputs, channels last, the same in every process."""
    generator = np.random.default_rng(0)
    return [_random(generator, row.shape, row.dtype) for _ in range(row.calls)]


def gradients(row: Row) -> list[np.ndarray]:
    """Returns what flows back into each output, channels last."""
    generator = np.random.default_rng(1)
    shape = row.output_shape
    return [_random(generator, shape, row.dtype) for _ in range(row.calls)]


def parameters(row: Row) -> list[np.ndarray]:
    """Returns the parameter that the row's pool learns, in a list, or an empty list."""
    known = row.kind in LEARNED_POOLS
    return [np.asarray(LEARNED_POOLS[row.kind], row.dtype)] if known else []


def indices(row: Row) -> np.ndarray:
    """Returns where each value of an unpool goes in its plane, channels last.

    To some tap of its window, as those of a pool. One array for all of a call's inputs.
    """
    generator = np.random.default_rng(2)
    places = np.zeros(row.shape, np.int64)
    for axis, (count, size) in enumerate(
        zip(row.spatial, row.output_spatial, strict=True), start=1
    ):
        first = np.arange(count) * row.step
        first = first.reshape([-1 if a == axis else 1 for a in range(places.ndim)])
        tap = generator.integers(0, int(row.pool_size), row.shape)
        places = places * size + first + tap
    return places


def channels_first(x: np.ndarray) -> np.ndarray:
    """Returns a contiguous copy with the channels after the batch."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def given(row: Row, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Returns the arrays in the row's layout."""
    if row.layout == "channels_last":
        return arrays
    return [channels_first(array) for array in arrays]


def summary(results: list[np.ndarray]) -> list[float]:
    """Returns numbers that are equal for equal results in whatever layout."""
    numbers = []
    for array in results:
        array = np.asarray(array).astype(np.float64)
        numbers += [array.mean(), np.square(array).mean()]
    return [float(number) for number in numbers]


def only(row: Row, *, kinds: tuple[str, ...], dtypes: tuple[str, ...] = ()) -> None:
    """Raises `Unsupported` unless the row is of one of these kinds and dtypes."""
    if row.kind not in kinds:
        raise Unsupported(f"no {row.kind} pooling")
    if dtypes and row.dtype not in dtypes:
        raise Unsupported(f"no {row.dtype}")


def channels_last_only(row: Row) -> None:
    """Raises `Unsupported` in a channels_first row."""
    if row.layout != "channels_last":
        raise Unsupported(f"channels_last only, as in {row.against}")


def forward_only(row: Row) -> None:
    """Raises `Unsupported` in training."""
    if row.mode != "forward":
        raise Unsupported("an inference runtime: forward only")


def _random(generator: np.random.Generator, shape: tuple, dtype: str) -> np.ndarray:
    if dtype == "int8":
        data = np.frombuffer(generator.bytes(math.prod(shape)), np.int8)
        return data.reshape(shape).copy()
    x = generator.random(shape, np.float32) * 2 - 1
    if dtype == "bfloat16":
        import ml_dtypes

        return x.astype(ml_dtypes.bfloat16)
    return x.astype(dtype)
