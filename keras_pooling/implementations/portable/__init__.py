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
from keras_pooling.implementations.portable.random import (
    central_regions,
    fixed_regions,
    fractional_regions,
    uniform,
)
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
from keras_pooling.implementations.portable.unpool import max_unpool

__all__ = [
    "avg_pool",
    "central_regions",
    "fixed_regions",
    "fractional_regions",
    "gem_pool",
    "lp_pool",
    "max_pool",
    "max_unpool",
    "median_pool",
    "min_pool",
    "mixed_pool",
    "soft_pool",
    "stochastic_pool",
]


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


def gem_pool(
    x: Any,
    windows: Windows,
    data_format: str,
    p: Any,
    epsilon: float,
    valid: Any = None,
) -> Any:
    """`(mean of max(x, ε)^p)^(1/p)`; its slope is 0 where x is below ε.

    Args:
        x: tensor.
        windows: sliding ones, or the plane.
        data_format: `"channels_last"` or `"channels_first"`.
        p: tensor of the dtype that halves are widened to: one number, one for each
            channel, or one for each output.
        epsilon: number > 0.
        valid: bool tensor with one channel, which elements count; None: all.
    """
    taps, inside = _valid_taps(widened(x), windows, data_format, valid)
    y = _generalized_mean(taps, inside, _of_taps(p, taps, data_format), epsilon)
    return ops.cast(y, x.dtype)


def mixed_pool(
    x: Any, windows: Windows, data_format: str, alpha: Any, gate: Any = None
) -> Any:
    """`α · max + (1 - α) · mean`; a gate makes α of the taps of each window.

    Args:
        x: tensor.
        windows: sliding ones.
        data_format: `"channels_last"` or `"channels_first"`.
        alpha: as the `p` of `gem_pool`.
        gate: tensor of one number for each tap, or for each tap and channel, or None.
    """
    return mixed(max_pool, avg_pool, x, windows, data_format, alpha, gate)


def mixed(
    max_pool: Callable,
    avg_pool: Callable,
    x: Any,
    windows: Any,
    data_format: str,
    alpha: Any,
    gate: Any,
) -> Any:
    """The same of other implementations' maxima and averages."""
    wide = widened(x)
    if gate is not None:
        taps, inside = every_tap(wide, windows, data_format)
        weights = ops.reshape(gate, (math.prod(windows.pool_size), -1))
        weights = ops.transpose(ops.cast(weights, wide.dtype))
        if data_format == "channels_first":
            weights = ops.reshape(weights, (-1, *(1,) * windows.rank, weights.shape[1]))
        alpha = ops.sigmoid(ops.sum(ops.where(inside, taps, 0) * weights, axis=-1))
    elif data_format == "channels_first" and len(alpha.shape) == 1:
        alpha = ops.reshape(alpha, (-1, *(1,) * windows.rank))
    greatest = max_pool(wide, windows, data_format)
    mean = avg_pool(wide, windows, data_format)
    return ops.cast(alpha * greatest + (1 - alpha) * mean, x.dtype)


def soft_pool(
    x: Any, windows: Windows, data_format: str, beta: Any, valid: Any = None
) -> Any:
    """`Σ e^(βx) · x / Σ e^(βx)`; `beta` is as the `p` of `gem_pool`, `valid` too."""
    taps, inside = _valid_taps(widened(x), windows, data_format, valid)
    y = _soft_mean(taps, inside, _of_taps(beta, taps, data_format))
    return ops.cast(y, x.dtype)


def min_pool(x: Any, windows: Windows, data_format: str) -> Any:
    """Least tap of each window: the first NaN, else the first least."""
    return turned(max_pool(turned(x), windows, data_format))


def turned(x: Any) -> Any:
    """What is in the opposite order: -x; of integers ~x, which all have."""
    return -x if "float" in keras.backend.standardize_dtype(x.dtype) else ~x


def median_pool(x: Any, windows: Windows, data_format: str, valid: Any = None) -> Any:
    """Middle of each window's taps in order of size; the mean of two if both are."""
    taps, inside = _valid_taps(widened(x), windows, data_format, valid)
    return ops.cast(_median(taps, inside), x.dtype)


def stochastic_pool(
    x: Any, windows: Windows, data_format: str, seed: Any, return_indices: bool = False
) -> Any:
    """A tap drawn by weight max(x, 0), or without a seed the expectation of that."""

    def pool(x: Any, data_format: str) -> Any:
        taps, inside = every_tap(widened(x), windows, data_format)
        if seed is None:
            return ops.cast(_expected_tap(taps, inside), x.dtype)
        drawn = _drawn(ops.stop_gradient(taps), inside, seed)
        axis = len(taps.shape) - 1
        y = ops.cast(pick(taps, drawn, axis), x.dtype)
        if not return_indices:
            return y
        positions = flat_positions(x, spatial_axes(windows, data_format))
        positions, _ = every_tap(positions, windows, data_format)
        return y, pick(positions, drawn, axis)

    return _by_rows(pool, x, windows, data_format)


def _valid_taps(
    x: Any, windows: Windows, data_format: str, valid: Any
) -> tuple[Any, Any]:
    """As `every_tap`; those inside are those that count, or if none does, all."""
    taps, inside = every_tap(x, windows, data_format)
    if valid is None:
        return taps, inside
    counts, _ = every_tap(valid, windows, data_format)
    counts = inside & counts
    return taps, counts | (inside & ~ops.any(counts, axis=-1, keepdims=True))


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


