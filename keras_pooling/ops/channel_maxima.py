"""Maxima over groups of channels: max pooling along their axis. Knows no layer."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_pooling import arguments
from keras_pooling.arguments import ArgumentError
from keras_pooling.ops import dispatch
from keras_pooling.ops.public import public
from keras_pooling.windows import SlidingWindows

Tensor = Any


@public
def maxout(inputs: Tensor, num_pieces: int, axis: int = -1) -> Tensor:
    """Greatest of each group of neighbouring channels. `Maxout` says it in full.

    Args:
        inputs: tensor with a batch axis, a channel axis and any others.
        num_pieces: int; channels per group, which must divide their number.
        axis: int; the channel axis: -1 for the last, 1 for `channels_first`.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the channels are no whole groups.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.maxout([[1., 5., 2., 3.]], 2))
    array([[5., 3.]], dtype=float32)
    """
    return greatest_pieces(inputs, **normalised(num_pieces, axis))


def normalised(num_pieces: Any, axis: Any) -> dict[str, Any]:
    """The arguments of `greatest_pieces`, or an `ArgumentError`."""
    axis = arguments.integer("axis", axis, -arguments.LARGEST)
    if axis == 0:
        raise ArgumentError(
            "the `axis` argument must be that of the channels, not of the batch. "
            "Received axis=0. Use axis=-1, or axis=1 for channels_first."
        )
    return {"num_pieces": arguments.integer("num_pieces", num_pieces), "axis": axis}


def greatest_pieces(inputs: Any, num_pieces: int, axis: int) -> Any:
    """Greatest of each group of `num_pieces` neighbours along an axis."""
    shape = dispatch.static_shape(inputs)
    at = axis if axis > 0 else axis + len(shape)
    if not 0 < at < len(shape):
        raise ArgumentError(
            f"the input has no channel axis {axis} beside the batch axis. Received "
            f"shape={shape}, axis={axis}. Use axis=-1, or reshape the input."
        )
    channels = shape[at]
    if channels is not None and (channels == 0 or channels % num_pieces):
        raise ArgumentError(
            f"{channels} channels are no whole groups of {num_pieces}. Received "
            f"shape={shape}, num_pieces={num_pieces}, axis={axis}. Use a num_pieces "
            "that divides the number of channels."
        )
    groups = None if channels is None else channels // num_pieces
    output_shape = (*shape[:at], groups, *shape[at + 1 :])
    if isinstance(inputs, keras.KerasTensor):
        given_dtype = keras.backend.standardize_dtype(inputs.dtype)
        dtype, _ = dispatch.dtypes("max_pool", shape, given_dtype)
        return keras.KerasTensor(output_shape, dtype=dtype)

    sizes = tuple(ops.shape(inputs))
    groups = sizes[at] // num_pieces
    # What stands before the channels is a batch, what comes after them are lanes.
    # Channels that are no whole groups, in a graph that did not know, do not fit here.
    before, after = math.prod(sizes[:at]), math.prod(sizes[at + 1 :])
    x = ops.reshape(inputs, (before, groups * num_pieces, after))
    windows = SlidingWindows((num_pieces,), (num_pieces,), (1,), "valid")
    y = dispatch.pool("max_pool", x, windows, "channels_last")
    y = ops.reshape(y, (*sizes[:at], groups, *sizes[at + 1 :]))
    return dispatch.with_static_shape(y, output_shape)
