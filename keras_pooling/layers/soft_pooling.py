"""Soft pooling layers. How weights are made is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseLearnedPooling, BaseSlidingPooling


class SoftPool(BaseLearnedPooling, BaseSlidingPooling):
    """Soft pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = Σ w[t] · x[t] over the taps t of window o, w[t] = e^(β·x[t]) / Σ e^(β·x)`,
    for each channel. `β=0` is the average, a large β the maximum, one far below 0 the
    minimum. It is a number, or with `trainable_beta=True` a weight `beta`, one number
    or one for each channel. From all taps the greatest is subtracted first, so that
    nothing overflows. +inf wins, a NaN gives NaN; −inf has no weight, unless there is
    nothing else. float16 and bfloat16 are computed in float32 and rounded once, with β
    as it is, a float32; integers are pooled as floats.

    The gradient is `w · (1 + β · (x - y)) · dy`; by β it is `Σ w · (x - y)² · dy`,
    summed over all outputs.

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
        beta: number, where β begins; without `trainable_beta`, where it stays.
        trainable_beta: bool, whether β is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
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
        Stergiou et al., Refining Activation Downsampling with SoftPool, 2021.

    Example:

    >>> x = np.array([0., 2., 3., 3.]).reshape(1, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.SoftPool(2)(x))[0, :, 0].round(4)
    array([1.7616, 3.    ], dtype=float32)
    >>> layer = kp.SoftPool(2, beta=0.5, trainable_beta=True)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0].round(4)
    array([1.4621, 3.    ], dtype=float32)
    >>> [(weight.name, tuple(weight.shape)) for weight in layer.trainable_weights]
    [('beta', ())]
    """

    function = "soft_pool"
    parameter = "beta"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        beta: float = 1.0,
        trainable_beta: bool = False,
        per_channel: bool = False,
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
            learned={
                "beta": beta,
                "trainable_beta": trainable_beta,
                "per_channel": per_channel,
            },
            name=name,
            **kwargs,
        )


class SoftPool1D(SoftPool):
    """Soft pooling over the steps of a sequence.

    `y[o] = Σ w[t] · x[t] over the taps t of window o, w[t] = e^(β·x[t]) / Σ e^(β·x)`,
    for each channel. `SoftPool` says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        beta: number, where β begins; without `trainable_beta`, where it stays.
        trainable_beta: bool, whether β is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
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

    >>> x = np.array([0., 2., 3., 3., 1.]).reshape(1, 5, 1)
    >>> y = kp.SoftPool1D(pool_size=2, strides=1)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0].round(4)
    array([1.7616, 2.7311, 3.    , 2.7616], dtype=float32)
    """

    rank = 1


class SoftPool2D(SoftPool):
    """Soft pooling over the height and width of images.

    `y[o] = Σ w[t] · x[t] over the taps t of window o, w[t] = e^(β·x[t]) / Σ e^(β·x)`,
    for each channel. `SoftPool` says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        beta: number, where β begins; without `trainable_beta`, where it stays.
        trainable_beta: bool, whether β is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
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
    >>> keras.ops.convert_to_numpy(kp.SoftPool2D(pool_size=(2, 2))(x)).round(4)
    array([[[[4.644]]]], dtype=float32)
    """

    rank = 2


class SoftPool3D(SoftPool):
    """Soft pooling over depth, height and width of volumes.

    `y[o] = Σ w[t] · x[t] over the taps t of window o, w[t] = e^(β·x[t]) / Σ e^(β·x)`,
    for each channel. `SoftPool` says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        beta: number, where β begins; without `trainable_beta`, where it stays.
        trainable_beta: bool, whether β is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
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

    >>> x = np.array([1., 3., 5., 1.]).reshape(1, 1, 2, 2, 1)
    >>> y = kp.SoftPool3D(pool_size=(1, 2, 2), beta=0.0)(x)
    >>> keras.ops.convert_to_numpy(y).ravel().round(4)
    array([2.5], dtype=float32)
    """

    rank = 3
