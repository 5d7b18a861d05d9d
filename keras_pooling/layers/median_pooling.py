"""Median pooling layers. How taps are put in order is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseSlidingPooling


class MedianPool(BaseSlidingPooling):
    """Median pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = median of x[t] over the taps t of window o`, for each channel: the middle
    one in order of size, the mean of the two in the middle where their number is even.
    Taps in the padding do not exist. A NaN in a window is the result. float16 and
    bfloat16 are computed in float32 and rounded once; integers are pooled as floats.

    The gradient goes to the tap that is the median, half to each of two; of equal taps
    to the first. The compiled ops put up to 64 taps in order. `keras.ops` do it where
    windows have more, and all taps of all windows are in memory at a time.

    With `extent = (pool_size - 1) * dilation_rate + 1`, an axis of `size` elements has

    - `floor((size - extent) / strides) + 1` windows with `padding="valid"`,
    - `ceil(size / strides)` windows with `padding="same"`,
    - `floor((size + before + after - extent) / strides) + 1` windows otherwise.

    `ceil_mode=True` replaces floor by ceil, without a last window that would start
    beyond the input. Windows are clipped to the input: padding is never data.

    With a mask, which needs a single spatial axis, the taps are the steps that count. A
    window without any gives 0, has no gradient, and is masked in turn.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    References:
        Huang et al., A Fast Two-Dimensional Median Filtering Algorithm, 1979.

    Example:

    >>> x = np.array([1., 9., 2., 3., 4., 8.]).reshape(1, 6, 1)
    >>> keras.ops.convert_to_numpy(kp.MedianPool(pool_size=3)(x))[0, :, 0]
    array([2., 4.], dtype=float32)
    >>> keras.ops.convert_to_numpy(kp.MedianPool(pool_size=2)(x))[0, :, 0]
    array([5. , 2.5, 6. ], dtype=float32)
    """

    function = "median_pool"

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
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            ceil_mode,
            name=name,
            **kwargs,
        )


class MedianPool1D(MedianPool):
    """Median pooling over the steps of a sequence.

    `y[o] = median of x[t] over the taps t of window o`, for each channel. `MedianPool`
    says it in full, with NaN, gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.array([1., 9., 2., 3., 4.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.MedianPool1D(3, strides=1)(x))[0, :, 0]
    array([2., 3., 3.], dtype=float32)
    """

    rank = 1


class MedianPool2D(MedianPool):
    """Median pooling over the height and width of images.

    `y[o] = median of x[t] over the taps t of window o`, for each channel. `MedianPool`
    says it in full, with NaN, gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.array([[1., 3.], [90., 2.]]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.MedianPool2D(pool_size=(2, 2))(x))[0, ..., 0]
    array([[2.5]], dtype=float32)
    """

    rank = 2


class MedianPool3D(MedianPool):
    """Median pooling over depth, height and width of volumes.

    `y[o] = median of x[t] over the taps t of window o`, for each channel. `MedianPool`
    says it in full, with NaN, gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.MedianPool3D(pool_size=3)(x))[0, ..., 0]
    array([[[13.]]], dtype=float32)
    """

    rank = 3
