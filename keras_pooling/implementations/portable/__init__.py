"""Pooling composed of keras.ops, for every backend; knows no layer and no C++.

Max, average and Lp pool one spatial axis at a time, the last one first: the first
greatest of each row, then the first greatest of those, is the first in row-major order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import Windows
from keras_pooling.implementations.portable import native
from keras_pooling.implementations.portable.native import widened
from keras_pooling.implementations.portable.random import fractional_regions, uniform
from keras_pooling.implementations.portable.spans import (
    Spans,
    along,
    every_tap,
    flat_positions,
    gather,
    is_uneven,
    pick,
    regular,
    slices,
    spans_of,
    spatial_axes,
)

__all__ = ["avg_pool", "fractional_regions", "lp_pool", "max_pool", "stochastic_pool"]


def max_pool(
    x: Any, windows: Windows, data_format: str, return_indices: bool = False
) -> Any:
    """Greatest tap of each window: the first NaN, else the first greatest."""
    windows = regular(windows, x, data_format)

    def pool(x: Any, data_format: str) -> Any:
        axes = spatial_axes(windows, data_format)
        wide = widened(x)  # the values fit either; the gradient sums in the wider
        carried = (wide, flat_positions(x, axes)) if return_indices else (wide,)
        shape, is_flat = ops.shape(x), False
        for i, axis in reversed(list(enumerate(axes))):
            spans = spans_of(windows, i, shape[axis])
            if spans.narrow or spans.per_sample:
                reduce = _fold_max if spans.narrow else _reduce_max
                carried = _shaped(carried, shape) if is_flat else carried
                carried, is_flat = reduce(carried, axis, spans), False
            else:
                # One axis before and one after: LiteRT aborts where a mask repeats
                # along more. One reshaping a time: tf2onnx makes mistakes of two.
                flat = (
                    math.prod(shape[:axis]),
                    shape[axis],
                    math.prod(shape[axis + 1 :]),
                )
                carried, is_flat = _reduce_max(_shaped(carried, flat), 1, spans), True
            shape = (*shape[:axis], spans.windows, *shape[axis + 1 :])
        carried = _shaped(carried, shape) if is_flat else carried
        y = ops.cast(carried[0], x.dtype)
        return (y, carried[1]) if return_indices else y

    composed = functools.partial(
        _by_rows, pool, windows=windows, data_format=data_format
    )
    if return_indices:
        return composed(x)
    return native.pool("max", x, windows, data_format, composed)


def avg_pool(
    x: Any,
    windows: Windows,
    data_format: str,
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> Any:
    """Sum of each window's taps over their number; halves are summed in float32."""
    windows = regular(windows, x, data_format)

    def pool(x: Any, data_format: str) -> Any:
        total, counts = _sum(widened(x), windows, data_format, count_include_pad)
        return ops.cast(total / (divisor_override or counts), x.dtype)

    composed = functools.partial(
        _by_rows, pool, windows=windows, data_format=data_format
    )
    if divisor_override or count_include_pad:
        return composed(x)
    return native.pool("average", x, windows, data_format, composed)


def lp_pool(
    x: Any, windows: Windows, data_format: str, p: float, normalize: bool
) -> Any:
    """`(Σ |x|^p)^(1/p)`, or of the mean; its slope is 0 where it or x is 0."""

    def pool(x: Any, data_format: str) -> Any:
        powers = _power(widened(x), p)
        total, counts = _sum(powers, windows, data_format)
        return ops.cast(_root(total / counts if normalize else total, p), x.dtype)

    return _by_rows(pool, x, windows, data_format)


def stochastic_pool(x: Any, windows: Windows, data_format: str, seed: Any) -> Any:
    """A tap drawn by weight max(x, 0), or without a seed the expectation of that."""

    def pool(x: Any, data_format: str) -> Any:
        taps, inside = every_tap(widened(x), windows, data_format)
        if seed is None:
            return ops.cast(_expected_tap(taps, inside), x.dtype)
        return ops.cast(_drawn_tap(taps, inside, seed), x.dtype)

    return _by_rows(pool, x, windows, data_format)


def _by_rows(pool: Callable, x: Any, windows: Windows, data_format: str) -> Any:
    """Pools; regions of each channel are those of a sample that has one channel."""
    if is_uneven(windows) and data_format == "channels_first":
        # Taps are gathered several times as fast where channels lie behind them.
        outputs = pool(ops.moveaxis(x, 1, -1), data_format="channels_last")
        return keras.tree.map_structure(lambda y: ops.moveaxis(y, -1, 1), outputs)
    if getattr(windows, "regions_per", "batch") != "channel":
        return pool(x, data_format)
    if data_format == "channels_last":
        x = ops.moveaxis(x, -1, 1)
    batch, channels, *sizes = ops.shape(x)
    outputs = pool(
        ops.reshape(x, (batch * channels, 1, *sizes)), data_format="channels_first"
    )

    def restore(y: Any) -> Any:
        y = ops.reshape(y, (batch, channels, *ops.shape(y)[2:]))
        return ops.moveaxis(y, 1, -1) if data_format == "channels_last" else y

    return keras.tree.map_structure(restore, outputs)


def _sum(
    x: Any, windows: Windows, data_format: str, count_include_pad: bool = False
) -> tuple[Any, Any]:
    """Sum of each window's taps, and their number."""
    rank, counts = len(x.shape), 1
    for i, axis in reversed(list(enumerate(spatial_axes(windows, data_format)))):
        spans = spans_of(windows, i, ops.shape(x)[axis])
        if spans.narrow:
            first, *others = slices(x, axis, spans)
            x = sum(others, start=first)
        elif spans.whole:
            x = ops.sum(x, axis=axis, keepdims=True)
        else:
            taps, inside = gather(x, axis, spans)
            x = ops.sum(ops.where(inside, taps, 0), axis=axis + 1)
        count = spans.padded_count if count_include_pad else spans.count
        count = ops.cast(ops.convert_to_tensor(count), x.dtype)
        counts = counts * along(count, axis, rank, spans.per_sample)
    return x, counts


