"""Where each window's taps are, and the taps themselves; knows no reduction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import Windows, index_dtype
from keras_pooling.windows import AdaptiveWindows, Regions

# Sliding windows at most this wide are cut out slice by slice. It needs less memory
# than gathering their taps, and its gradient does not scatter.
_WIDEST_FOLD = 64

_MISFIT = "keras_pooling: a window does not fit the input. Use a smaller pool_size."


class Spans(NamedTuple):
    """The windows of one axis, each clipped to the input.

    Numbers are integers and vectors (one entry per window) are NumPy arrays, unless
    they are drawn or the size is only known when a graph runs: then vectors are
    tensors, and numbers are tensors in TensorFlow, symbols in PyTorch and JAX. Regions
    of each sample have one row of a matrix in place of a vector.
    """

    size: Any
    windows: Any  # how many
    first: Any  # vector: position of the first tap inside
    count: Any  # vector: taps inside
    padded_count: Any  # vector: taps inside the padded input
    most: Any  # greatest count, or a bound on it
    before: Any = 0  # padding
    skipped: Any = 0  # vector: taps that fall before the input
    stride: int = 0
    step: int = 1  # from tap to tap
    taps: int = 0  # of a whole window
    narrow: bool = False
    whole: bool = False  # one window, which is the axis

    @property
    def per_sample(self) -> bool:
        """Whether each sample has windows of its own."""
        return len(self.first.shape) == 2


def regular(windows: Windows, x: Any, data_format: str) -> Windows:
    """Windows as sliding ones, where they are adaptive and have one size.

    Not under JAX: it takes longer over the gradient of wide windows than over taps that
    are gathered.
    """
    if not is_uneven(windows) or keras.config.backend() == "jax":
        return windows
    return windows.regular(known_sizes(windows, x, data_format)) or windows


def is_uneven(windows: Windows) -> bool:
    """Whether windows are adaptive, other than one that is the plane."""
    return isinstance(windows, AdaptiveWindows) and set(windows.output_size) != {1}


def known_sizes(windows: Windows, x: Any, data_format: str) -> tuple[int | None, ...]:
    """The sizes of the axes that are pooled; None where a graph leaves one open."""
    sizes = (x.shape[axis] for axis in spatial_axes(windows, data_format))
    return tuple(size if isinstance(size, int) else None for size in sizes)


def spans_of(windows: Windows, i: int, size: Any) -> Spans:
    """Lays windows over axis `i` of an input that is `size` long there."""
    if isinstance(windows, Regions):
        return _region_spans(windows, i, size)
    static = isinstance(size, int)
    numbers, dtype = (np, "int64") if static else (ops, _dtype(windows, i))
    if ops.is_tensor(size):
        size = ops.cast(size, dtype)
    if isinstance(windows, AdaptiveWindows):
        n = size if windows.output_size[i] is None else windows.output_size[i]
        first, end = shares(size, n, numbers.arange(n, dtype=dtype))
        count = end - first
        is_whole = windows.output_size[i] == 1
        if is_whole:
            most = size
        else:
            most = size // n + 2 if _is_symbolic(size) else numbers.max(count)
        return Spans(size, n, first, count, count, most, whole=is_whole)
    minimum, maximum = extremes(size)
    n, before, after = windows.axis(i, size, minimum, maximum)
    if ops.is_tensor(n):
        n = _positive_when_run(n)
    taps, stride = windows.pool_size[i], windows.strides[i]
    step = windows.dilation_rate[i]
    start = numbers.arange(n, dtype=dtype) * stride - before
    skipped = (numbers.maximum(-start, 0) + step - 1) // step
    first = start + skipped * step
    count = numbers.minimum(taps - skipped, (size - 1 - first) // step + 1)
    padded_count = numbers.minimum(taps, (size + after - 1 - start) // step + 1)
    if ops.is_tensor(size):
        count = _positive_when_run(count)
    most = minimum(taps, size) if _is_symbolic(size) else numbers.max(count)
    return Spans(
        *(size, n, first, count, padded_count, most),
        before=before,
        skipped=skipped,
        stride=stride,
        step=step,
        taps=taps,
        narrow=windows.extents[i] <= _WIDEST_FOLD,
    )


def shares(size: Any, n: Any, window: Any) -> tuple[Any, Any]:
    """Where adaptive windows of `n` begin and end.

    Args:
        size: integer, or tensor that broadcasts to the windows.
        n: integer.
        window: vector, which windows.
    """
    whole, part = size // n, size % n
    first = window * whole + window * part // n
    # Nothing below 0 is divided: exported graphs may truncate where others floor.
    end = (window + 1) * whole + ((window + 1) * part + n - 1) // n
    return first, end


def _dtype(windows: Windows, i: int) -> str:
    """Of a graph's numbers: 32 bits where they do, since LiteRT divides no others."""
    if isinstance(windows, AdaptiveWindows):
        numbers = (windows.output_size[i] or 1,)
    else:
        numbers = (windows.extents[i], windows.strides[i])
    return "int32" if max(numbers) < 2**15 else "int64"


