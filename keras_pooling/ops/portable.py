"""Pooling composed of keras.ops, for every backend; knows no layer and no C++.

One spatial axis is pooled at a time, the last one first: the first greatest of each
row, then the first greatest of those, is the first in row-major order.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import AdaptiveWindows, SlidingWindows, index_dtype

Windows = SlidingWindows | AdaptiveWindows

# Sliding windows at most this wide are folded slice by slice. It needs less memory than
# gathering their taps, and its gradient does not scatter.
_WIDEST_FOLD = 64


def max_pool(
    x: Any, windows: Windows, data_format: str, return_indices: bool = False
) -> Any:
    """Greatest tap of each window: the first NaN, else the first greatest."""
    axes = _spatial_axes(windows, data_format)
    wide = _widened(x)  # the values fit either; the gradient sums in the wider
    carried = (wide, _flat_positions(x, axes)) if return_indices else (wide,)
    for i, axis in reversed(list(enumerate(axes))):
        spans = _spans(windows, i, ops.shape(x)[axis])
        pool = _fold_max if spans.narrow else _reduce_max
        carried = pool(carried, axis, spans)
    y = ops.cast(carried[0], x.dtype)
    return (y, carried[1]) if return_indices else y


def avg_pool(
    x: Any,
    windows: Windows,
    data_format: str,
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> Any:
    """Sum of each window's taps over their number; halves are summed in float32."""
    total = _widened(x)
    counts = 1
    for i, axis in reversed(list(enumerate(_spatial_axes(windows, data_format)))):
        spans = _spans(windows, i, ops.shape(x)[axis])
        total = _sum(total, axis, spans)
        count = spans.padded_count if count_include_pad else spans.count
        count = ops.cast(ops.convert_to_tensor(count), total.dtype)
        counts = counts * _along(count, axis, len(x.shape))
    return ops.cast(total / (divisor_override or counts), x.dtype)


def _widened(x: Any) -> Any:
    dtype = keras.backend.standardize_dtype(x.dtype)
    return ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x


class _Spans(NamedTuple):
    """The windows of one axis, each clipped to the input.

    Numbers are integers and vectors (one entry per window) are NumPy arrays, unless
    the size is only known when a TensorFlow graph runs: then they are tensors.
    """

    size: Any
    windows: Any  # how many
    before: Any  # padding
    skipped: Any  # vector: taps that fall before the input
    first: Any  # vector: position of the first tap inside
    count: Any  # vector: taps inside
    padded_count: Any  # vector: taps inside the padded input
    stride: int = 0
    step: int = 1  # from tap to tap
    taps: int = 0  # of a whole window
    narrow: bool = False
    whole: bool = False  # one window, which is the axis


