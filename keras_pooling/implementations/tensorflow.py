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
    without_defaults,
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
        return _run(
            "FractionalRegions",
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
        return _run(
            "TapIndices",
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
        return _run(
            "MaxUnpool",
            y=y,
            indices=indices,
            size=tf.convert_to_tensor(sizes, tf.int64),
            window=[1] * call.windows.rank,
            channels_first=call.channels_first,
        )

    def blend(self, call: Call, x: Any, edges: tuple, parameter: Any = None) -> Any:
        """BlendingPool."""
        return _run(
            "BlendingPool",
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
        outputs = _outputs("Squeeze", [y], {"squeeze_dims": list(axes)})
        return tf.squeeze(y, axes) if outputs is None else outputs


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
    return _run(
        "SelectingPool",
        x=x,
        seed=() if seed is None else [tf.cast(seed, tf.int64)],
        Tap=tf.uint8 if small else tf.int32,
        taps_are_read=taps_are_read,
        regions=_regions(edges),
        **call.attributes(),
    )


def _regions(edges: tuple) -> list[Any]:
    return [tf.cast(row, tf.int64) for row in edges]


def _run(name: str, **arguments: Any) -> Any:
    """Runs an op of ours now, or makes it in the graph that is being made."""
    kind, attributes = f"KerasPooling>{name}", dict(arguments)
    inputs = [attributes.pop(taken) for taken, _, _ in _signature(kind)[0]]
    outputs = _outputs(kind, inputs, attributes)
    return _function(name)(**arguments) if outputs is None else outputs


def _outputs(name: str, inputs: list, attributes: dict[str, Any]) -> Any:
    """What an op gives; None where TensorFlow's function of it must be called.

    That sets every attribute, which takes longer than all else in a graph, and as long
    as a small pool outside. Here only those that are given are set.
    """
    if tf.executing_eagerly():
        return _tensorflow_internals.run_op(name, inputs, attributes)
    if _tensorflow_internals.sees_new_ops():
        return None
    return _made(name, inputs, attributes)


def _made(name: str, inputs: list, attributes: dict[str, Any]) -> Any:
    """The outputs of an op that is made in a graph, with these attributes alone."""
    tensors: list[tf.Tensor] = []
    takes, gives = _signature(name)
    for given, (_, kind, number) in zip(inputs, takes, strict=True):
        some = [tf.convert_to_tensor(x) for x in (given if number else [given])]
        if number:
            attributes[number] = len(some)
        if kind and some:
            attributes[kind] = some[0].dtype
        tensors += some
    op = _tensorflow_internals.create_op(
        name,
        tensors,
        [attributes.get(kind, tf.int64) for kind in gives],
        attributes,
        {name: _attribute(value) for name, value in attributes.items()},
    )
    return op.outputs if len(gives) > 1 else op.outputs[0]


@functools.cache
def _signature(name: str) -> tuple[list, list]:
    """Names of inputs, with attributes of type and number; such of outputs' types."""
    definition = tf.Graph().op_def_for_type(name)
    takes = [(x.name, x.type_attr, x.number_attr) for x in definition.input_arg]
    return takes, [y.type_attr for y in definition.output_arg]


@functools.cache
def _function(name: str) -> Any:
    """The Python function of a registered op: SelectingPool is …_selecting_pool."""
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return getattr(_library.load(), f"keras_pooling{words}")


def _attribute(value: Any) -> tf.compat.v1.AttrValue:
    """As a node of a graph has it."""
    if isinstance(value, list):
        return tf.compat.v1.AttrValue(list={"i": value})
    if isinstance(value, str):
        return tf.compat.v1.AttrValue(s=value.encode())
    if isinstance(value, tf.DType):
        return tf.compat.v1.AttrValue(type=value.as_datatype_enum)
    if isinstance(value, bool):
        return tf.compat.v1.AttrValue(b=value)
    return tf.compat.v1.AttrValue(i=value)


def _value(attribute: tf.compat.v1.AttrValue) -> Any:
    """The inverse of `_attribute`, but for types, and texts as bytes."""
    kind = attribute.WhichOneof("value")
    return list(attribute.list.i) if kind == "list" else getattr(attribute, kind)


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
    attributes = _attributes_of(op)
    count = attributes["num_regions"]
    regions = list(op.inputs[len(op.inputs) - count :])
    return {**without_defaults(attributes), "regions": regions}


def _attributes_of(op: tf.Operation) -> dict[str, Any]:
    """The attributes of an op, or of what a tape has in its place."""
    values = _tensorflow_internals.taped_attributes(op)
    if values is None:
        values = {name: _value(given) for name, given in op.node_def.attr.items()}
    return {n: v.decode() if isinstance(v, bytes) else v for n, v in values.items()}


def _with_nones(op: tf.Operation, *gradients: Any) -> list[Any]:
    """These gradients for the first inputs, and none for the others."""
    return [*gradients, *[None] * (len(op.inputs) - len(gradients))]


@tf.RegisterGradient("KerasPooling>SelectingPool")
def _selecting_pool_gradient(op: tf.Operation, dy: Any, *_: Any) -> Any:
    arguments = _arguments_of(op)
    size = _sizes(op.inputs[0], arguments.get("channels_first"))
    _, taps = _tensorflow_internals.outputs_of(op)
    dx = _run("SelectingPoolGrad", dy=dy, taps=taps, size=size, **arguments)
    return _with_nones(op, dx)


@tf.RegisterGradient("KerasPooling>SelectingPoolGrad")
def _selecting_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    # dx is linear in dy: what comes back to dy is the tap that won.
    arguments = _arguments_of(op)
    ddy = _run("SelectingPoolPick", x=ddx, taps=op.inputs[1], **arguments)
    return _with_nones(op, ddy)


@tf.RegisterGradient("KerasPooling>SelectingPoolPick")
def _selecting_pool_pick_gradient(op: tf.Operation, dy: Any) -> Any:
    arguments = _arguments_of(op)
    size = _sizes(op.inputs[0], arguments.get("channels_first"))
    dx = _run("SelectingPoolGrad", dy=dy, taps=op.inputs[1], size=size, **arguments)
    return _with_nones(op, dx)


@tf.RegisterGradient("KerasPooling>BlendingPool")
def _blending_pool_gradient(op: tf.Operation, dy: Any) -> Any:
    x, *parameter = op.inputs[: 1 + op.get_attr("num_parameters")]
    arguments = _arguments_of(op)
    if arguments["reduction"] == "expectation":
        return _with_nones(op, _composed_gradient(arguments, dy, x))
    dx = _run(
        "BlendingPoolGrad",
        dy=dy,
        size=_sizes(x, arguments.get("channels_first")),
        saved=saved(arguments["reduction"], x, op.outputs[0]),
        parameter=parameter,
        **arguments,
    )
    if not parameter or not _tensorflow_internals.is_wanted(op, 1):
        return _with_nones(op, dx)
    slopes = _run("BlendingPoolParameterGrad", x=x, parameter=parameter, **arguments)
    return _with_nones(op, dx, _summed_like(parameter[0], dy, slopes, arguments))


def _summed_like(
    parameter: Any, dy: Any, slopes: Any, arguments: dict[str, Any]
) -> Any:
    """The gradient of a parameter: one number, or one for each channel."""
    axes = list(range(len(dy.shape)))
    if parameter.shape.num_elements() != 1:
        axes.remove(1 if arguments.get("channels_first") else axes[-1])
    total = tf.reduce_sum(tf.cast(dy, slopes.dtype) * slopes, axes)
    return tf.reshape(total, tf.shape(parameter))


@tf.RegisterGradient("KerasPooling>BlendingPoolGrad")
def _blending_pool_grad_gradient(op: tf.Operation, ddx: Any) -> Any:
    arguments = _arguments_of(op)
    count = op.get_attr("num_saved")
    if count == 0:
        # dx is linear in dy, and its adjoint is the average itself.
        ddy = _run("BlendingPool", x=ddx, parameter=[], **arguments)
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
    arguments = _arguments_of(op)
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
        y = composed(arguments, *inputs)
    return tape.gradient(y, inputs[0], output_gradients=dy)


# Both are linear, and each is the other's transpose.


@tf.RegisterGradient("KerasPooling>MaxUnpool")
def _max_unpool_gradient(op: tf.Operation, dx: Any) -> Any:
    layout = _layout_of(op)
    dy = _run("MaxUnpoolGrad", dx=dx, indices=op.inputs[1], **layout)
    return _with_nones(op, dy)


@tf.RegisterGradient("KerasPooling>MaxUnpoolGrad")
def _max_unpool_grad_gradient(op: tf.Operation, ddy: Any) -> Any:
    layout = _layout_of(op)
    size = _sizes(op.inputs[0], layout["channels_first"])
    ddx = _run("MaxUnpool", y=ddy, indices=op.inputs[1], size=size, **layout)
    return _with_nones(op, ddx)


def _layout_of(op: tf.Operation) -> dict[str, Any]:
    attributes = _attributes_of(op)
    return {name: attributes[name] for name in ("window", "channels_first")}


tf.no_gradient("KerasPooling>TapIndices")
tf.no_gradient("KerasPooling>FractionalRegions")
