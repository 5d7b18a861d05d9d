"""Average pooling layers. How an average is summed is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseSlidingPooling


class AvgPool(BaseSlidingPooling):
    """Average pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = Σ x[t] / n over the taps t of window o`, for each channel, where n is the
    number of taps inside the input, unless `count_include_pad` or `divisor_override`
    says otherwise. float16 and bfloat16 are summed in float32 and rounded once;
    integers are averaged as floats.

    With `extent = (pool_size - 1) * dilation_rate + 1`, an axis of `size` elements has

    - `floor((size - extent) / strides) + 1` windows with `padding="valid"`,
    - `ceil(size / strides)` windows with `padding="same"`,
    - `floor((size + before + after - extent) / strides) + 1` windows otherwise.

    `ceil_mode=True` replaces floor by ceil, without a last window that would start
    beyond the input. Windows are clipped to the input: padding is never data.

    With a mask, which needs a single spatial axis, the taps are the steps that count,
    and n is their number; `count_include_pad` adds what lies in the padding to it, and
    `divisor_override` stays as it is. A window without such a step gives 0, has no
    gradient, and is masked in turn.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        count_include_pad: bool, whether taps in the padding are counted, as zeros.
        divisor_override: int > 0 to divide each sum by, in place of the count.
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
        LeCun et al., Gradient-Based Learning Applied to Document Recognition, 1998.

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.AvgPool(2, padding="same")(x))[0, ..., 0]
    array([[ 2.5,  4.5],
           [ 8.5, 10.5]], dtype=float32)
    """

    function = "avg_pool"

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
        count_include_pad: bool = False,
        divisor_override: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            pool_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            ceil_mode,
            options={
                "count_include_pad": count_include_pad,
                "divisor_override": divisor_override,
            },
            name=name,
            **kwargs,
        )


class AveragePooling1D(AvgPool):
    """Average pooling over the steps of a sequence.

    `y[o] = Σ x[t] / n over the taps t of window o`, for each channel, where n is the
    number of taps inside the input. `AvgPool` says it in full, and what the sizes are.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        count_include_pad: bool, whether taps in the padding are counted, as zeros.
        divisor_override: int > 0 to divide each sum by, in place of the count.
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

    >>> x = np.array([1., 5., 3., 4., 8.]).reshape(1, 5, 1)
    >>> y = kp.AveragePooling1D(pool_size=3, strides=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]
    array([3., 4., 5.], dtype=float32)
    """

    rank = 1


class AveragePooling2D(AvgPool):
    """Average pooling over the height and width of images.

    `y[o] = Σ x[t] / n over the taps t of window o`, for each channel, where n is the
    number of taps inside the input. `AvgPool` says it in full, and what the sizes are.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        count_include_pad: bool, whether taps in the padding are counted, as zeros.
        divisor_override: int > 0 to divide each sum by, in place of the count.
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

    >>> x = np.arange(9.).reshape(1, 3, 3, 1)
    >>> y = kp.AveragePooling2D(pool_size=(2, 2), strides=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[2., 3.],
           [5., 6.]], dtype=float32)
    """

    rank = 2


class AveragePooling3D(AvgPool):
    """Average pooling over depth, height and width of volumes.

    `y[o] = Σ x[t] / n over the taps t of window o`, for each channel, where n is the
    number of taps inside the input. `AvgPool` says it in full, and what the sizes are.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        count_include_pad: bool, whether taps in the padding are counted, as zeros.
        divisor_override: int > 0 to divide each sum by, in place of the count.
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
    >>> keras.ops.convert_to_numpy(kp.AveragePooling3D(pool_size=2)(x))[0, ..., 0]
    array([[[6.5]]], dtype=float32)
    """

    rank = 3