def _is_symbolic(size: Any) -> bool:
    """Whether a size is neither int nor tensor: PyTorch and JAX export with such."""
    return not (isinstance(size, int) or ops.is_tensor(size))


def extremes(size: Any) -> tuple[Callable, Callable]:
    """Minimum and maximum of sizes: integers, tensors, or the symbols of exports."""
    if isinstance(size, int):
        return min, max
    if ops.is_tensor(size):
        return ops.minimum, ops.maximum
    if keras.config.backend() == "torch":
        import torch

        return torch.sym_min, torch.sym_max
    import jax

    return jax.core.min_dim, jax.core.max_dim


def _region_spans(regions: Regions, i: int, size: Any) -> Spans:
    edges, most = regions.edges[i], regions.largest[i]
    if most is None and keras.config.backend() == "tensorflow":
        edges = _ascending_when_run(edges, size)
    first, end = edges[:, :-1], edges[:, 1:]
    if regions.overlapping:
        end = ops.minimum(end + 1, edges[:, -1:])
    count = end - first
    if regions.regions_per == "batch":
        first, count = first[0], count[0]
    if most is None:
        # Only a TensorFlow graph can make tensors whose shape depends on values.
        dynamic = keras.config.backend() == "tensorflow"
        most = ops.max(count, initial=1) if dynamic else size
    n = ops.shape(first)[-1]
    return Spans(size, n, first, count, count, most)


def fitting_when_run(
    x: Any, axes: Sequence[int], least: Sequence[int], message: str = _MISFIT
) -> Any:
    """The tensor, which a TensorFlow graph refuses where an axis is too short."""
    import tensorflow as tf

    for axis, size in zip(axes, least, strict=True):
        if x.shape[axis] is None:
            check = tf.debugging.assert_greater_equal(tf.shape(x)[axis], size, message)
            with tf.control_dependencies([check]):
                x = tf.identity(x)
    return x


def _positive_when_run(number: Any) -> Any:
    # Only a TensorFlow graph has sizes that are not known while it is made.
    import tensorflow as tf

    check = tf.debugging.assert_positive(number, _MISFIT)
    with tf.control_dependencies([check]):
        return tf.identity(number)


def _ascending_when_run(edges: Any, size: Any) -> Any:
    import tensorflow as tf

    message = "keras_pooling: regions must ascend from 0 to the size of their axis."
    checks = [
        tf.debugging.assert_equal(edges[:, 0], tf.zeros_like(edges[:, 0]), message),
        tf.debugging.assert_equal(edges[:, -1], tf.cast(size, edges.dtype), message),
        tf.debugging.assert_positive(edges[:, 1:] - edges[:, :-1], message),
    ]
    with tf.control_dependencies([check for check in checks if check is not None]):
        return tf.identity(edges)


def slices(x: Any, axis: int, spans: Spans) -> list[Any]:
    """Tap j of all windows, for each j; zeros where it is not inside."""
    length = (spans.windows - 1) * spans.stride + 1
    after = length + (spans.taps - 1) * spans.step - spans.before - spans.size
    # Of an unknown size never by 0, since PyTorch would make a rule of that.
    after = extremes(spans.size)[1](after, int(_is_symbolic(spans.size)))
    if not isinstance(spans.size, int) or (spans.before, after) != (0, 0):
        pads = [(0, 0)] * len(x.shape)
        pads[axis] = (spans.before, after)
        x = ops.pad(x, pads)
    leading = (slice(None),) * axis
    firsts = [j * spans.step for j in range(spans.taps)]
    return [x[(*leading, slice(j, j + length, spans.stride))] for j in firsts]


def gather(x: Any, axis: int, spans: Spans) -> tuple[Any, Any]:
    """The taps of each window along a new axis after `axis`, and which are inside."""
    known = isinstance(spans.first, np.ndarray)
    numbers = np if known else ops
    dtype = keras.backend.standardize_dtype(spans.first.dtype)
    tap = numbers.arange(spans.most, dtype=dtype)
    there = tap < spans.count[..., None]
    inside = along(there, axis, len(x.shape) + 1, spans.per_sample)
    if spans.whole:
        return ops.expand_dims(x, axis), inside
    position = numbers.where(there, spans.first[..., None] + tap * spans.step, 0)
    if not spans.per_sample:
        return _take(x, position, axis), inside
    return _take_of_samples(x, position, axis), inside


def taps_of_equal_windows(x: Any, axis: int, spans: Spans) -> Any:
    """As `gather`, with the last tap again in place of what is not inside."""
    tap = np.minimum(np.arange(spans.most), spans.count[:, None] - 1)
    return _take(x, spans.first[:, None] + tap, axis)


