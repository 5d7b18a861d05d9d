"""Max pooling layers. How a maximum is found is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseSlidingPooling


class MaxPool(BaseSlidingPooling):
    """Max pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = max of x[t] over the taps t of window o`, for each channel. A NaN in a
    window gives NaN. The gradient goes to the first NaN, else to the first greatest
    tap in row-major order.

    `indices` are flat positions in the input's spatial plane (no batch, no channel):
    int32 if the plane is known to have at most 2³¹ elements, else int64.

    With `extent = (pool_size - 1) * dilation_rate + 1`, an axis of `size` elements has

    - `floor((size - extent) / strides) + 1` windows with `padding="valid"`,
    - `ceil(size / strides)` windows with `padding="same"`,
    - `floor((size + before + after - extent) / strides) + 1` windows otherwise.

    `ceil_mode=True` replaces floor by ceil, without a last window that would start
    beyond the input. Windows are clipped to the input: padding is never data.

    With a mask, which needs a single spatial axis, the taps are the steps that count. A
    window without any gives 0 and index 0, has no gradient, and is masked in turn.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    References:
        Ranzato et al., Unsupervised Learning of Invariant Feature Hierarchies with
        Applications to Object Recognition, 2007.

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> y, indices = kp.MaxPool(2, return_indices=True)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[5., 7.]], dtype=float32)
    >>> keras.ops.convert_to_numpy(indices)[0, ..., 0]
    array([[5, 7]], dtype=int32)
    """

    function = "max_pool"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        dilation_rate: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            ceil_mode,
            options={"return_indices": return_indices},
            name=name,
            **kwargs,
        )


class MaxPooling1D(MaxPool):
    """Max pooling over the steps of a sequence.

    `y[o] = max of x[t] over the taps t of window o`, for each channel, with NaN, ties
    and gradient as in `MaxPool`. The formula of the sizes stands there too.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.MaxPooling1D(pool_size=3, strides=1)(x))[0, :, 0]
    array([5., 5., 4.], dtype=float32)
    """

    rank = 1


class MaxPooling2D(MaxPool):
    """Max pooling over the height and width of images.

    `y[o] = max of x[t] over the taps t of window o`, for each channel, with NaN, ties
    and gradient as in `MaxPool`. The formula of the sizes stands there too.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.MaxPooling2D(pool_size=(2, 2), strides=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[4., 5.],
           [7., 8.]], dtype=float32)
    """

    rank = 2


class MaxPooling3D(MaxPool):
    """Max pooling over depth, height and width of volumes.

    `y[o] = max of x[t] over the taps t of window o`, for each channel, with NaN, ties
    and gradient as in `MaxPool`. The formula of the sizes stands there too.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        The same with pooled spatial axes. With `return_indices=True`, two
        tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.MaxPooling3D(pool_size=2)(x))[0, ..., 0]
    array([[[13.]]], dtype=float32)
    """

    rank = 3
