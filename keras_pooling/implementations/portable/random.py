"""Draws made by keras.random: uniform numbers and fractional regions.

Knows nothing of the tensors that are pooled.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling.implementations.portable.spans import quotient


class _Given(keras.random.SeedGenerator):
    """A seed that was drawn already: what keras.random takes is a generator."""

    def __init__(self, seed: Any):
        self._seed = seed

    def next(self, ordered: bool = True) -> Any:
        return self._seed


def uniform(shape: tuple, dtype: Any, seed: Any) -> Any:
    """Uniform numbers in [0, 1)."""
    dtype = keras.backend.standardize_dtype(dtype)
    return keras.random.uniform(shape, dtype=dtype, seed=_Given(seed))


def fractional_regions(
    size: Any, count: Any, rows: Any, seed: Any, pseudo_random: bool, axis: int
) -> Any:
    """Draws the edges of `count` regions of one axis, `rows` times.

    Args:
        size: int or scalar int64 tensor, the length of the axis.
        count: int or scalar int64 tensor, from 1 to `size`.
        rows: int or scalar tensor; 1 without a seed.
        seed: tensor of two integers. None: the middle of what pseudo-random edges can
            be.
        pseudo_random: whether the edges are a regular grid from a random offset, or
            the gaps between them are in random order.
        axis: which axis; each draws for itself from the same seed.

    Returns:
        Integer tensor `(rows, count + 1)` whose rows ascend from 0 to `size` by
        `floor(size / count)` or one more.
    """
    static = isinstance(size, int) and isinstance(count, int)
    if not static and keras.config.backend() == "tensorflow":
        size, count = regions_fitting_when_run(size, count)
    if seed is None:
        offset = central_offset(size, count)
        offset = offset + (np if static else ops).zeros((1, 1), "int64")
        return ops.cast(pseudo_random_edges(size, count, offset), _integer())
    # A constant per axis that no two seeds a user is likely to take differ by.
    axis_words = [(axis + 1) * 0x2545F491 % 2**31, 0]
    dtype = keras.backend.standardize_dtype(seed.dtype)
    seed = _Given(ops.bitwise_xor(seed, ops.convert_to_tensor(axis_words, dtype)))
    if pseudo_random:
        # The ceiling of size · u, u uniform in (0, 1]: each of 1 … size as often.
        offset = keras.random.randint((rows, 1), 1, size + 1, _integer(), seed)
        return pseudo_random_edges(size, count, offset)
    keys = keras.random.randint((rows, count), 0, 2**31 - 1, "int32", seed)
    return random_order_edges(size, count, keys)


def central_offset(size: Any, count: Any) -> Any:
    """The offset of `pseudo_random_edges` in the middle of what can be drawn."""
    return quotient(size + 1, 2)


def random_order_edges(size: Any, count: Any, keys: Any) -> Any:
    """Edges whose longer gaps are where random keys have their least in order.

    Args:
        size: integer, or tensor that broadcasts to the keys.
        count: integer, or tensor that broadcasts to the keys.
        keys: tensor `(rows, gaps)`; the gaps after the first `count` have the greatest.
    """
    # Where a uniformly random permutation puts the first of all gaps, the longer ones.
    order = ops.argsort(keys)
    return _edges(quotient(size, count), order < ops.cast(size % count, order.dtype))


def pseudo_random_edges(size: Any, count: Any, offset: Any, gaps: Any = None) -> Any:
    """Edge i is `ceil((size · i + offset) / count) - ceil(offset / count)`.

    With offset = ceil(size · u) these are the ceilings of a grid of step size / count
    that u moves. In integers all gaps are floor(size / count) or one more, the first
    edge is 0 and the last is size, for every offset from 1 to size.

    Args:
        size: int, scalar int64 tensor, or integer tensor `(samples, 1)`.
        count: int, scalar int64 tensor, or integer tensor `(samples, 1)`.
        offset: integer array or tensor `(rows, 1)`.
        gaps: how many gaps to give edges of, where it is not `count`.
    """
    static = isinstance(size, int) and isinstance(count, int)
    part = size % count
    # What `size · i` adds to the whole steps, for the gap that ends at edge i. Nothing
    # that is divided is below 0: exported graphs may truncate where others floor.
    dtype = "int64" if static else _integer()
    last = count if gaps is None else gaps
    gap = (np if static else ops).arange(1, last + 1, dtype=dtype)
    steps = gap * (ops.cast(part, dtype) if ops.is_tensor(part) else part) % count
    if not isinstance(offset, np.ndarray):
        steps = ops.cast(steps, keras.backend.standardize_dtype(offset.dtype))
        part = ops.cast(part, steps.dtype) if ops.is_tensor(part) else part
    longer = (steps + (offset - 1) % count) % count < part
    return _edges(quotient(size, count), longer)


def _edges(least: Any, longer: Any) -> Any:
    """Edges of regions of the least length, of which some are longer by one."""
    if isinstance(longer, np.ndarray):
        edges = np.cumsum(longer + np.int64(least), axis=-1)
        return np.pad(edges, [(0, 0), (1, 0)])
    least = ops.cast(least, _integer()) if ops.is_tensor(least) else least
    edges = ops.cumsum(ops.cast(longer, _integer()) + least, axis=-1)
    return ops.pad(edges, [(0, 0), (1, 0)])


def _integer() -> str:
    """The widest integer that the backend has in any configuration."""
    return "int32" if keras.config.backend() == "jax" else "int64"


def regions_fitting_when_run(size: Any, count: Any) -> tuple[Any, Any]:
    """Size and count, which a TensorFlow graph refuses where a region is empty."""
    # Only a TensorFlow graph has sizes that are not known while it is made.
    import tensorflow as tf

    size, count = tf.cast(size, tf.int64), tf.cast(count, tf.int64)
    message = "keras_pooling: an axis must have at least as many elements as regions."
    checks = [
        tf.debugging.assert_positive(count, message),
        tf.debugging.assert_less_equal(count, size, message),
    ]
    with tf.control_dependencies([check for check in checks if check is not None]):
        return tf.identity(size), tf.identity(count)