def _fold_max(carried: tuple, axis: int, spans: Spans) -> tuple:
    """Pools `carried[0]`; the other tensors follow its choice of taps."""
    taps = zip(*(slices(tensor, axis, spans) for tensor in carried), strict=True)
    best, found = None, None
    for j, tap in enumerate(taps):
        inside = (spans.skipped <= j) & (j < spans.skipped + spans.count)
        inside = along(inside, axis, len(tap[0].shape))
        if best is None:
            best, found = tap, inside
            continue
        better = inside & (~found | _beats(tap[0], best[0]))
        best = tuple(ops.where(better, *pair) for pair in zip(tap, best, strict=True))
        found = found | inside
    return best


def _shaped(carried: tuple, shape: tuple) -> tuple:
    return tuple(ops.reshape(tensor, shape) for tensor in carried)


def _reduce_max(carried: tuple, axis: int, spans: Spans) -> tuple:
    """As `_fold_max`, by a reduction over gathered taps."""
    x, inside = gather(carried[0], axis, spans)
    is_nan, greatest = _greatest(x, inside, axis + 1)
    some_nan = ops.any(is_nan, axis=axis + 1, keepdims=True)
    chosen = is_nan | (~some_nan & inside & (x == greatest))
    # argmax promises the first of equals on every backend for integers alone.
    first = ops.argmax(ops.cast(chosen, "int32"), axis=axis + 1, keepdims=True)
    taps = (x, *(gather(tensor, axis, spans)[0] for tensor in carried[1:]))
    return tuple(pick(tensor, first, axis + 1) for tensor in taps)


def _greatest(taps: Any, inside: Any, axis: int) -> tuple[Any, Any]:
    """Which taps are NaN, and the greatest of the others."""
    is_nan = (taps != taps) & inside
    lowest = ops.convert_to_tensor(_lowest(taps.dtype), dtype=taps.dtype)
    numbers = ops.where(inside & ~is_nan, taps, lowest)
    # With an initial value, an empty batch has a maximum too.
    return is_nan, ops.max(numbers, axis=axis, keepdims=True, initial=lowest)


def _beats(new: Any, best: Any) -> Any:
    return (new > best) | ((new != new) & (best == best))


def _lowest(dtype: Any) -> Any:
    dtype = keras.backend.standardize_dtype(dtype)
    return -math.inf if "float" in dtype else np.iinfo(dtype).min


# A power has no slope at 0, or an infinite one, where its exponent is at most 1, and in
# a gradient of a gradient at higher ones too. There the branch that is not taken must
# see another number than 0, since 0 times its infinite slope would be NaN.


def _power(x: Any, p: float) -> Any:
    """`|x|^p`, with slope 0 at 0."""
    if p == 1:
        return ops.abs(x)
    if p == 2:
        return x * x
    nonzero = x != 0
    return ops.where(nonzero, ops.abs(ops.where(nonzero, x, 1)) ** p, 0)


def _root(x: Any, p: float) -> Any:
    """`x^(1/p)` of x >= 0, with slope 0 at 0."""
    if p == 1:
        return x
    nonzero = x != 0
    x = ops.where(nonzero, x, 1)
    return ops.where(nonzero, ops.sqrt(x) if p == 2 else x ** (1 / p), 0)


def _weights(taps: Any, inside: Any) -> Any:
    """What each tap weighs among those of its window, on the last axis.

    max(x, 0) in units of the greatest; all 1 if none is above 0; with +inf, 1 for each
    +inf; with NaN, 1 for the first.
    """
    is_nan, greatest = _greatest(taps, inside, axis=-1)
    greatest = ops.stop_gradient(greatest)  # the unit does not change the shares
    plain = (greatest > 0) & (greatest < math.inf)
    above = inside & (taps > 0) & plain
    weights = ops.where(above, taps, 0) / ops.where(plain, greatest, 1)
    one = ops.ones_like(weights)
    weights = ops.where(greatest > 0, weights, one)
    weights = ops.where(
        greatest == math.inf, ops.where(taps == math.inf, one, 0), weights
    )
    nans = ops.cumsum(ops.cast(is_nan, "int32"), axis=-1)
    is_first_nan = is_nan & (nans == 1)
    weights = ops.where(nans[..., -1:] > 0, ops.where(is_first_nan, one, 0), weights)
    return ops.where(inside, weights, 0)


def _expected_tap(taps: Any, inside: Any) -> Any:
    weights = _weights(taps, inside)
    shares = weights / ops.sum(weights, axis=-1, keepdims=True)
    # A tap of no weight has no share, even if it is infinite.
    return ops.sum(shares * ops.where(weights > 0, taps, 0), axis=-1)


def _drawn_tap(taps: Any, inside: Any, seed: Any) -> Any:
    weights = _weights(ops.stop_gradient(taps), inside)
    running = ops.cumsum(weights, axis=-1)
    number = uniform((*ops.shape(taps)[:-1], 1), weights.dtype, seed)
    possible = weights > 0
    passed = possible & (running > number * running[..., -1:])
    # The first that passed; if rounding lets none, the first that is possible.
    score = ops.cast(possible, "int32") + ops.cast(passed, "int32")
    drawn = ops.argmax(score, axis=-1, keepdims=True)
    return pick(taps, drawn, len(taps.shape) - 1)
