"""Pooling by the registered ops, and their gradients; knows no layer and no loop."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from keras_pooling import _library, _tensorflow_internals
from keras_pooling.implementations.compiled import (
    Call,
    Compiled,
    Unpooling,
    composed,
    for_each_output,
    saved,
)

# What custom_ops/kernels/spec/attributes.inc lists: every op with windows has all, and
# those that know planes alone have two.
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
    "epsilon_bits",
    "overlapping",
)


class TensorFlow(Compiled):
    """The core's ops as TensorFlow has them registered."""

    def fractional_regions(
        self,
        size: Any,
        count: Any,
        rows: Any,
        seed: Any,
        pseudo_random: bool,
        axis: int,
    ) -> Any:
        """Draws the edges of one axis's regions; as `portable.fractional_regions`."""
        numbers = (size, count, rows)
        if not all(isinstance(number, int) for number in numbers):
            numbers = tf.stack([tf.cast(number, tf.int64) for number in numbers])
        return _op("FractionalRegions")(
            seed=tf.cast(seed, tf.int64),
            draw=tf.convert_to_tensor(numbers, tf.int64),
            pseudo_random=pseudo_random,
            axis=axis,
        )

    def select(self, call: Call, x: Any, edges: tuple, seed: Any = None) -> Any:
        """SelectingPool."""
        # A hint for XLA: a gradient will read the taps.
        read = _tensorflow_internals.may_be_differentiated()
        return _selecting_pool(call, x, edges, seed, read)[0]

    def select_with_taps(
        self, call: Call, x: Any, edges: tuple, seed: Any = None
    ) -> tuple[Any, Any]:
        """SelectingPool, and which tap won."""
        return _selecting_pool(call, x, edges, seed, True)

    def indices(self, call: Call, x: Any, taps: Any, edges: tuple, dtype: str) -> Any:
        """TapIndices of the pool of `x` that gave the taps."""
        return _op("TapIndices")(
            taps=taps,
            size=_sizes(x, call.channels_first),
            Index=tf.as_dtype(dtype),
            regions=_regions(edges),
            **call.attributes(),
        )

    def unpool(self, call: Call, y: Any, indices: Any, plane: Unpooling) -> Any:
        """MaxUnpool to the plane of these values."""
        sizes = plane.output_sizes(_spatial(y.shape, call.channels_first))
        if None in sizes:
            dynamic = _sizes(y, call.channels_first)
            sizes = plane.output_sizes(tf.unstack(dynamic, call.windows.rank))
        return _op("MaxUnpool")(
            y=y,
            indices=indices,
            size=tf.convert_to_tensor(sizes, tf.int64),
            window=[1] * call.windows.rank,
            channels_first=call.channels_first,
        )

    def blend(self, call: Call, x: Any, edges: tuple, parameter: Any = None) -> Any:
        """BlendingPool."""
        return _op("BlendingPool")(
            x=x,
            parameter=[] if parameter is None else [parameter],
            regions=_regions(edges),
            **call.attributes(),
        )

    def absolute(self, x: Any) -> Any:
        """|x|, whose gradient has the same bits inside XLA: no zero is multiplied."""
        return _absolute(tf.convert_to_tensor(x))

    def squeeze(self, y: Any, axes: tuple[int, ...]) -> Any:
        """As `keras.ops.squeeze`, without all that it asks first."""
        return tf.raw_ops.Squeeze(input=y, axis=axes)


pooling = TensorFlow()


@tf.custom_gradient
def _absolute(x: Any) -> Any:
    def gradient(dy: Any) -> Any:
        at_zero = tf.where(tf.math.is_nan(x), x, tf.zeros_like(x))
        return tf.where(x > 0, dy, tf.where(x < 0, -dy, at_zero))

    return tf.abs(x), gradient


def _selecting_pool(
    call: Call, x: Any, edges: tuple, seed: Any, taps_are_read: bool
) -> Any:
    small = call.taps_fit_a_byte(_spatial(x.shape, call.channels_first))
    return _op("SelectingPool")(
        x=x,
        seed=() if seed is None else [tf.cast(seed, tf.int64)],
        Tap=tf.uint8 if small else tf.int32,
        taps_are_read=taps_are_read,
        regions=_regions(edges),
        **call.attributes(),
    )