def _median(taps: Any, inside: Any) -> Any:
    is_nan = (taps != taps) & inside
    some_nan = ops.any(is_nan, axis=-1, keepdims=True)
    numbers = ops.stop_gradient(ops.where(inside & ~is_nan, taps, math.inf))
    in_order = ops.sort(numbers, axis=-1)
    place = ops.arange(ops.shape(taps)[-1])
    count = ops.sum(ops.cast(inside, "int32"), axis=-1, keepdims=True)

    def at(middle: Any) -> Any:
        """The tap that comes there in order; of equals the first."""
        # Not by a sum of zeros: tf2onnx makes of such a choice a product with infinity.
        there = ops.where(place == middle, in_order, -math.inf)
        value = ops.max(there, axis=-1, keepdims=True, initial=-math.inf)
        # Not by `where`: ONNX Runtime chooses among no bools.
        chosen = is_nan | (inside & (taps == value) & ~some_nan)
        first = ops.argmax(ops.cast(chosen, "int32"), axis=-1, keepdims=True)
        return pick(taps, first, len(taps.shape) - 1)

    below, above = at((count - 1) // 2), at(count // 2)
    is_one = ops.squeeze(count % 2 == 1, axis=-1)
    # Halved first: a sum may exceed what the type holds.
    return ops.where(is_one, below, below / 2 + above / 2)


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


def _drawn(taps: Any, inside: Any, seed: Any) -> Any:
    """Which tap of each window is drawn, on an axis of its own."""
    weights = _weights(taps, inside)
    running = ops.cumsum(weights, axis=-1)
    number = uniform((*ops.shape(taps)[:-1], 1), weights.dtype, seed)
    possible = weights > 0
    passed = possible & (running > number * running[..., -1:])
    # The first that passed; if rounding lets none, the first that is possible.
    score = ops.cast(possible, "int32") + ops.cast(passed, "int32")
    return ops.argmax(score, axis=-1, keepdims=True)


def _of_taps(parameter: Any, taps: Any, data_format: str) -> Any:
    """Shapes a parameter to go with taps."""
    if len(parameter.shape) == 1:
        channel = len(taps.shape) - 2 if data_format == "channels_last" else 1
        return along(parameter, channel, len(taps.shape))
    return ops.expand_dims(parameter, -1) if len(parameter.shape) else parameter


def _generalized_mean(taps: Any, inside: Any, p: Any, epsilon: float) -> Any:
    taps = ops.where(inside & ~(taps < epsilon), taps, epsilon)
    # In units of the greatest no power overflows, and the unit does not change y.
    unit = ops.max(ops.where(inside, taps, 0), axis=-1, keepdims=True, initial=0)
    unit = ops.stop_gradient(unit)
    is_infinite = unit == math.inf
    unit = ops.where(is_infinite, 1, unit)
    exponents = p * ops.log(ops.where(is_infinite, 1, taps) / unit)  # none above 0
    count = ops.sum(ops.cast(inside, taps.dtype), axis=-1, keepdims=True)

    def mean(powers: Any) -> Any:
        return ops.sum(ops.where(inside, powers, 0), axis=-1, keepdims=True) / count

    # Where p is small all powers are near 1: what they differ by is summed.
    log_of_mean = ops.where(
        p < 1 / 8,
        _log_of_1_and(mean(_exp_less_1(exponents))),
        ops.log(mean(ops.exp(exponents))),
    )
    y = ops.where(is_infinite, math.inf, unit * ops.exp(log_of_mean / p))
    return ops.squeeze(y, -1)


# As log1p and expm1 of numbers up to 0, which ONNX has not.


def _exp_less_1(x: Any) -> Any:
    half = ops.tanh(x / 2)
    return 2 * half / (1 - half)


def _log_of_1_and(x: Any) -> Any:
    # One step corrects what a small x loses in the sum; a large one loses nothing.
    small = ops.maximum(x, -1 / 2)
    found = _exp_less_1(ops.log(1 + small))
    step = (found - small) / (1 + found)
    return ops.log(1 + x) - ops.where(x > -1 / 2, step, 0)


def _soft_mean(taps: Any, inside: Any, beta: Any) -> Any:
    sign = ops.where(beta < 0, -1, ops.ones_like(beta))
    is_nan, top = _greatest(ops.stop_gradient(sign * taps), inside, axis=-1)
    is_top = inside & (sign * taps == top)
    is_finite = inside & (ops.abs(taps) < math.inf)
    # Halves: no gap between them is too large.
    half = ops.where(ops.abs(top) < math.inf, sign * top / 2, 0)
    gaps = ops.where(is_finite, ops.where(is_finite, taps, 0) / 2 - half, 0)
    weights = ops.where(is_finite, ops.exp(2 * beta * gaps), 0)
    total = ops.sum(weights, axis=-1, keepdims=True)
    shares = weights / ops.where(total > 0, total, 1)
    y = 2 * (half + ops.sum(shares * gaps, axis=-1, keepdims=True))
    # Infinities: the top, or of a plain average, what is there.
    least = ops.where(beta == 0, ops.where(inside, taps, math.inf), math.inf)
    y = ops.where(ops.any(least == -math.inf, axis=-1, keepdims=True), -math.inf, y)
    tops = ops.sum(ops.cast(is_top, taps.dtype), axis=-1, keepdims=True)
    infinite = ops.sum(ops.where(is_top, taps, 0), axis=-1, keepdims=True)
    infinite = infinite / ops.where(tops > 0, tops, 1)
    y = ops.where(top == math.inf, infinite, y)
    y = ops.where(top == -math.inf, sign * top, y)
    some_nan = ops.any(is_nan, axis=-1, keepdims=True)
    return ops.squeeze(ops.where(some_nan, math.nan, y), -1)
