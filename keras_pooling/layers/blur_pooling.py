"""Layers that blur before they subsample. How is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import BlurPadding, DataFormat
from keras_pooling.layers.base import BaseComposedPooling
from keras_pooling.ops import blur


class BlurPool2D(BaseComposedPooling):
    """Blurs the height and width of images, then subsamples them, against aliasing.

    `y[o] = Σ w[i] · w[j] · x[o · strides + (i, j) - before]` over the taps i, j of the
    filter, for each channel on its own, with the binomial weights

    `w[i] = binomial(filter_size - 1, i) / 2^(filter_size - 1)`

    so that 3 taps are `(1, 2, 1) / 4`. With `padding="same"` the image is reflected
    without its edge, `before = (filter_size - 1) // 2` elements before it and
    `filter_size // 2` after it, as in the paper's code; an axis of `size` elements
    gives `ceil(size / strides)`. With `padding="valid"`, where before is 0, it gives
    `floor((size - filter_size) / strides) + 1`.

    It is computed as `filter_size - 1` averages of two neighbours, one after the other.
    float16 and bfloat16 are blurred in float32 and rounded once; integers are blurred
    as floats.

    Args:
        filter_size: int from 2 to 7; taps of the filter along each axis.
        strides: int or one per axis; elements from one output to the next.
        padding: `"same"`, by reflection, or `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with shorter spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or the image
            is too small to be reflected or to hold the filter (when its shape is
            known): it must have `filter_size // 2 + 1` elements along each axis, and
            `filter_size` with `padding="valid"`.

    References:
        Zhang, Making Convolutional Networks Shift-Invariant Again, 2019.

    Example:

    >>> x = np.array([[4., 0., 0.], [0., 0., 0.], [0., 0., 16.]]).reshape(1, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.BlurPool2D()(x))[0, ..., 0]
    array([[1., 0.],
           [0., 4.]], dtype=float32)
    """

    rank = 2
    function = staticmethod(blur.blurred)
    normalised = staticmethod(blur.normalised)

    def __init__(
        self,
        filter_size: int = 3,
        strides: int | Sequence[int] = 2,
        padding: BlurPadding = "same",
        data_format: DataFormat | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        given = {
            "rank": self.rank,
            "filter_size": filter_size,
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
        }
        super().__init__(given, name=name, **kwargs)


class MaxBlurPool2D(BaseComposedPooling):
    """Max pooling of images against aliasing: maxima at every step, then a blur.

    `MaxPooling2D(pool_size, 1)`, then `BlurPool2D(filter_size, strides, padding)`, as
    the paper's code puts them in the place of max pooling. `MaxPool` says what the
    maxima of NaN and ties and their gradient are, `BlurPool2D` what the filter is.

    The windows of the maxima lie inside the image: an axis of `size` elements has
    `m = size - pool_size + 1` maxima. The output has `ceil(m / strides)` elements with
    `padding="same"`, so that the defaults give as many as `MaxPooling2D(2)`, and
    `floor((m - filter_size) / strides) + 1` with `padding="valid"`.

    Args:
        pool_size: int or one per axis; elements per window of the maxima.
        strides: int or one per axis; elements from one output to the next.
        padding: `"same"`, by reflection, or `"valid"`; of the filter. The windows of
            the maxima lie inside the input.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        filter_size: int from 2 to 7; taps of the filter along each axis.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with shorter spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or the
            maxima are too few to be reflected or to hold the filter (when the input's
            shape is known).

    References:
        Zhang, Making Convolutional Networks Shift-Invariant Again, 2019.

    Example:

    >>> x = np.array([[4., 0., 0.], [0., 0., 0.], [0., 0., 16.]]).reshape(1, 3, 3, 1)
    >>> y = kp.MaxBlurPool2D()(x)  # of the maxima 4 0, 0 16
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[5.]], dtype=float32)
    """

    rank = 2
    function = staticmethod(blur.blurred)
    normalised = staticmethod(blur.normalised_with_maxima)

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] = 2,
        padding: BlurPadding = "same",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        filter_size: int = 3,
        **kwargs: Any,
    ):
        given = {
            "rank": self.rank,
            "filter_size": filter_size,
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
            "pool_size": pool_size,
        }
        super().__init__(given, name=name, **kwargs)
