"""Max unpooling layers: the way back of a max pool. Knows no loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_pooling import arguments
from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BasePooling


class MaxUnpool(BasePooling):
    """Puts the values of a max pool back; the input tells over how many spatial axes.

    `x[indices[o]] = y[o]` for each channel of each image, and `x = 0` everywhere else.
    Indices are flat positions in an image's spatial plane (no batch, no channel), as
    max pooling of every kind gives them with `return_indices=True`: sliding, adaptive,
    fractional. Where several are equal the last in row-major order puts its value
    there. The gradient goes the way back: to each value that of its place, and 0 to one
    that lost its place. After a pool this is the sparse maximum: each maximum where it
    was, zeros elsewhere.

    The plane must be the one that was pooled, or values come to stand elsewhere. An
    axis of `size` windows can have come from several numbers of elements. The fewest
    are

    - `(size - 1) * strides + pool_size` with `padding="valid"`,
    - `(size - 1) * strides + 1` with `padding="same"`,
    - `(size - 1) * strides + pool_size - before - after` otherwise.

    `output_size` says it where there were more, and after a pool that does not slide.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        output_size: int or one per axis; elements of the output. None: the fewest that
            windows of `pool_size`, `strides` and `padding` can have come from.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        Two tensors, as two arguments: the values, of shape
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`, each axis of which may be None,
        and their indices, of the same shape.

    Output shape:
        That of the values with the plane's sizes as spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), the indices
            do not have the shape of the values, or one lies outside the plane.

    References:
        Zeiler et al., Adaptive Deconvolutional Networks for Mid and High Level Feature
        Learning, 2011; Badrinarayanan et al., SegNet: A Deep Convolutional
        Encoder-Decoder Architecture for Image Segmentation, 2017.

    Example:

    >>> x = np.array([[3., 1., 4., 1.], [5., 9., 2., 6.]]).reshape(1, 2, 4, 1)
    >>> y, indices = kp.MaxPool(2, return_indices=True)(x)
    >>> keras.ops.convert_to_numpy(kp.MaxUnpool(2)(y, indices))[0, ..., 0]
    array([[0., 0., 0., 0.],
           [0., 9., 0., 6.]], dtype=float32)
    """

    function = "max_unpool"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        output_size: int | Sequence[int] | None = None,
        **kwargs: Any,
    ):
        with arguments.errors_name(type(self).__name__):
            windows = arguments.unpooling(
                self.rank, pool_size, strides, padding, output_size
            )
        super().__init__(windows, data_format, name=name, **kwargs)

    _takes_masks = False

    # The one layer of two tensors.

    def call(self, inputs: Any, indices: Any) -> Any:  # type: ignore[override]
        """Puts values at their indices."""
        return self.pool(inputs, indices=indices)

    def compute_output_spec(  # type: ignore[override]
        self, inputs: Any, indices: Any
    ) -> Any:
        """Returns shape and dtype of the output, as a `KerasTensor`."""
        return self.pool(self.autocast_spec(inputs), indices=indices)

    def compute_output_shape(
        self, input_shape: tuple, indices_shape: tuple | None = None
    ) -> tuple:
        """Returns the output's shape; the indices have that of the values."""
        inputs = keras.KerasTensor(input_shape, dtype=self.compute_dtype)
        indices = keras.KerasTensor(indices_shape or input_shape, dtype="int32")
        return self.compute_output_spec(inputs, indices).shape


class MaxUnpool1D(MaxUnpool):
    """Puts the values of a max pool back, over the steps of sequences.

    `x[indices[o]] = y[o]` for each channel of each image, and `x = 0` everywhere else.
    `MaxUnpool` says what of equal indices, and how large the plane is.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        output_size: int or one per axis; elements of the output. None: the fewest that
            windows of `pool_size`, `strides` and `padding` can have come from.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        Two tensors, as two arguments: the values, of shape
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`, each axis of which may be None,
        and their indices, of the same shape.

    Output shape:
        That of the values with the plane's sizes as spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), the indices
            do not have the shape of the values, or one lies outside the plane.

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> y, indices = kp.MaxPooling1D(2, return_indices=True)(x)
    >>> layer = kp.MaxUnpool1D(2, output_size=5)  # a fifth step was in no window
    >>> keras.ops.convert_to_numpy(layer(y, indices))[0, :, 0]
    array([0., 5., 0., 3., 0.], dtype=float32)
    """

    rank = 1


class MaxUnpool2D(MaxUnpool):
    """Puts the values of a max pool back, over the height and width of images.

    `x[indices[o]] = y[o]` for each channel of each image, and `x = 0` everywhere else.
    `MaxUnpool` says what of equal indices, and how large the plane is.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        output_size: int or one per axis; elements of the output. None: the fewest that
            windows of `pool_size`, `strides` and `padding` can have come from.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        Two tensors, as two arguments: the values, of shape
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`, each axis of which may be None,
        and their indices, of the same shape.

    Output shape:
        That of the values with the plane's sizes as spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), the indices
            do not have the shape of the values, or one lies outside the plane.

    Example:

    >>> x = np.array([[3., 1., 4., 1.], [5., 9., 2., 6.]]).reshape(1, 2, 4, 1)
    >>> y, indices = kp.MaxPooling2D((1, 2), return_indices=True)(x)
    >>> keras.ops.convert_to_numpy(kp.MaxUnpool2D((1, 2))(y, indices))[0, ..., 0]
    array([[3., 0., 4., 0.],
           [0., 9., 0., 6.]], dtype=float32)
    """

    rank = 2


class MaxUnpool3D(MaxUnpool):
    """Puts the values of a max pool back, over depth, height and width of volumes.

    `x[indices[o]] = y[o]` for each channel of each image, and `x = 0` everywhere else.
    `MaxUnpool` says what of equal indices, and how large the plane is.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        output_size: int or one per axis; elements of the output. None: the fewest that
            windows of `pool_size`, `strides` and `padding` can have come from.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        Two tensors, as two arguments: the values, of shape
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`,
        each axis of which may be None,
        and their indices, of the same shape.

    Output shape:
        That of the values with the plane's sizes as spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), the indices
            do not have the shape of the values, or one lies outside the plane.

    Example:

    >>> x = np.arange(8.).reshape(1, 2, 2, 2, 1)
    >>> y, indices = kp.MaxPooling3D(2, return_indices=True)(x)
    >>> keras.ops.convert_to_numpy(kp.MaxUnpool3D(2)(y, indices))[0, ..., 0]
    array([[[0., 0.],
            [0., 0.]],
    <BLANKLINE>
           [[0., 0.],
            [0., 7.]]], dtype=float32)
    """

    rank = 3
