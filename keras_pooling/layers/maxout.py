"""Maxout. How maxima are found is not known here."""

from __future__ import annotations

from typing import Any

import keras

from keras_pooling.layers.base import BaseComposedPooling
from keras_pooling.ops import channel_maxima


class Maxout(BaseComposedPooling):
    """Greatest of each group of neighbouring channels: an activation that learns.

    `y[…, c] = max of x[…, c · num_pieces + i] over i = 0 … num_pieces - 1`, everywhere
    on the other axes: behind a `Dense` or convolution layer with
    `num_pieces · c` units it makes of them c convex, piecewise linear functions. NaN,
    ties and gradient are as in `MaxPool`: a NaN gives NaN, the gradient goes to the
    first greatest. A mask is passed on.

    Args:
        num_pieces: int; channels per group, which must divide their number.
        axis: int; the channel axis: -1 for the last, 1 for `channels_first`.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        A batch axis, a channel axis and any others. Each may be None.

    Output shape:
        The same with `channels / num_pieces` channels.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or the
            channels are no whole groups (when the input's shape is known).

    References:
        Goodfellow et al., Maxout Networks, 2013.

    Example:

    >>> x = np.array([[1., 5., 2., 3., -4., -1.]])
    >>> keras.ops.convert_to_numpy(kp.Maxout(2)(x))
    array([[ 5.,  3., -1.]], dtype=float32)
    """

    function = staticmethod(channel_maxima.greatest_pieces)
    normalised = staticmethod(channel_maxima.normalised)

    def __init__(
        self, num_pieces: int, axis: int = -1, name: str | None = None, **kwargs: Any
    ):
        given = {"num_pieces": num_pieces, "axis": axis}
        super().__init__(given, name=name, **kwargs)
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.supports_masking = True
