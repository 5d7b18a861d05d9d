"""Pooling by the registered ops, and their gradients; knows no layer and no loop."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from keras_pooling.arguments import AdaptiveWindows, SlidingWindows, index_dtype
from keras_pooling.ops import library

Windows = SlidingWindows | AdaptiveWindows

# A window of at most this many taps has them numbered in one byte.
_MOST_TAPS_OF_A_BYTE = 256

_WINDOW_ATTRIBUTES = (
    "geometry",
    "window",
    "strides",
    "dilations",
    "padding",
    "pads",
    "ceil_mode",
    "channels_first",
)
_AVERAGE_ATTRIBUTES = ("reduction", "count_include_pad", "divisor_override")


def max_pool(
    x: Any, windows: Windows, data_format: str, return_indices: bool = False
) -> Any:
    """Greatest tap of each window: the first NaN, else the first greatest."""
    channels_first = data_format == "channels_first"
    attributes = _attributes(windows, channels_first)
    sizes = _spatial(x.shape, channels_first)
    max_taps = windows.max_taps(sizes)
    small = max_taps is not None and max_taps <= _MOST_TAPS_OF_A_BYTE
    y, taps = _op("SelectingPool")(
        x=x, reduction="max", Tap=tf.uint8 if small else tf.int32, **attributes
    )
    if not return_indices:
        return y
    indices = _op("TapIndices")(
        taps=taps,
        size=_sizes(x, channels_first),
        Index=tf.as_dtype(index_dtype(sizes)),
        **attributes,
    )
    return y, indices


def avg_pool(
    x: Any,
    windows: Windows,
    data_format: str,
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> Any:
    """Sum of each window's taps over their number; halves are summed in float32."""
    return _op("BlendingPool")(
        x=x,
        reduction="avg",
        count_include_pad=count_include_pad,
        divisor_override=float(divisor_override or 0),
        **_attributes(windows, data_format == "channels_first"),
    )


@functools.lru_cache(maxsize=1024)
def _attributes(windows: Windows, channels_first: bool) -> dict[str, Any]:
    """The ops' attributes that say where the windows fall."""
    if isinstance(windows, AdaptiveWindows):
        return {
            "geometry": "adaptive",
            "window": [-1 if size is None else size for size in windows.output_size],
            "channels_first": channels_first,
        }
    attributes = {
        "window": list(windows.pool_size),
        "strides": list(windows.strides),
        "dilations": list(windows.dilation_rate),
        "ceil_mode": windows.ceil_mode,
        "channels_first": channels_first,
    }
    if isinstance(windows.padding, str):
        return {**attributes, "padding": windows.padding.upper()}
    pads = [side for pair in windows.padding for side in pair]
    return {**attributes, "padding": "EXPLICIT", "pads": pads}


@functools.cache
def _op(name: str) -> Any:
    """The Python function of a registered op: SelectingPool is …_selecting_pool."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return getattr(library.load(), f"keras_pooling{words}")


def _spatial(shape: tf.TensorShape, channels_first: bool) -> list[int | None]:
    """The spatial sizes of a whole shape."""
    sizes = shape.as_list()
    return sizes[2:] if channels_first else sizes[1:-1]


def _sizes(x: Any, channels_first: bool) -> Any:
    """The spatial sizes as a tensor: a constant where they are known.

    A gradient that takes them from here does not keep `x` alive then.
    """
    sizes = _spatial(x.shape, channels_first)
    if None not in sizes:
        return tf.constant(sizes, tf.int64)
    shape = tf.shape(x, out_type=tf.int64)
    return shape[2:] if channels_first else shape[1:-1]


def _taken_from(op: tf.Operation, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: op.get_attr(name) for name in names}


@tf.RegisterGradient("KerasPooling>SelectingPool")
def _selecting_pool_gradient(op: tf.Operation, dy: Any, _: Any) -> Any:
    attributes = _taken_from(op, _WINDOW_ATTRIBUTES)
    size = _sizes(op.inputs[0], attributes["channels_first"])
    return _op("SelectingPoolGrad")(dy=dy, taps=op.outputs[1], size=size, **attributes)


@tf.RegisterGradient("KerasPooling>SelectingPoolGrad")
def _selecting_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    # dx is linear in dy: what comes back to dy is the tap that won.
    attributes = _taken_from(op, _WINDOW_ATTRIBUTES)
    ddy = _op("SelectingPoolPick")(x=ddx, taps=op.inputs[1], **attributes)
    return ddy, None, None


@tf.RegisterGradient("KerasPooling>SelectingPoolPick")
def _selecting_pool_pick_gradient(op: tf.Operation, dy: Any) -> Any:
    attributes = _taken_from(op, _WINDOW_ATTRIBUTES)
    size = _sizes(op.inputs[0], attributes["channels_first"])
    dx = _op("SelectingPoolGrad")(dy=dy, taps=op.inputs[1], size=size, **attributes)
    return dx, None


@tf.RegisterGradient("KerasPooling>BlendingPool")
def _blending_pool_gradient(op: tf.Operation, dy: Any) -> Any:
    attributes = _taken_from(op, _WINDOW_ATTRIBUTES + _AVERAGE_ATTRIBUTES)
    size = _sizes(op.inputs[0], attributes["channels_first"])
    return _op("BlendingPoolGrad")(dy=dy, size=size, **attributes)


@tf.RegisterGradient("KerasPooling>BlendingPoolGrad")
def _blending_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    # dx is linear in dy, and its adjoint is the average itself.
    attributes = _taken_from(op, _WINDOW_ATTRIBUTES + _AVERAGE_ATTRIBUTES)
    return _op("BlendingPool")(x=ddx, **attributes), None


tf.no_gradient("KerasPooling>TapIndices")
