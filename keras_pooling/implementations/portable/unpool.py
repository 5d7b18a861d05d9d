"""Values back at their places, composed of keras.ops; knows no layer.

Which value stays at each position is found first, in integers; the values follow by
being gathered, so that their bits and their gradient are those of a copy.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling.arguments import ArgumentError, Unpooling
from keras_pooling.implementations.portable.spans import take_along


def max_unpool(x: Any, windows: Unpooling, data_format: str, indices: Any) -> Any:
    """Each value at its index among zeros; the last of those that share one.

    An index outside the plane is an error, except inside the compilers of JAX, PyTorch
    and XLA, where its value is left out.
    """
    if data_format == "channels_first":
        x, indices = ops.moveaxis(x, 1, -1), ops.moveaxis(indices, 1, -1)
    if keras.config.backend() != "jax":  # which may have no int64
        indices = ops.cast(indices, "int64")
    batch, *sizes, channels = map(_number, ops.shape(x))
    planes = windows.output_sizes(sizes)
    indices = _inside_when_run(indices, planes)
    flat = (batch, math.prod(sizes), channels)
    x, indices = ops.reshape(x, flat), ops.reshape(indices, flat)
    last = _last_windows(indices, (batch, math.prod(planes), channels))
    y = take_along(x, ops.maximum(last, 0), axis=1)
    y = ops.where(last >= 0, y, ops.zeros_like(y))
    y = ops.reshape(y, (batch, *planes, channels))
    return ops.moveaxis(y, -1, 1) if data_format == "channels_first" else y


def _number(size: Any) -> Any:
    """A size that products may be made of."""
    return ops.cast(size, "int64") if ops.is_tensor(size) else size


def _last_windows(indices: Any, shape: tuple) -> Any:
    """For each position of each lane the last window with that index; −1: none has it.

    Args:
        indices: tensor (batch, windows, channels).
        shape: (batch, positions, channels).
    """
    inside = (indices >= 0) & (indices < shape[1])
    place = ops.where(inside, indices, 0)
    count = ops.shape(indices)[1]
    window = ops.where(inside, _along(1, ops.arange(count, dtype=indices.dtype)), -1)
    if keras.config.backend() == "torch":
        import torch

        # Keras's segments are reduced as floats there, which count to 2²⁴.
        none = torch.full(shape, -1, dtype=window.dtype, device=window.device)
        return none.scatter_reduce(1, place.long(), window, "amax")
    batch, _, channels = (ops.arange(size, dtype=indices.dtype) for size in shape)
    if keras.config.backend() == "jax":
        import jax.numpy as jnp

        # By three numbers: one for all elements may need int64.
        none = jnp.full(shape, -1, window.dtype)
        return none.at[_along(0, batch), place, _along(2, channels)].max(window)
    place = (_along(0, batch) * shape[1] + place) * shape[2] + _along(2, channels)
    flat = (ops.reshape(window, (-1,)), ops.reshape(place, (-1,)))
    last = ops.segment_max(*flat, num_segments=math.prod(shape))
    return ops.reshape(ops.maximum(last, -1), shape)


def _along(axis: int, numbers: Any) -> Any:
    """Shapes a vector to broadcast along one of three axes."""
    shape = [1, 1, 1]
    shape[axis] = -1
    return ops.reshape(numbers, shape)


def _inside_when_run(indices: Any, planes: tuple) -> Any:
    """The indices, refused as soon as they are known."""
    plane = math.prod(planes)
    known = _known(indices)
    if known is not None:
        outside = np.argwhere((known < 0) | (known >= plane))
        if len(outside):
            n, *place, c = outside[0].tolist()
            found = known[n, *place, c]
            raise ArgumentError(
                f"an index lies outside the plane: indices hold {found} at "
                f"{tuple(place)} of image {n}, channel {c}, the plane {planes} has "
                f"{plane} elements. Hand over the indices that pooling gave, and the "
                "sizes of what it pooled."
            )
    elif keras.config.backend() == "tensorflow":
        import tensorflow as tf

        message = "keras_pooling: an index lies outside the plane."
        end = tf.cast(plane, indices.dtype)
        checks = [
            tf.debugging.assert_non_negative(indices, message),
            tf.debugging.assert_less(indices, end, message),
        ]
        with tf.control_dependencies([check for check in checks if check is not None]):
            return tf.identity(indices)
    return indices


def _known(indices: Any) -> np.ndarray | None:
    """The numbers; None where only a program that is being made will know them."""
    if keras.config.backend() == "torch":
        import torch

        if torch.compiler.is_compiling():
            return None
    try:
        return ops.convert_to_numpy(indices)
    except (NotImplementedError, TypeError):
        return None