def _spans(windows: Windows, i: int, size: Any) -> _Spans:
    static = isinstance(size, int)
    numbers = np if static else ops
    if not static:
        size = ops.cast(size, "int64")
    if isinstance(windows, AdaptiveWindows):
        n = size if windows.output_size[i] is None else windows.output_size[i]
        window = numbers.arange(n, dtype="int64")
        first = window * size // n
        count = -(-(window + 1) * size // n) - first
        whole = windows.output_size[i] == 1
        return _Spans(size, n, 0, 0, first, count, count, whole=whole)
    minimum, maximum = (min, max) if static else (ops.minimum, ops.maximum)
    n, before, after = windows.axis(i, size, minimum, maximum)
    if not static:
        n = _positive_when_run(n)
    taps, stride = windows.pool_size[i], windows.strides[i]
    step = windows.dilation_rate[i]
    start = numbers.arange(n, dtype="int64") * stride - before
    skipped = (numbers.maximum(-start, 0) + step - 1) // step
    first = start + skipped * step
    count = numbers.minimum(taps - skipped, (size - 1 - first) // step + 1)
    padded_count = numbers.minimum(taps, (size + after - 1 - start) // step + 1)
    if not static:
        count = _positive_when_run(count)
    narrow = windows.extents[i] <= _WIDEST_FOLD
    return _Spans(
        size, n, before, skipped, first, count, padded_count, stride, step, taps, narrow
    )


def _positive_when_run(number: Any) -> Any:
    # Only a TensorFlow graph has sizes that are not known while it is made.
    import tensorflow as tf

    message = "keras_pooling: a window does not fit the input. Use a smaller pool_size."
    check = tf.debugging.assert_positive(number, message)
    with tf.control_dependencies([check]):
        return tf.identity(number)


def _slices(x: Any, axis: int, spans: _Spans) -> list[Any]:
    """Tap j of all windows, for each j; zeros where it is not inside."""
    length = (spans.windows - 1) * spans.stride + 1
    after = length + (spans.taps - 1) * spans.step - spans.before - spans.size
    static = isinstance(spans.size, int)
    after = max(after, 0) if static else ops.maximum(after, 0)
    if not static or (spans.before, after) != (0, 0):
        pads = [(0, 0)] * len(x.shape)
        pads[axis] = (spans.before, after)
        x = ops.pad(x, pads)
    leading = (slice(None),) * axis
    firsts = [j * spans.step for j in range(spans.taps)]
    return [x[(*leading, slice(j, j + length, spans.stride))] for j in firsts]


def _gather(x: Any, axis: int, spans: _Spans) -> tuple[Any, Any]:
    """The taps of each window along a new axis after `axis`, and which are inside."""
    numbers = np if isinstance(spans.size, int) else ops
    tap = numbers.arange(numbers.max(spans.count), dtype="int64")
    inside = _along(tap < spans.count[:, None], axis, len(x.shape) + 1)
    if spans.whole:
        return ops.expand_dims(x, axis), inside
    position = spans.first[:, None] + tap * spans.step
    return ops.take(x, numbers.minimum(position, spans.size - 1), axis), inside


def _sum(x: Any, axis: int, spans: _Spans) -> Any:
    if spans.narrow:
        first, *others = _slices(x, axis, spans)
        return sum(others, start=first)
    taps, inside = _gather(x, axis, spans)
    return ops.sum(ops.where(inside, taps, 0), axis=axis + 1)


def _fold_max(carried: tuple, axis: int, spans: _Spans) -> tuple:
    """Pools `carried[0]`; the other tensors follow its choice of taps."""
    taps = zip(*(_slices(tensor, axis, spans) for tensor in carried), strict=True)
    best, found = None, None
    for j, tap in enumerate(taps):
        inside = (spans.skipped <= j) & (j < spans.skipped + spans.count)
        inside = _along(inside, axis, len(tap[0].shape))
        if best is None:
            best, found = tap, inside
            continue
        better = inside & (~found | _beats(tap[0], best[0]))
        best = tuple(ops.where(better, *pair) for pair in zip(tap, best, strict=True))
        found = found | inside
    return best


def _reduce_max(carried: tuple, axis: int, spans: _Spans) -> tuple:
    """As `_fold_max`, by a reduction over gathered taps."""
    x, inside = _gather(carried[0], axis, spans)
    is_nan = (x != x) & inside
    some_nan = ops.any(is_nan, axis=axis + 1, keepdims=True)
    lowest = ops.convert_to_tensor(_lowest(x.dtype), dtype=x.dtype)
    candidates = ops.where(inside & ~is_nan, x, lowest)
    # With an initial value, an empty batch has a maximum too.
    greatest = ops.max(candidates, axis=axis + 1, keepdims=True, initial=lowest)
    chosen = ops.where(some_nan, is_nan, inside & (x == greatest))
    # argmax promises the first of equals on every backend for integers alone.
    first = ops.argmax(ops.cast(chosen, "int32"), axis=axis + 1, keepdims=True)
    taps = (x, *(_gather(tensor, axis, spans)[0] for tensor in carried[1:]))
    return tuple(
        ops.squeeze(ops.take_along_axis(tensor, first, axis=axis + 1), axis + 1)
        for tensor in taps
    )


def _beats(new: Any, best: Any) -> Any:
    return (new > best) | ((new != new) & (best == best))


def _lowest(dtype: Any) -> Any:
    dtype = keras.backend.standardize_dtype(dtype)
    return -math.inf if "float" in dtype else np.iinfo(dtype).min


def _spatial_axes(windows: Windows, data_format: str) -> list[int]:
    first = 1 if data_format == "channels_last" else 2
    return list(range(first, first + windows.rank))


def _along(numbers: Any, axis: int, rank: int) -> Any:
    """Shapes `numbers`, one or two axes of them, to broadcast from `axis` on."""
    numbers = ops.convert_to_tensor(numbers)
    last = axis + len(numbers.shape)
    for _ in range(axis):
        numbers = ops.expand_dims(numbers, 0)
    for _ in range(rank - last):
        numbers = ops.expand_dims(numbers, -1)
    return numbers


def _flat_positions(x: Any, axes: list[int]) -> Any:
    """For each element, its index in the flattened spatial plane."""
    dtype = index_dtype([x.shape[axis] for axis in axes])
    positions = ops.zeros_like(x, dtype=dtype)
    for axis in axes:
        size = ops.shape(x)[axis]
        along = ops.arange(size, dtype=dtype)
        size = ops.cast(ops.convert_to_tensor(size), dtype)
        positions = positions * size + _along(along, axis, len(x.shape))
    return positions
