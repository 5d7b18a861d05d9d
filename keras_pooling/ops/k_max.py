"""The k greatest steps of each channel, in their order in time. Knows no layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_pooling import arguments
from keras_pooling.arguments import ArgumentError, DataFormat
from keras_pooling.implementations.portable.native import widened
from keras_pooling.implementations.portable.spans import extremes, take_along
from keras_pooling.ops import dispatch
from keras_pooling.ops.public import public

Tensor = Any

_INFINITIES = {"int32": 0x7F80_0000, "int64": 0x7FF0_0000_0000_0000}  # their bits


@public
def k_max_pool(
    inputs: Tensor,
    k: int,
    data_format: DataFormat | None = None,
    *,
    layer: int | None = None,
    num_layers: int | None = None,
) -> Tensor:
    """The k greatest steps of each channel, in their order. `KMaxPool1D` says it all.

    Args:
        inputs: tensor with one spatial axis, the steps.
        k: int; steps to keep, or the fewest where `layer` is given.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        layer: int from 1 to `num_layers`; which of the layers of dynamic pooling it is,
            so that more is kept of longer inputs. None: k steps of any.
        num_layers: int; how many layers there are. None where `layer` is.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or there are no steps.

    Example:

    >>> x = [[[1.], [5.], [2.], [3.], [4.]]]
    >>> keras.ops.convert_to_numpy(kp.ops.k_max_pool(x, 3))
    array([[[5.],
            [3.],
            [4.]]], dtype=float32)
    """
    return greatest_steps(inputs, **normalised(k, data_format, layer, num_layers))


def normalised(k: Any, data_format: Any, layer: Any, num_layers: Any) -> dict[str, Any]:
    """The arguments of `greatest_steps`, or an `ArgumentError`."""
    if (layer is None) != (num_layers is None):
        raise ArgumentError(
            "give both of the `layer` and `num_layers` arguments, or none. Received "
            f"layer={layer!r}, num_layers={num_layers!r}. Use for example layer=1, "
            "num_layers=2."
        )
    if layer is not None:
        num_layers = arguments.integer("num_layers", num_layers)
        layer = arguments.integer("layer", layer, 1, num_layers)
    return {
        "k": arguments.integer("k", k),
        "data_format": arguments.data_format_name(data_format),
        "layer": layer,
        "num_layers": num_layers,
    }


def greatest_steps(
    inputs: Any,
    k: int,
    data_format: str,
    layer: int | None,
    num_layers: int | None,
    mask: Any = None,
) -> Any:
    """The greatest steps of each channel, and zeros after them where they are too few.

    Args:
        inputs: tensor or `KerasTensor` with one spatial axis.
        k: how many, at least.
        data_format: `"channels_last"` or `"channels_first"`.
        layer: which layer of dynamic pooling; None: k steps of any input.
        num_layers: how many of these there are.
        mask: tensor `(batch, steps)`, true where a step counts; None for all.
    """
    shape, axis = dispatch.static_shape(inputs), _steps_axis(inputs, data_format)
    if mask is not None:
        _check_mask(mask, shape, shape[axis])
    kept = Kept(k, layer, num_layers)
    output_shape = (*shape[:axis], kept.of(shape[axis]), *shape[axis + 1 :])
    given_dtype = keras.backend.standardize_dtype(inputs.dtype)
    dtype, wide = dispatch.dtypes("max_pool", shape, given_dtype)
    if isinstance(inputs, keras.KerasTensor):
        return keras.KerasTensor(output_shape, dtype=dtype)

    # JAX has all types, and sorts them; not the wider one that others need.
    wide = given_dtype if keras.config.backend() == "jax" else wide
    x = inputs if given_dtype == wide else ops.cast(inputs, wide)
    x = ops.transpose(x, (0, 2, 1)) if axis == 1 else x
    steps = ops.shape(x)[-1]
    count = kept.of(steps)
    if mask is None and isinstance(steps, int) and steps >= count:
        places = ops.sort(_greatest(_keys(x), count), axis=-1)
        y = take_along(x, places, 2)
    else:
        y = _filled(x, steps, kept, mask)
    y = ops.transpose(y, (0, 2, 1)) if axis == 1 else y
    y = y if dtype == wide else ops.cast(y, dtype)
    return dispatch.with_static_shape(y, output_shape)


def mask_of_kept(
    inputs: Any,
    k: int,
    data_format: str,
    layer: int | None,
    num_layers: int | None,
    mask: Any = None,
) -> Any:
    """Which of the steps that `greatest_steps` gives are some of the input's.

    Args:
        inputs: tensor or `KerasTensor`, as there.
        k: as there.
        data_format: as there.
        layer: as there.
        num_layers: as there.
        mask: as there.

    Returns:
        Tensor `(batch, steps kept)`; None if all are, or nothing says otherwise.
    """
    steps = dispatch.static_shape(inputs)[_steps_axis(inputs, data_format)]
    is_symbolic = isinstance(inputs, keras.KerasTensor)
    if isinstance(steps, int):
        is_full = steps >= Kept(k, layer, num_layers).of(steps)
    else:
        is_full = is_symbolic  # what a model is not told is seen when it runs
    if mask is None and is_full:
        return None
    operation = KeptSteps(k, data_format, layer, num_layers)
    return operation(inputs, mask) if is_symbolic else operation.call(inputs, mask)


@keras.saving.register_keras_serializable(package="keras_pooling")
class KeptSteps(keras.Operation):
    """The mask behind k-max pooling, as a node of a functional model.

    Args:
        k: as in `greatest_steps`.
        data_format: as there.
        layer: as there.
        num_layers: as there.
        name: name of the node. None: one that Keras makes.
    """

    def __init__(
        self,
        k: int,
        data_format: str,
        layer: int | None,
        num_layers: int | None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        self.kept = Kept(k, layer, num_layers)
        self.data_format = data_format

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Tells which steps are kept."""
        sizes = ops.shape(inputs)
        steps = sizes[_steps_axis(inputs, self.data_format)]
        count = self.kept.of(steps)
        is_kept = _is_kept(_counted(steps, mask), count, self.kept)
        return ops.broadcast_to(ops.reshape(is_kept, (-1, count)), (sizes[0], count))

    def compute_output_spec(self, inputs: Any, mask: Any = None) -> Any:
        """Returns the mask's shape and dtype."""
        steps = inputs.shape[_steps_axis(inputs, self.data_format)]
        shape = (inputs.shape[0], self.kept.of(steps))
        return keras.KerasTensor(shape, dtype="bool")

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` needs."""
        config = {**self.kept._asdict(), "data_format": self.data_format}
        return {**config, "name": self.name}


class Kept(NamedTuple):
    """How many steps are kept: k, or more of long inputs by a layer of several."""

    k: int
    layer: int | None
    num_layers: int | None

    def of(self, steps: Any) -> Any:
        """How many of so many; None where that is not known."""
        if self.layer is None or self.num_layers in (None, self.layer):
            return self.k
        if steps is None:
            return None
        _, maximum = extremes(steps)
        # L - l of L parts, rounded up. Nothing below 0 is divided.
        parts = (self.num_layers - self.layer) * steps
        return maximum(self.k, (parts + self.num_layers - 1) // self.num_layers)


def _steps_axis(inputs: Any, data_format: str) -> int:
    shape = dispatch.static_shape(inputs)
    axis = 1 if data_format == "channels_last" else 2
    if len(shape) != 3 or shape[axis] == 0:
        raise ArgumentError(
            "the input must have a batch axis, a channel axis and one axis of steps, "
            f"of which there is at least one. Received shape={shape}. Reshape the "
            "input."
        )
    return axis


def _check_mask(mask: Any, shape: tuple, steps: int | None) -> None:
    of_mask = dispatch.static_shape(mask)
    if len(of_mask) != 2 or (None not in (of_mask[1], steps) and of_mask[1] != steps):
        raise ArgumentError(
            "the `mask` argument must have the shape (batch, steps). Received "
            f"shape={shape}, mask.shape={of_mask}. Give one number per step."
        )


def _filled(x: Any, steps: Any, kept: Kept, mask: Any) -> Any:
    """The greatest of the steps that count, then zeros, on the last axis."""
    if mask is not None:
        order = ops.expand_dims(_unmasked_first(mask, steps), 1)
        x = take_along(x, ops.broadcast_to(order, ops.shape(x)), 2)
    count = kept.of(steps)
    _, maximum = extremes(steps)
    x = ops.pad(x, [(0, 0), (0, 0), (0, maximum(count - steps, 0))])
    counted, keys = _counted(steps, mask), _keys(x)
    # What does not count lies behind all that does, and is not chosen before its like.
    counts = ops.arange(ops.shape(x)[-1], dtype="int32") < counted
    dtype = keras.backend.standardize_dtype(keys.dtype)
    least = -math.inf if "float" in dtype else np.iinfo(dtype).min
    places = _greatest(ops.where(counts, keys, least), count)
    is_kept = _is_kept(counted, count, kept)
    # Those that are kept come first, before sorting and after it.
    places = ops.sort(ops.where(is_kept, places, arguments.LARGEST), axis=-1)
    y = take_along(x, ops.where(is_kept, places, 0), 2)
    return ops.where(is_kept, y, ops.zeros_like(y))


def _counted(steps: Any, mask: Any) -> Any:
    """How many steps count: one number, or `(batch, 1, 1)` of them."""
    if mask is None:
        return steps
    mask = ops.cast(ops.cast(mask, "bool"), "int32")
    return ops.reshape(ops.sum(mask, axis=1), (-1, 1, 1))


def _is_kept(counted: Any, count: Any, kept: Kept) -> Any:
    """Whether a step of the output, on the last axis, is one of the input."""
    minimum, _ = extremes(counted)
    return ops.arange(count, dtype="int32") < minimum(counted, kept.of(counted))


def _unmasked_first(mask: Any, steps: Any) -> Any:
    """For each sample the steps that count, then the others, both in order."""
    step = ops.arange(steps, dtype="int32")
    order = ops.sort(ops.where(ops.cast(mask, "bool"), step, step + steps), axis=-1)
    return ops.where(order < steps, order, order - steps)


def _keys(x: Any) -> Any:
    """Numbers in the order of the elements: 0 and -0 are equal, and NaN the greatest.

    They are integers, so that no backend has rules of its own. Only on JAX halves and
    float32 stay floats, whose order by their bits is many times as fast there.
    """
    x = ops.stop_gradient(x)
    dtype = keras.backend.standardize_dtype(x.dtype)
    if "float" not in dtype:
        return ops.cast(x, "uint8") if dtype == "bool" else x
    x = widened(x)
    integer = "int64" if dtype == "float64" else "int32"
    limits = np.iinfo(integer)
    # With an axis of 1 behind, Keras need not know how long the last one is.
    bits = ops.view(ops.expand_dims(x, -1), integer)
    # The bits below the sign bit are the magnitude.
    keys = ops.where(bits < 0, limits.min - bits, bits)
    keys = ops.where(ops.abs(keys) > _INFINITIES[integer], limits.max, keys)
    if keras.config.backend() == "jax" and integer == "int32":
        keys = ops.view(ops.where(keys < 0, limits.min - keys, keys), "float32")
    return keys[..., 0]


def _greatest(keys: Any, count: Any) -> Any:
    """Where on the last axis the greatest are, the first of equals first."""
    if keras.config.backend() != "torch":
        return ops.top_k(keys, count)[1]
    # PyTorch takes any of equals: each step's key must be another one.
    if keras.backend.standardize_dtype(keys.dtype) == "int64":
        return ops.argsort(ops.bitwise_not(keys), axis=-1)[..., :count]
    steps = ops.shape(keys)[-1]
    place = ops.arange(steps - 1, -1, -1, dtype="int64")
    return ops.top_k(ops.cast(keys, "int64") * 2**32 + place, count)[1]
