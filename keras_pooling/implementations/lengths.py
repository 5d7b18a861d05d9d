"""Windows that divide the length of each sample: how many it has, where they fall, and
their taps.

The length is the number of steps that a mask leaves, which come first. Knows no
reduction: what pools the taps of one window is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import ArgumentError, Windows, index_dtype
from keras_pooling.implementations.portable.random import (
    central_offset,
    fitting,
    pseudo_random_edges,
    random_order_edges,
    scrambled,
)
from keras_pooling.implementations.portable.spans import Spans, gather, shares, spans_of
from keras_pooling.windows import AdaptiveWindows, FractionalWindows, Regions


def divide(windows: Windows) -> bool:
    """Whether windows divide the length of what they are laid over."""
    if isinstance(windows, AdaptiveWindows):
        return windows.output_size[0] not in (1, None)
    return isinstance(windows, FractionalWindows)


def pool(
    whole: Callable,
    x: Any,
    windows: AdaptiveWindows | FractionalWindows,
    data_format: str,
    mask: Any,
    seed: Any,
) -> Any:
    """Pools the windows of each sample: the taps of each become a sample of their own.

    Args:
        whole: pools such samples; takes a channels_last tensor, one window over its
            steps, the format, and a mask. Gives y, or y and indices.
        x: tensor with one spatial axis.
        windows: with one entry per axis.
        data_format: `"channels_last"` or `"channels_first"`.
        mask: bool tensor `(batch, steps)`.
        seed: as `dispatch.pool` takes it.
    """
    lengths, is_length = _of_samples(mask)
    if data_format == "channels_first":
        x = ops.moveaxis(x, 1, -1)
    batch, size, channels = ops.shape(x)
    per_channel = getattr(windows, "regions_per", "batch") == "channel"
    if per_channel:  # each channel is a sample of its own
        x = ops.reshape(ops.moveaxis(x, -1, 1), (batch * channels, size, 1))
        lengths = ops.repeat(lengths, channels)
    spans = _spans(windows, lengths, size, seed)
    taps, inside = gather(x, 1, spans)
    samples, count, most, width = ops.shape(taps)
    outputs = whole(
        ops.reshape(taps, (samples * count, most, width)),
        AdaptiveWindows((1,)),
        "channels_last",
        ops.reshape(inside, (samples * count, most)),
    )

    def restored(y: Any) -> Any:
        if per_channel:
            y = ops.moveaxis(ops.reshape(y, (batch, channels, count)), 1, -1)
        y = ops.reshape(y, (batch, count, channels))
        if is_length is not None and "float" in str(y.dtype):
            # A program cannot raise: this is as loud as it gets.
            y = ops.where(ops.reshape(is_length, (batch, 1, 1)), y, math.nan)
        return ops.moveaxis(y, -1, 1) if data_format == "channels_first" else y

    if not isinstance(outputs, tuple):
        return restored(outputs)
    y, indices = outputs
    # They are from the first tap of a window on; 0 where there is none.
    first = ops.where(spans.count > 0, spans.first, 0)
    first = ops.reshape(first, (samples * count, 1, 1))
    dtype = index_dtype([size if isinstance(size, int) else None])
    indices = ops.cast(indices, dtype) + ops.cast(first, dtype)
    return restored(y), restored(indices)


def pooled_mask(windows: AdaptiveWindows | FractionalWindows, mask: Any) -> Any:
    """Which windows a sample has: bool tensor `(batch, windows)`."""
    size = ops.shape(mask)[1]
    lengths, _ = _of_samples(mask)
    window = ops.arange(_most_windows(windows, size), dtype="int32")
    return window < ops.expand_dims(_window_counts(windows, lengths, size), 1)


def _of_samples(mask: Any) -> tuple[Any, Any]:
    """The length of each sample, an int32 vector; and whether its steps come first.

    The latter is a bool vector where only a program that is being made will know, else
    None.

    Raises:
        ArgumentError: if a step counts that comes after one that does not.
    """
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
    late = ops.any(mask[:, 1:] & ~mask[:, :-1], axis=1)
    found = known(late)
    if found is None:
        return _asserted(lengths, late), ~late
    if found.any():
        raise ArgumentError(
            "windows that divide the length of a sample need its unmasked steps to "
            "come first, and all padding after them. Received a mask that does "
            f"otherwise in sample {int(found.argmax())}. Pad at the end, for example "
            'with `keras.utils.pad_sequences(…, padding="post")`.'
        )
    return lengths, None


def _most_windows(windows: AdaptiveWindows | FractionalWindows, steps: Any) -> Any:
    """How many windows an input of so many steps has."""
    if isinstance(windows, AdaptiveWindows):
        return windows.output_size[0]
    if not ops.is_tensor(steps):
        return windows.count(0, steps)
    return windows.count(0, ops.cast(steps, "float64"), _floored)


def _window_counts(
    windows: AdaptiveWindows | FractionalWindows, lengths: Any, steps: Any
) -> Any:
    """How many windows each sample has: none without steps, else at least one.

    Args:
        windows: how many for a length.
        lengths: int32 vector.
        steps: how many the longest may have.
    """
    if isinstance(windows, AdaptiveWindows):
        return ops.where(lengths > 0, windows.output_size[0], 0)
    if keras.config.backend() == "jax":
        # Looked up: JAX may not have the float64 that the quotient is defined in.
        sizes = np.arange(steps + 1)
        counts = np.maximum(windows.count(0, sizes, np.floor), 1)
        return ops.take(np.minimum(counts, sizes).astype("int32"), lengths)
    counts = windows.count(0, ops.cast(lengths, "float64"), _floored)
    return ops.minimum(ops.maximum(ops.cast(counts, "int32"), 1), lengths)


def _spans(
    windows: AdaptiveWindows | FractionalWindows, lengths: Any, steps: Any, seed: Any
) -> Spans:
    """The windows of each sample; those that it does not have are empty.

    Args:
        windows: how many, and how they are drawn.
        lengths: int32 vector.
        steps: how many steps the longest may have; int, or scalar tensor.
        seed: as `dispatch.pool` takes it.
    """
    most = _most_windows(windows, steps)
    sizes = ops.expand_dims(lengths, 1)
    if isinstance(windows, AdaptiveWindows):
        first, end = shares(sizes, most, ops.arange(most, dtype="int32"))
        longest = (steps - 1) // most + 2
        return Spans(steps, most, first, end - first, end - first, longest)
    if ops.is_tensor(steps):
        steps, checked = fitting(steps, most)
        most = most if isinstance(most, int) else checked
    counts = ops.maximum(_window_counts(windows, lengths, steps), 1)
    dtype = "int32" if keras.config.backend() == "jax" else "int64"
    sizes = ops.cast(sizes, dtype)
    cut = (ops.maximum(sizes, 1), ops.cast(ops.expand_dims(counts, 1), dtype))
    is_drawn = len(getattr(seed, "shape", ())) == 1
    one_for_all = windows.regions_per == "batch" or not is_drawn
    rows = 1 if one_for_all else ops.shape(lengths)[0]
    if seed is None:
        offset = central_offset(*cut, windows.central)
        edges = pseudo_random_edges(*cut, offset, most)
    elif windows.pseudo_random:
        number = _random(seed, rows, 1) if is_drawn else _fixed(seed, 1)
        edges = pseudo_random_edges(*cut, 1 + ops.cast(number, dtype) % cut[0], most)
    else:
        # A sample with fewer windows has the first in random order among themselves.
        keys = _random(seed, rows, most) if is_drawn else _fixed(seed, most)
        window = ops.arange(most, dtype=dtype)
        keys = ops.where(window < cut[1], keys, 2**31 - 1)
        edges = random_order_edges(*cut, keys)
    edges = ops.minimum(edges, sizes)
    if windows.output_size is None:
        # A sample of c windows is shorter than (c + 1) ratios: of one, than two.
        longest = max(math.ceil(2 * windows.pooling_ratio[0]) - 1, 1)
    else:
        longest = (steps - 1) // most + 1
    longest = longest + windows.overlapping
    regions = Regions((edges,), windows.overlapping, (longest,), "sample")
    return spans_of(regions, 0, steps)


def _fixed(word: Any, columns: Any) -> Any:
    """int32 numbers `(1, columns)` below 2³¹ - 1 that a word stands for."""
    numbers = scrambled(ops.arange(columns, dtype="int32"), word, 0)
    return ops.expand_dims(ops.convert_to_tensor(numbers, "int32"), 0)


def _random(seed: Any, rows: Any, columns: Any) -> Any:
    """Random int32 numbers `(rows, columns)` from 0 to 2³¹ - 2, or rather hashes.

    Each depends on the seed, its row and its column alone: every backend has the same,
    and so does a sample, however long the others are.
    """
    jax = keras.config.backend() == "jax"
    dtype = "uint32" if jax else "int64"  # the former wraps, the latter holds products

    def low(x: Any) -> Any:
        return x if jax else ops.bitwise_and(x, ops.cast(2**32 - 1, dtype))

    def shifted(x: Any, bits: int) -> Any:
        return ops.bitwise_xor(x, ops.bitwise_right_shift(x, ops.cast(bits, dtype)))

    def scrambled(x: Any) -> Any:
        x = low(shifted(low(x), 16) * ops.cast(0x21F0AAAD, dtype))
        return shifted(low(shifted(x, 15) * ops.cast(0xD35A2D97, dtype)), 15)

    words = ops.cast(seed, dtype)
    key = scrambled(scrambled(words[0]) + words[1])
    row = scrambled(key + ops.arange(rows, dtype=dtype))
    number = scrambled(ops.expand_dims(row, 1) + ops.arange(columns, dtype=dtype))
    number = ops.bitwise_right_shift(number, ops.cast(1, dtype))
    return ops.minimum(ops.cast(number, "int32"), 2**31 - 2)


def _floored(quotient: Any) -> Any:
    return ops.cast(ops.floor(quotient), "int32")


def known(x: Any) -> np.ndarray | None:
    """The values; None where only a program that is being made will know them."""
    if keras.config.backend() == "torch":
        import torch

        return None if torch.compiler.is_compiling() else ops.convert_to_numpy(x)
    try:
        return np.asarray(x)
    except (NotImplementedError, TypeError):
        return None


def _asserted(lengths: Any, late: Any) -> Any:
    """The lengths, which a TensorFlow graph refuses where they are none."""
    if keras.config.backend() != "tensorflow":
        return lengths
    import tensorflow as tf

    message = "keras_pooling: the unmasked steps of each sample must come first."
    check = tf.debugging.assert_equal(late, tf.zeros_like(late), message)
    with tf.control_dependencies([check]):
        return tf.identity(lengths)