def _regions(edges: tuple) -> list[Any]:
    return [tf.cast(row, tf.int64) for row in edges]


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
    values = _tensorflow_internals.taped_attributes(op)
    if values is None:
        attributes = {name: op.get_attr(name) for name in _ATTRIBUTES}
    else:
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
    x, *parameter = op.inputs[: 1 + op.get_attr("num_parameters")]
    arguments = _arguments_of(op)
    if arguments["reduction"] == b"expectation":
        return _with_nones(op, _composed_gradient(arguments, dy, x))
    dx = _op("BlendingPoolGrad")(
        dy=dy,
        size=_sizes(x, arguments["channels_first"]),
        saved=saved(arguments["reduction"].decode(), x, op.outputs[0]),
        parameter=parameter,
        **arguments,
    )
    if not parameter or not _tensorflow_internals.is_wanted(op, 1):
        return _with_nones(op, dx)
    slopes = _op("BlendingPoolParameterGrad")(x=x, parameter=parameter, **arguments)
    return _with_nones(op, dx, _summed_like(parameter[0], dy, slopes, arguments))


def _summed_like(
    parameter: Any, dy: Any, slopes: Any, arguments: dict[str, Any]
) -> Any:
    """The gradient of a parameter: one number, or one for each channel."""
    axes = list(range(len(dy.shape)))
    if parameter.shape.num_elements() != 1:
        axes.remove(1 if arguments["channels_first"] else axes[-1])
    total = tf.reduce_sum(tf.cast(dy, slopes.dtype) * slopes, axes)
    return tf.reshape(total, tf.shape(parameter))


@tf.RegisterGradient("KerasPooling>BlendingPoolGrad")
def _blending_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    arguments = _arguments_of(op)
    count = op.get_attr("num_saved")
    if count == 0:
        # dx is linear in dy, and its adjoint is the average itself.
        ddy = _op("BlendingPool")(x=ddx, parameter=[], **arguments)
        return _with_nones(op, ddy)
    dy, x = op.inputs[0], op.inputs[2]
    end = 2 + count
    parameter = op.inputs[end : end + op.get_attr("num_parameters")]
    watched = [dy, x, *parameter]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        dx = _composed_gradient(arguments, *watched)
    # By way of x and the parameter, y has its share in what comes back to them.
    ddy, *through = tape.gradient(dx, watched, output_gradients=ddx)
    nothing = [None] * (count - 1)
    return _with_nones(op, ddy, None, through[0], *nothing, *through[1:])


@tf.RegisterGradient("KerasPooling>BlendingPoolParameterGrad")
def _blending_pool_parameter_grad_gradient(op: tf.Operation, dslopes: Any) -> Any:
    arguments = _texts(_arguments_of(op))
    x, parameter = op.inputs[:2]
    with tf.GradientTape() as tape:
        tape.watch([x, parameter])
        numbers = for_each_output(arguments, x, parameter)
        with tf.GradientTape() as inner:
            inner.watch(numbers)
            y = composed(arguments, x, numbers)
        slopes = inner.gradient(y, numbers)
    return _with_nones(op, *tape.gradient(slopes, [x, parameter], dslopes))


def _composed_gradient(arguments: dict[str, Any], dy: Any, *inputs: Any) -> Any:
    """The gradient of a blending op by the portable path, to be differentiated on."""
    with tf.GradientTape() as tape:
        tape.watch(inputs[0])
        y = composed(_texts(arguments), *inputs)
    return tape.gradient(y, inputs[0], output_gradients=dy)


def _texts(arguments: dict[str, Any]) -> dict[str, Any]:
    """Attributes with texts as the core has them."""
    return {n: v.decode() if isinstance(v, bytes) else v for n, v in arguments.items()}


# Both are linear, and each is the other's transpose.


@tf.RegisterGradient("KerasPooling>MaxUnpool")
def _max_unpool_gradient(op: tf.Operation, dx: Any) -> Any:
    layout = {name: op.get_attr(name) for name in ("window", "channels_first")}
    dy = _op("MaxUnpoolGrad")(dx=dx, indices=op.inputs[1], **layout)
    return _with_nones(op, dy)


@tf.RegisterGradient("KerasPooling>MaxUnpoolGrad")
def _max_unpool_grad_gradient(op: tf.Operation, ddy: Any) -> Any:
    layout = {name: op.get_attr(name) for name in ("window", "channels_first")}
    size = _sizes(op.inputs[0], layout["channels_first"])
    ddx = _op("MaxUnpool")(y=ddy, indices=op.inputs[1], size=size, **layout)
    return _with_nones(op, ddx)


tf.no_gradient("KerasPooling>TapIndices")
tf.no_gradient("KerasPooling>FractionalRegions")
