"""Spatial pyramid pooling. How a window is reduced is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, PyramidMode
from keras_pooling.layers.base import BaseComposedPooling
from keras_pooling.ops import spatial_pyramid


class SpatialPyramidPool2D(BaseComposedPooling):
    """A vector of one length for images of any size, for the layers that need one.

    Adaptive pooling of the image to `level × level` windows for each of the levels,
    flattened and joined. `AdaptiveMaxPool` and `AdaptiveAvgPool` say where the windows
    fall, and what their gradients are.

    The order is that of the levels; in a level, of the windows row by row; in a window,
    of the channels. It is the same for both layouts, so that the weights behind the
    layer serve either.

    Args:
        levels: ints; how many windows each level has along each axis.
        mode: `"max"` or `"avg"`; what is taken of each window.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels · Σ level²)`: 21 numbers per channel with the default levels.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    References:
        He et al., Spatial Pyramid Pooling in Deep Convolutional Networks for Visual
        Recognition, 2014.

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> y = kp.SpatialPyramidPool2D(levels=(1, 2), mode="avg")(x)
    >>> keras.ops.convert_to_numpy(y)
    array([[5.5, 2.5, 4.5, 6.5, 8.5]], dtype=float32)
    """

    rank = 2
    function = staticmethod(spatial_pyramid.pyramid)
    normalised = staticmethod(spatial_pyramid.normalised)

    def __init__(
        self,
        levels: Sequence[int] = (1, 2, 4),
        mode: PyramidMode = "max",
        data_format: DataFormat | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        given = {"levels": levels, "mode": mode, "data_format": data_format}
        super().__init__(given, name=name, **kwargs)
