"""Lp pooling layers. How powers are summed is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseSlidingPooling


class LpPool(BaseSlidingPooling):
    """Lp pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = (Σ |x[t]|^p)^(1/p) over the taps t of window o`, for each channel; with
    `normalize=True` the sum is divided by the number of taps inside the input, which
    gives the power mean: of inputs that are not negative, generalized-mean (GeM)
    pooling. `p=1` is the sum of absolute values, `p=2` the Euclidean norm, `p=inf` the
    greatest absolute value. float16 and bfloat16 are computed in float32 and rounded
    once; integers are pooled as floats.

    The gradient is `sign(x) · (|x| / y)^(p-1) · dy`, and 0 where y or x is 0.

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
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
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
        Sermanet et al., Convolutional Neural Networks Applied to House Numbers Digit
        Classification, 2012. Radenović et al., Fine-tuning CNN Image Retrieval with No
        Human Annotation, 2018.

    Example:

    >>> x = np.array([3., 4., 0., -2.]).reshape(1, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.LpPool(2, p=2)(x))[0, :, 0]
    array([5., 2.], dtype=float32)
    >>> keras.ops.convert_to_numpy(kp.LpPool(2, p=1, normalize=True)(x))[0, :, 0]
    array([3.5, 1. ], dtype=float32)
    """

    function = "lp_pool"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        p: float = 2.0,
        normalize: bool = False,
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
            options={"p": p, "normalize": normalize},
            name=name,
            **kwargs,
        )


class LpPool1D(LpPool):
    """Lp pooling over the steps of a sequence.

    `y[o] = (Σ |x[t]|^p)^(1/p) over the taps t of window o`, for each channel. `LpPool`
    says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
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

    >>> x = np.array([3., 4., 0., 5., 12.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.LpPool1D(pool_size=2, strides=1)(x))[0, :, 0]
    array([ 5.,  4.,  5., 13.], dtype=float32)
    """

    rank = 1


class LpPool2D(LpPool):
    """Lp pooling over the height and width of images.

    `y[o] = (Σ |x[t]|^p)^(1/p) over the taps t of window o`, for each channel. `LpPool`
    says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
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

    >>> x = np.array([[1., 3.], [5., 1.]]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.LpPool2D(pool_size=(2, 2))(x))[0, ..., 0]
    array([[6.]], dtype=float32)
    """

    rank = 2


class LpPool3D(LpPool):
    """Lp pooling over depth, height and width of volumes.

    `y[o] = (Σ |x[t]|^p)^(1/p) over the taps t of window o`, for each channel. `LpPool`
    says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
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

    >>> x = np.full((1, 2, 2, 2, 1), 3.)
    >>> y = kp.LpPool3D(pool_size=2, normalize=True)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[[3.]]], dtype=float32)
    """

    rank = 3
