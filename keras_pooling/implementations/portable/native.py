"""The backend's own pooling, where it gives what ours would; knows none of our ways.

What may differ: with NaN in a window the backend's own rule holds. TensorFlow on a CPU
gives the lowest finite number for a window of -inf alone. Where the greatest are zeros
of both signs, either may come of a whole plane, and of padded windows under JAX.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_pooling import _library
from keras_pooling.arguments import Windows
from keras_pooling.implementations.portable.spans import (
    along,
    fitting_when_run,
    is_uneven,
    known_sizes,
    spans_of,
    spatial_axes,
    taps_of_equal_windows,
)
from keras_pooling.windows import AdaptiveWindows, Regions, SlidingWindows

# As wide as windows may be where nobody knows how long the input is.
_WIDEST = 64


def pool(
    kind: str, x: Any, windows: Windows, data_format: str, composed: Callable
) -> Any:
    """Pools by the backend's own function where that serves, else by ours.

    Args:
        kind: `"max"` or `"average"`, the latter over the taps inside the input.
        x: tensor.
        windows: where the windows fall.
        data_format: `"channels_last"` or `"channels_first"`.
        composed: pools `x` as `keras.ops` are composed here.
    """
    named = serves(kind, x, windows, data_format)
    if named is None:
        return composed(x)
    if named == "adaptive":

        def adaptive(x: Any) -> Any:
            return _adaptive(kind, x, windows, data_format)

        if keras.config.backend() == "jax":
            return _with_gradient_of(composed, adaptive, x)
        return ops.cast(adaptive(widened(x)), x.dtype)
    if named == "global":
        axes = tuple(spatial_axes(windows, data_format))
        if kind == "max":
            return _global_max(x, axes, data_format)
        return ops.cast(ops.mean(widened(x), axes, keepdims=True), x.dtype)

    def sliding(x: Any) -> Any:
        return _sliding(kind, x, windows, named, data_format)

    if kind == "max" and keras.config.backend() == "jax":
        return _with_gradient_of(composed, sliding, x)
    if kind == "max" and all(map(operator.ge, windows.strides, windows.pool_size)):
        return sliding(x)
    # A half in several windows would be rounded whenever one adds to its gradient.
    return ops.cast(sliding(widened(x)), x.dtype)


def serves(kind: str, x: Any, windows: Windows, data_format: str) -> str | None:
    """What the backend calls these windows: "valid", "same", "adaptive" or "global".

    None where it has no name for them, its result would be another than ours, or it
    takes longer.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    if "float" not in dtype or 0 in x.shape or isinstance(windows, Regions):
        return None
    sizes, backend = known_sizes(windows, x, data_format), keras.config.backend()
    name = _name(kind, windows, sizes, dtype, backend, _library.inside_xla())
    # ONNX has no adaptive max, and PyTorch's exporter does not take it apart.
    return None if name == "adaptive" and kind == "max" and _is_exporting() else name


def _is_exporting() -> bool:
    if keras.config.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_exporting()


@functools.lru_cache(maxsize=1024)
def _name(
    kind: str,
    windows: SlidingWindows | AdaptiveWindows,
    sizes: tuple[int | None, ...],
    dtype: str,
    backend: str,
    inside_xla: bool,
) -> str | None:
    if isinstance(windows, AdaptiveWindows):
        if is_uneven(windows):
            serves = backend == "torch" or (kind == "max" and not inside_xla)
            return "adaptive" if serves and None not in sizes else None
        rounds = (kind, backend, dtype) == ("average", "torch", "float64")
        return None if rounds else "global"  # Keras rounds such a mean to float32
    if windows.extents != windows.pool_size:
        return None
    if kind == "max" and inside_xla:
        return None  # its gradient takes three times as long as ours, and more
    if (kind, backend, dtype, windows.rank) == ("average", "tensorflow", "float64", 3):
        return None  # no kernel
    if (kind, backend) == ("average", "jax") and "float16" in dtype:
        return None  # the wide copy would be written down
    if None in sizes:
        named = windows.padding if isinstance(windows.padding, str) else None
        fits = max(windows.pool_size) <= _WIDEST and not windows.ceil_mode
    else:
        named = next((n for n in ("valid", "same") if _fall(windows, sizes, n)), None)
        fits = all(k <= size for k, size in zip(windows.pool_size, sizes, strict=True))
    if (backend, named) == ("torch", "same"):
        # Keras pads for it by sizes that must be known, and where the two sides differ
        # it counts what it has padded.
        fits = fits and None not in sizes
        if kind == "average" and fits:
            pads = (windows.axis(i, size)[1:] for i, size in enumerate(sizes))
            fits = all(before == after for before, after in pads)
    if (kind, backend, named) == ("max", "jax", "valid"):
        return None  # ours is faster
    return named if fits else None