def _take(x: Any, position: Any, axis: int) -> Any:
    backend = keras.config.backend()
    if backend == "jax":
        # Unlike jnp.take, this does not look whether a position lies inside.
        return x.at[(slice(None),) * axis + (position,)].get(mode="clip")
    if backend != "torch":
        return ops.take(x, position, axis)
    import torch

    # Keras squeezes what is longer than 1 there, which ONNX refuses.
    shape = (*x.shape[:axis], *position.shape, *x.shape[axis + 1 :])
    position = ops.convert_to_tensor(position).reshape(-1)
    return torch.index_select(x, axis, position).reshape(shape)


def _take_of_samples(x: Any, position: Any, axis: int) -> Any:
    """As `_take`, at positions `(samples, windows, taps)` of each sample's own.

    Whole rows are taken, of what lies behind the axis: it is several times as fast as
    element by element.
    """
    shape = ops.shape(x)
    dtype = keras.backend.standardize_dtype(position.dtype)
    rows = math.prod(shape[:axis])
    start = ops.reshape(ops.arange(rows, dtype=dtype), (*shape[:axis], 1, 1))
    start = start * ops.cast(shape[axis], dtype)
    position = along(position, axis, axis + 2, per_sample=True) + start
    x = ops.reshape(x, (rows * shape[axis], *shape[axis + 1 :]))
    return _take(x, position, 0)


def pick(taps: Any, index: Any, axis: int) -> Any:
    """The taps at `index`, which has one entry along `axis`; that axis is dropped."""
    return take_along(taps, index, axis)[(slice(None),) * axis + (0,)]


def take_along(x: Any, index: Any, axis: int) -> Any:
    """As `keras.ops.take_along_axis`, of tensors that differ in that axis alone."""
    if keras.config.backend() == "torch":
        import torch

        # The function that Keras calls makes constants of sizes that an export left
        # open.
        return torch.gather(x, axis, index.long())
    return ops.take_along_axis(x, index, axis)


def every_tap(x: Any, windows: Windows, data_format: str) -> tuple[Any, Any]:
    """The taps of each window along a new last axis, in order, and which are inside."""
    axes = spatial_axes(windows, data_format)
    inside = None
    for i, axis in reversed(list(enumerate(axes))):
        spans = spans_of(windows, i, ops.shape(x)[axis])
        if spans.narrow:
            x = ops.stack(slices(x, axis, spans), axis=axis + 1)
            numbers = np if isinstance(spans.size, int) else ops
            dtype = keras.backend.standardize_dtype(spans.count.dtype)
            tap = numbers.arange(spans.taps, dtype=dtype)
            skipped, count = spans.skipped[:, None], spans.count[:, None]
            there = (skipped <= tap) & (tap < skipped + count)
            there = along(there, axis, len(x.shape))
        else:
            x, there = gather(x, axis, spans)
        for other in reversed(axes[:i]):  # each will get an axis of taps after it
            there = ops.expand_dims(there, other + 1)
        inside = there if inside is None else inside & there
    tap_axes = [axis + i + 1 for i, axis in enumerate(axes)]
    others = [axis for axis in range(len(x.shape)) if axis not in tap_axes]
    return (
        _flattened(ops.transpose(x, others + tap_axes), len(others)),
        _flattened(ops.transpose(inside, others + tap_axes), len(others)),
    )


def _flattened(x: Any, axis: int) -> Any:
    """Makes one of all axes from `axis` on."""
    shape = ops.shape(x)
    last = 1
    for size in shape[axis:]:
        last = last * size
    return ops.reshape(x, (*shape[:axis], last))


def quotient(a: Any, b: Any) -> Any:
    """`a // b` of an axis's numbers, which are not below 0.

    Tensors are divided in 32 bits, which hold the sizes of TensorFlow's graphs: LiteRT
    divides no others.
    """
    if not ops.is_tensor(a):
        return a // b
    return ops.cast(ops.cast(a, "int32") // ops.cast(b, "int32"), a.dtype)


def spatial_axes(windows: Windows, data_format: str) -> list[int]:
    """The axes of an input that are pooled."""
    first = 1 if data_format == "channels_last" else 2
    return list(range(first, first + windows.rank))


def along(numbers: Any, axis: int, rank: int, per_sample: bool = False) -> Any:
    """Shapes `numbers`, one or more axes of them, to broadcast from `axis` on.

    With `per_sample`, their own first axis is that of the samples.
    """
    numbers = ops.convert_to_tensor(numbers)
    for _ in range(axis - per_sample):
        numbers = ops.expand_dims(numbers, int(per_sample))
    for _ in range(rank - len(numbers.shape)):
        numbers = ops.expand_dims(numbers, -1)
    return numbers


def flat_positions(x: Any, axes: list[int]) -> Any:
    """For each element, its index in the flattened spatial plane."""
    sizes = [x.shape[axis] for axis in axes]
    dtype = index_dtype([size if isinstance(size, int) else None for size in sizes])
    positions = ops.zeros_like(x, dtype=dtype)
    for axis in axes:
        size = ops.shape(x)[axis]
        steps = ops.arange(size, dtype=dtype)
        size = ops.cast(size, dtype) if ops.is_tensor(size) else size
        positions = positions * size + along(steps, axis, len(x.shape))
    return positions
