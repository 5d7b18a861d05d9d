"""Pooling by the registered ops, and their gradients; knows no layer and no loop."""

from __future__ import annotations

import functools
import struct
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import record

from keras_pooling import _library
from keras_pooling.arguments import (
    AdaptiveWindows,
    Regions,
    SlidingWindows,
    Windows,
    index_dtype,
)
from keras_pooling.implementations import portable

# A window of at most this many taps has them numbered in one byte.
_MOST_TAPS_OF_A_BYTE = 256

# What custom_ops/kernels/spec/attributes.inc lists: every op with windows has all.
_ATTRIBUTES = (
    "reduction",
    "geometry",
    "window",
    "strides",
    "dilations",
    "padding",
    "pads",
    "ceil_mode",
    "channels_first",
    "count_include_pad",
    "divisor_override",
    "p_bits",
    "overlapping",
)


def max_pool(
    x: Any, windows: Windows, data_format: str, return_indices: bool = False
) -> Any:
    """Greatest tap of each window: the first NaN, else the first greatest."""
    y, taps = _selecting_pool(
        x, windows, data_format, taps_are_read=return_indices, reduction="max"
    )
    if not return_indices:
        return y
    channels_first = data_format == "channels_first"
    indices = _op("TapIndices")(
        taps=taps,
        size=_sizes(x, channels_first),
        Index=tf.as_dtype(index_dtype(_spatial(x.shape, channels_first))),
        **_window_arguments(windows, channels_first),
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
    return _blending_pool(
        x,
        windows,
        data_format,
        reduction="avg",
        count_include_pad=count_include_pad,
        divisor_override=divisor_override or 0,
    )


def lp_pool(
    x: Any, windows: Windows, data_format: str, p: float, normalize: bool
) -> Any:
    """`(Σ |x|^p)^(1/p)` of each window's taps; the mean's root with `normalize`."""
    (p_bits,) = struct.unpack("<q", struct.pack("<d", p))
    return _blending_pool(
        x,
        windows,
        data_format,
        reduction="lp",
        p_bits=p_bits,
        divisor_override=0 if normalize else 1,
    )


def stochastic_pool(x: Any, windows: Windows, data_format: str, seed: Any) -> Any:
    """A tap drawn by weight max(x, 0), or without a seed the expectation of that."""
    if seed is None:
        return _blending_pool(x, windows, data_format, reduction="expectation")
    seed = [tf.cast(seed, tf.int64)]
    return _selecting_pool(x, windows, data_format, reduction="stochastic", seed=seed)[
        0
    ]


@tf.custom_gradient
def absolute(x: Any) -> Any:
    """|x|, whose gradient has the same bits inside XLA: no zero is multiplied."""

    def gradient(dy: Any) -> Any:
        at_zero = tf.where(tf.math.is_nan(x), x, tf.zeros_like(x))
        return tf.where(x > 0, dy, tf.where(x < 0, -dy, at_zero))

    return tf.abs(x), gradient


def squeeze(y: Any, axes: tuple[int, ...]) -> Any:
    """As `keras.ops.squeeze`, without all that it asks first."""
    return tf.raw_ops.Squeeze(input=y, axis=axes)


def fractional_regions(
    size: Any, count: Any, rows: Any, seed: Any, pseudo_random: bool, axis: int
) -> Any:
    """Draws the edges of one axis's regions; as `portable.fractional_regions`.

    The bits are those of the seed, the row and the axis alone.
    """
    if seed is None:  # nothing to draw
        return portable.fractional_regions(size, count, rows, seed, pseudo_random, axis)
    numbers = (size, count, rows)
    if not all(isinstance(number, int) for number in numbers):
        numbers = tf.stack([tf.cast(number, tf.int64) for number in numbers])
    return _op("FractionalRegions")(
        seed=tf.cast(seed, tf.int64),
        draw=tf.convert_to_tensor(numbers, tf.int64),
        pseudo_random=pseudo_random,
        axis=axis,
    )


def _selecting_pool(
    x: Any,
    windows: Windows,
    data_format: str,
    seed: Any = (),
    taps_are_read: bool = False,
    **attributes: Any,
) -> Any:
    channels_first = data_format == "channels_first"
    max_taps = windows.max_taps(_spatial(x.shape, channels_first))
    small = max_taps is not None and max_taps <= _MOST_TAPS_OF_A_BYTE
    return _op("SelectingPool")(
        x=x,
        seed=seed,
        Tap=tf.uint8 if small else tf.int32,
        # A hint for XLA: a gradient will read the taps.
        taps_are_read=taps_are_read or record.could_possibly_record(),
        **attributes,
        **_window_arguments(windows, channels_first),
    )


def _blending_pool(
    x: Any, windows: Windows, data_format: str, **attributes: Any
) -> Any:
    arguments = _window_arguments(windows, data_format == "channels_first")
    return _op("BlendingPool")(x=x, parameter=[], **attributes, **arguments)


def _window_arguments(windows: Windows, channels_first: bool) -> dict[str, Any]:
    """The ops' arguments that say where the windows fall."""
    if isinstance(windows, Regions):
        return {
            "geometry": "regions",
            "window": [1] * windows.rank,
            "overlapping": windows.overlapping,
            "channels_first": channels_first,
            "regions": [tf.cast(edges, tf.int64) for edges in windows.edges],
        }
    return {**_attributes(windows, channels_first), "regions": []}


@functools.lru_cache(maxsize=1024)
def _attributes(windows: Windows, channels_first: bool) -> dict[str, Any]:
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


def _windows_of(attributes: dict[str, Any]) -> Windows:
    """The windows that `_attributes` made these of."""
    if attributes["geometry"] == b"adaptive":
        sizes = attributes["window"]
        return AdaptiveWindows(tuple(None if size < 0 else size for size in sizes))
    padding = attributes["padding"].decode().lower()
    if padding == "explicit":
        pads = attributes["pads"]
        padding = tuple(zip(pads[::2], pads[1::2], strict=True))
    return SlidingWindows(
        tuple(attributes["window"]),
        tuple(attributes["strides"]),
        tuple(attributes["dilations"]),
        padding,
        attributes["ceil_mode"],
    )


@functools.cache
def _op(name: str) -> Any:
    """The Python function of a registered op: SelectingPool is …_selecting_pool."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return getattr(_library.load(), f"keras_pooling{words}")


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


def _arguments_of(op: tf.Operation) -> dict[str, Any]:
    """The arguments that an op shares with its gradient; regions come last."""
    pairs = getattr(op, "attrs", None)
    if pairs is None:
        attributes = {name: op.get_attr(name) for name in _ATTRIBUTES}
    else:
        # What an eager tape has in place of an op looks each one up anew, which takes
        # as long as a small pool.
        values = dict(zip(pairs[::2], pairs[1::2], strict=True))
        texts = {n: values[n] for n in _ATTRIBUTES}
        attributes = {
            n: v.encode() if isinstance(v, str) else v for n, v in texts.items()
        }
    count = op.get_attr("num_regions")
    return {**attributes, "regions": list(op.inputs[len(op.inputs) - count :])}


def _with_nones(op: tf.Operation, *gradients: Any) -> list[Any]:
    """These gradients for the first inputs, and none for the others."""
    return [*gradients, *[None] * (len(op.inputs) - len(gradients))]


@tf.RegisterGradient("KerasPooling>SelectingPool")
def _selecting_pool_gradient(op: tf.Operation, dy: Any, _: Any) -> Any:
    arguments = _arguments_of(op)
    size = _sizes(op.inputs[0], arguments["channels_first"])
    dx = _op("SelectingPoolGrad")(dy=dy, taps=op.outputs[1], size=size, **arguments)
    return _with_nones(op, dx)


@tf.RegisterGradient("KerasPooling>SelectingPoolGrad")
def _selecting_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    # dx is linear in dy: what comes back to dy is the tap that won.
    arguments = _arguments_of(op)
    ddy = _op("SelectingPoolPick")(x=ddx, taps=op.inputs[1], **arguments)
    return _with_nones(op, ddy)


@tf.RegisterGradient("KerasPooling>SelectingPoolPick")
def _selecting_pool_pick_gradient(op: tf.Operation, dy: Any) -> Any:
    arguments = _arguments_of(op)
    size = _sizes(op.inputs[0], arguments["channels_first"])
    dx = _op("SelectingPoolGrad")(dy=dy, taps=op.inputs[1], size=size, **arguments)
    return _with_nones(op, dx)


@tf.RegisterGradient("KerasPooling>BlendingPool")
def _blending_pool_gradient(op: tf.Operation, dy: Any) -> Any:
    x = op.inputs[0]
    arguments = _arguments_of(op)
    if arguments["reduction"] == b"expectation":
        return _with_nones(op, _composed_gradient(arguments, x, dy))
    parameter = op.inputs[1 : 1 + op.get_attr("num_parameters")]
    dx = _op("BlendingPoolGrad")(
        dy=dy,
        size=_sizes(x, arguments["channels_first"]),
        saved=[] if arguments["reduction"] == b"avg" else [x, op.outputs[0]],
        parameter=parameter,
        **arguments,
    )
    if not parameter:
        return _with_nones(op, dx)
    slopes = _op("BlendingPoolParameterGrad")(x=x, parameter=parameter, **arguments)
    return _with_nones(op, dx, _summed_like(parameter[0], dy, slopes, arguments))


def _summed_like(
    parameter: Any, dy: Any, slopes: Any, arguments: dict[str, Any]
) -> Any:
    """The gradient of a parameter: one number, or one for each channel."""
    wide = tf.float64 if dy.dtype == tf.float64 else tf.float32
    products = tf.cast(dy, wide) * tf.cast(slopes, wide)
    axes = list(range(len(dy.shape)))
    if parameter.shape.num_elements() != 1:
        axes.remove(1 if arguments["channels_first"] else axes[-1])
    total = tf.reshape(tf.reduce_sum(products, axes), tf.shape(parameter))
    return tf.cast(total, parameter.dtype)


@tf.RegisterGradient("KerasPooling>BlendingPoolGrad")
def _blending_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    arguments = _arguments_of(op)
    if arguments["reduction"] == b"avg":
        # dx is linear in dy, and its adjoint is the average itself.
        ddy = _op("BlendingPool")(x=ddx, parameter=[], **arguments)
        return _with_nones(op, ddy)
    if op.get_attr("num_parameters"):
        raise LookupError("The gradient of a learned pooling has no gradient yet.")
    dy, _, x = op.inputs[:3]
    with tf.GradientTape() as tape:
        tape.watch([dy, x])
        dx = _composed_gradient(arguments, x, dy)
    # By way of x, y has its share in the second of these.
    ddy, through_x = tape.gradient(dx, [dy, x], output_gradients=ddx)
    return _with_nones(op, ddy, None, through_x)


def _composed_gradient(arguments: dict[str, Any], x: Any, dy: Any) -> Any:
    """The gradient of a blending op by the portable path, to be differentiated on."""
    windows = _windows_of(arguments)
    data_format = "channels_first" if arguments["channels_first"] else "channels_last"
    with tf.GradientTape() as tape:
        tape.watch(x)
        if arguments["reduction"] == b"expectation":
            y = portable.stochastic_pool(x, windows, data_format, None)
        else:
            p = struct.unpack("<d", struct.pack("<q", arguments["p_bits"]))[0]
            normalize = arguments["divisor_override"] == 0
            y = portable.lp_pool(x, windows, data_format, p, normalize)
    return tape.gradient(y, x, output_gradients=dy)


tf.no_gradient("KerasPooling>TapIndices")
tf.no_gradient("KerasPooling>FractionalRegions")