def widened(x: Any) -> Any:
    """Halves as float32, which their sums are kept in."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return ops.cast(x, "float32") if dtype in ("float16", "bfloat16") else x


def _fall(windows: SlidingWindows, sizes: tuple[int, ...], padding: str) -> bool:
    """Whether the windows fall where those of this padding do."""
    named = dataclasses.replace(windows, padding=padding, ceil_mode=False)
    return all(
        windows.axis(i, size)[:2] == named.axis(i, size)[:2]
        for i, size in enumerate(sizes)
    )


def _sliding(
    kind: str, x: Any, windows: SlidingWindows, padding: str, data_format: str
) -> Any:
    backend, rank = keras.config.backend(), windows.rank
    if backend == "tensorflow":
        least = windows.pool_size if padding == "valid" else (1,) * rank
        x = fitting_when_run(x, spatial_axes(windows, data_format), least)
    if kind == "max" and rank == 3:
        if data_format == "channels_last":
            return _by_planes(x, windows, padding)
        if backend == "tensorflow":
            y = _by_planes(ops.transpose(x, (0, 2, 3, 4, 1)), windows, padding)
            return ops.transpose(y, (0, 4, 1, 2, 3))
    if backend == "torch" and data_format == "channels_last":
        # Told that the planes lie interleaved, PyTorch takes loops that are several
        # times as fast as those for the copy that Keras would make.
        x = ops.transpose(x, (0, rank + 1, *range(1, rank + 1)))
        y = _sliding(kind, x, windows, padding, "channels_first")
        return ops.transpose(y, (0, *range(2, rank + 2), 1))
    pool = ops.max_pool if kind == "max" else ops.average_pool
    return pool(x, windows.pool_size, windows.strides, padding, data_format)


def _adaptive(kind: str, x: Any, windows: AdaptiveWindows, data_format: str) -> Any:
    """Pools windows of several sizes: by PyTorch's function, or plain maxima."""
    rank = windows.rank
    to_last, to_first = (0, *range(2, rank + 2), 1), (0, rank + 1, *range(1, rank + 1))
    if keras.config.backend() == "torch":
        if data_format == "channels_last":
            y = _adaptive(kind, ops.transpose(x, to_first), windows, "channels_first")
            return ops.transpose(y, to_last)
        sizes = windows.output_sizes(known_sizes(windows, x, data_format))
        pool = ops.adaptive_max_pool if kind == "max" else ops.adaptive_average_pool
        return pool(x, sizes, data_format)
    if data_format == "channels_first":
        y = _adaptive(kind, ops.transpose(x, to_last), windows, "channels_last")
        return ops.transpose(y, to_first)
    for i, axis in reversed(list(enumerate(spatial_axes(windows, data_format)))):
        shape = ops.shape(x)
        spans = spans_of(windows, i, shape[axis])
        # Taps side by side, the last one again where a window is shorter: what comes
        # after its equal is not chosen.
        taps = taps_of_equal_windows(x, axis, spans)
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        taps = ops.reshape(taps, (before, spans.windows * spans.most, 1, after))
        window = (int(spans.most), 1)
        x = ops.max_pool(taps, window, window, "valid", "channels_last")
        x = ops.reshape(x, (*shape[:axis], spans.windows, *shape[axis + 1 :]))
    return x


def _by_planes(x: Any, windows: SlidingWindows, padding: str) -> Any:
    """Pools height and width, then depth, of a channels_last tensor.

    The gradient of TensorFlow's own 3D pooling gives to all greatest taps, and
    PyTorch's for this layout gives that of a window of -inf to another window.
    """

    def pool(x: Any, pool_size: tuple, strides: tuple) -> Any:
        plane = SlidingWindows(pool_size, strides, (1, 1), padding)
        return _sliding("max", x, plane, padding, "channels_last")

    samples, depth, height, width, channels = ops.shape(x)
    x = ops.reshape(x, (samples * depth, height, width, channels))
    x = pool(x, windows.pool_size[1:], windows.strides[1:])
    _, height, width, _ = ops.shape(x)
    x = ops.reshape(x, (samples, depth, height * width, channels))
    x = pool(x, (windows.pool_size[0], 1), (windows.strides[0], 1))
    return ops.reshape(x, (samples, ops.shape(x)[1], height, width, channels))


def _global_max(x: Any, axes: tuple[int, ...], data_format: str) -> Any:
    """The greatest of each plane; the gradient goes to the first, not to all alike."""

    def greatest(x: Any) -> Any:
        return ops.max(x, axes, keepdims=True)

    def first_greatest(x: Any) -> Any:
        sizes = tuple(x.shape[axis] for axis in axes)
        known = all(isinstance(size, int) for size in sizes)
        if keras.config.backend() == "jax" or _library.inside_xla() or not known:
            return ops.sum(
                ops.where(_is_first(x, greatest(x), axes), x, 0), axes, keepdims=True
            )
        windows = SlidingWindows(sizes, sizes, (1,) * len(sizes), "valid")
        return _sliding("max", x, windows, "valid", data_format)

    return _with_gradient_of(first_greatest, greatest, x, anew=True)


def _is_first(x: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """Whether an element is the first of its plane that is y, or NaN."""
    after = 0  # how many elements of the plane come after one, and itself
    for axis in axes:
        size = ops.shape(x)[axis]
        steps = along(ops.arange(size, 0, -1, dtype="int32"), axis, len(x.shape))
        after = (after - 1) * size + steps if axis != axes[0] else steps
    some = (x == y) | (x != x)
    return after == ops.max(ops.where(some, after, 0), axes, keepdims=True)


def _with_gradient_of(
    function: Callable, value: Callable, x: Any, anew: bool = False
) -> Any:
    """`value(x)`, which `function(x)` equals too, with the gradient of `function`.

    `anew` if `function(x)` is not had for nothing where its gradient is taken.
    """
    backend = keras.config.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.custom_gradient
        def pool(x: Any) -> tuple[Any, Callable]:
            def gradient(dy: Any) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = function(x)
                return tape.gradient(y, x, dy)

            return value(x), gradient

        return pool(x)
    if backend == "jax":
        import jax

        pool = jax.custom_jvp(value)

        @pool.defjvp
        def with_slope(xs: tuple, dxs: tuple) -> tuple:
            y, dy = jax.jvp(function, xs, dxs)
            return value(*xs) if anew else y, dy

        return pool(x)
    if backend == "torch":
        import torch

        return (function if torch.is_grad_enabled() and x.requires_grad else value)(x)
    return value(x)
