"""Adaptive pooling to several sizes at once, as one vector. Knows no layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pooling import arguments
from keras_pooling.arguments import ArgumentError, DataFormat, PyramidMode
from keras_pooling.ops import dispatch
from keras_pooling.ops.public import public
from keras_pooling.windows import AdaptiveWindows

Tensor = Any

_FUNCTIONS = {"max": "max_pool", "avg": "avg_pool"}


@public
def spatial_pyramid_pool(
    inputs: Tensor,
    levels: Sequence[int] = (1, 2, 4),
    mode: PyramidMode = "max",
    data_format: DataFormat | None = None,
) -> Tensor:
    """A vector of one length for any image, as `SpatialPyramidPool2D` has it.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        levels: ints; how many windows each level has along each axis.
        mode: `"max"` or `"avg"`; what is taken of each window.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.

    Returns:
        Tensor `(batch, features)`, of the input's dtype; averages of integers are
        floats.

    Raises:
        ValueError: if an argument is not allowed or a spatial axis is empty.

    Example:

    >>> x = [[[1.], [5.], [2.], [3.]]]
    >>> keras.ops.convert_to_numpy(kp.ops.spatial_pyramid_pool(x, levels=(1, 2)))
    array([[5., 5., 3.]], dtype=float32)
    """
    return pyramid(inputs, **normalised(levels, mode, data_format))


def normalised(levels: Any, mode: Any, data_format: Any) -> dict[str, Any]:
    """The arguments of `pyramid`, or an `ArgumentError`."""
    try:
        entries = () if isinstance(levels, str) else tuple(levels)
    except TypeError:
        entries = ()
    if not entries:
        raise ArgumentError(
            "the `levels` argument must hold one integer per level. Received "
            f"levels={levels!r}. Use for example levels=(1, 2, 4)."
        )
    return {
        "levels": tuple(arguments.integer("levels", entry) for entry in entries),
        "mode": arguments.choice("mode", mode, tuple(_FUNCTIONS)),
        "data_format": arguments.data_format_name(data_format),
    }


def pyramid(inputs: Any, levels: tuple[int, ...], mode: str, data_format: str) -> Any:
    """Of level after level the windows, row by row, each with all its channels."""
    rank, shape = dispatch.rank_of(inputs), dispatch.static_shape(inputs)
    channel_axis = rank + 1 if data_format == "channels_last" else 1
    pooled = [
        dispatch.pool(
            _FUNCTIONS[mode], inputs, AdaptiveWindows((level,) * rank), data_format
        )
        for level in levels
    ]
    windows, channels = [level**rank for level in levels], shape[channel_axis]
    features = None if channels is None else channels * sum(windows)
    if isinstance(inputs, keras.KerasTensor):
        return keras.KerasTensor((shape[0], features), dtype=pooled[0].dtype)

    sizes = ops.shape(inputs)
    batch, channels = sizes[0], sizes[channel_axis]
    if data_format == "channels_first":
        pooled = [ops.moveaxis(part, 1, -1) for part in pooled]
    vector = ops.concatenate(
        [
            ops.reshape(part, (batch, count * channels))
            for part, count in zip(pooled, windows, strict=True)
        ],
        axis=1,
    )
    return dispatch.with_static_shape(vector, (shape[0], features))
