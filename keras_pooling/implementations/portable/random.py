"""Fractional regions: drawn by keras.random, fixed or central. Uniform numbers.

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
        rows: int or scalar tensor.
        seed: tensor of two integers.
        pseudo_random: whether the edges are a regular grid from a random offset, or
            the gaps between them are in random order.
        axis: which axis; each draws for itself from the same seed.

    Returns:
        Integer tensor `(rows, count + 1)` whose rows ascend from 0 to `size` by
        `floor(size / count)` or one more.
    """
    size, count = fitting(size, count)
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


def central_offset(size: Any, count: Any, central: str) -> Any:
    """The offset of `pseudo_random_edges` that `central_regions` speak of."""
    return quotient((count if central == "nearest" else size) + 1, 2)


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


def central_regions(size: Any, count: Any, central: str) -> Any:
    """Edges of one axis that are not drawn, as `fractional_regions` returns them.

    Args:
        size: int or scalar int64 tensor, the length of the axis.
        count: int or scalar int64 tensor, from 1 to `size`.
        central: `"nearest"`: edge i is the integer nearest to `size / count * i`, the
            lower one of two, which u = count / (2 size) gives. `"half"`: u = 1/2.
    """
    size, count = fitting(size, count)
    offset = central_offset(size, count, central)
    numbers = np if _are_ints(size, count) else ops
    offset = offset + numbers.zeros((1, 1), "int64")
    return ops.cast(pseudo_random_edges(size, count, offset), _integer())


def fixed_regions(
    size: Any, count: Any, word: Any, pseudo_random: bool, axis: int
) -> Any:
    """The edges of one axis that a word stands for, as `fractional_regions` returns.

    Other arithmetic than that of all draws, so that no draw is tied to them, and the
    same on every backend, device and path: exported graphs have these operations too.

    Args:
        size: int or scalar int64 tensor, the length of the axis.
        count: int or scalar int64 tensor, from 1 to `size`.
        word: int or scalar tensor, from 0 to 2³² − 1.
        pseudo_random: whether the edges are a regular grid from an offset, or the gaps
            between them are in some order; each about as often, over all words.
        axis: which axis; each has edges of its own for the same word.
    """
    gaps = count
    size, count = fitting(size, count)
    if pseudo_random:
        offset = scrambled(0, word, axis)
        if _are_ints(size, count, word):
            offset = np.array([[1 + offset % size]])
        else:
            offset = 1 + ops.cast(_remainder(offset, size), _integer())
        return ops.cast(pseudo_random_edges(size, count, offset), _integer())
    numbers = np if _are_ints(gaps, word) else ops
    index = numbers.arange(gaps, dtype="int32")
    order = numbers.argsort(scrambled(index, word, axis))[None]
    if not isinstance(size, int):
        order = ops.convert_to_tensor(order, dtype="int32")
    longer = size % count
    longer = ops.cast(longer, order.dtype) if ops.is_tensor(longer) else longer
    return ops.cast(_edges(quotient(size, count), order < longer), _integer())


def _remainder(number: Any, size: Any) -> Any:
    """`number % size` of an int or tensor below 2³¹, as a tensor `(1, 1)`.

    Eight bits of an int at a time: OpenVINO divides integers as float32, which hold 24.
    """
    size = ops.cast(size, "int32") if ops.is_tensor(size) else size
    parts = [number]
    if isinstance(number, int):
        parts = [number >> shift & 255 for shift in (24, 16, 8, 0)]
    rest = 0
    for part in parts:
        part = ops.reshape(ops.convert_to_tensor(part, "int32"), (1, 1))
        rest = (rest * 256 + part) % size
    return rest


def scrambled(index: Any, word: Any, axis: int) -> Any:
    """Integers below 46337² that look random: for each index another one.

    A Feistel cipher: four rounds mix the halves of the index, which are residues of a
    prime, with the word. In 32 bits, as exported graphs and JAX calculate: the square
    of a residue is below 2³¹.
    """
    prime, other = 46337, 46327
    # Words whose residues differ by these steps are none that a user is likely to take.
    keys = (word % prime + axis * 20011, word % other + axis * 12007)
    if ops.is_tensor(word):
        keys = tuple(ops.cast(key, "int32") for key in keys)
    high, low = index // prime, index % prime
    for key in keys * 2:
        mixed = (low + key) % prime
        high, low = low, (high + mixed * mixed % prime * mixed) % prime
    return high * prime + low


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
    known = isinstance(offset, np.ndarray)
    # Where the sizes are known, JAX needs NumPy for products of more than 32 bits.
    in_numpy = known or (keras.config.backend() == "jax" and _are_ints(size, count))
    part = size % count
    # What `size · i` adds to the whole steps, for the gap that ends at edge i. Nothing
    # that is divided is below 0: exported graphs may truncate where others floor.
    dtype = "int64" if in_numpy else _integer()
    last = count if gaps is None else gaps
    gap = (np if in_numpy else ops).arange(1, last + 1, dtype=dtype)
    steps = gap * (ops.cast(part, dtype) if ops.is_tensor(part) else part) % count
    if not known:
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


def _are_ints(*numbers: Any) -> bool:
    return all(isinstance(number, int) for number in numbers)


def fitting(size: Any, count: Any) -> tuple[Any, Any]:
    """Both numbers, which a graph refuses where an axis is too short."""
    if _are_ints(size, count) or keras.config.backend() != "tensorflow":
        return size, count
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
