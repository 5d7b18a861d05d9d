"""Generalised-mean pooling layers, windows and global. What powers are is not known
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import (
    BaseGlobalPooling,
    BaseLearnedPooling,
    BaseSlidingPooling,
)

_LEAST_P = 0.01  # that a weight may have: at 0 the mean is geometric


class GeMPool(BaseLearnedPooling, BaseSlidingPooling):
    """Generalised-mean (GeM) pooling; the input tells over how many spatial axes.

    `y[o] = (Σ max(x[t], ε)^p / n)^(1/p) over the n taps t of window o that are inside
    the input`, for each channel. `p=1` is the average, a large p the maximum; between
    them p is learned: a weight `p`, one number or one for each channel, that is held at
    0.01 or more. With `trainable_p=False` there is no weight. No power overflows, and
    no sum vanishes. float16 and bfloat16 are computed in float32 and rounded once, with
    p as it is, a float32; integers are pooled as floats.

    The gradient is `(x / y)^(p-1) · dy / n`, and 0 where x is below ε; by p it is
    `y · (Σ x^p · ln x / Σ x^p - ln(Σ x^p / n) / p) / p · dy`, summed over all outputs.

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
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
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
        Radenović et al., Fine-tuning CNN Image Retrieval with No Human Annotation,
        2018.

    Example:

    >>> x = np.array([1., 7., 3., -3.]).reshape(1, 4, 1)
    >>> layer = kp.GeMPool(2, p=2.0)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0].round(4)
    array([5.    , 2.1213], dtype=float32)
    >>> [(weight.name, tuple(weight.shape)) for weight in layer.trainable_weights]
    [('p', ())]
    """

    function = "gem_pool"
    parameter = "p"
    least = _LEAST_P

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        p: float = 3.0,
        trainable_p: bool = True,
        per_channel: bool = False,
        epsilon: float = 1e-6,
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
            learned={"p": p, "trainable_p": trainable_p, "per_channel": per_channel},
            options={"epsilon": epsilon},
            name=name,
            **kwargs,
        )


class GeMPool1D(GeMPool):
    """Generalised-mean (GeM) pooling over the steps of a sequence.

    `y[o] = (Σ max(x[t], ε)^p / n)^(1/p) over the n taps t of window o`, for each
    channel. `GeMPool` says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
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

    >>> x = np.array([1., 7., 3., 3., 9.]).reshape(1, 5, 1)
    >>> y = kp.GeMPool1D(pool_size=2, strides=1, p=2.0)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0].round(4)
    array([5.    , 5.3852, 3.    , 6.7082], dtype=float32)
    """

    rank = 1


class GeMPool2D(GeMPool):
    """Generalised-mean (GeM) pooling over the height and width of images.

    `y[o] = (Σ max(x[t], ε)^p / n)^(1/p) over the n taps t of window o`, for each
    channel. `GeMPool` says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
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
    >>> y = kp.GeMPool2D(pool_size=(2, 2), p=2.0)(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0].round(4)
    array([[3.]], dtype=float32)
    """

    rank = 2


class GeMPool3D(GeMPool):
    """Generalised-mean (GeM) pooling over depth, height and width of volumes.

    `y[o] = (Σ max(x[t], ε)^p / n)^(1/p) over the n taps t of window o`, for each
    channel. `GeMPool` says it in full, with the gradient and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
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
    >>> y = kp.GeMPool3D(pool_size=(1, 2, 2), p=2.0)(x)
    >>> keras.ops.convert_to_numpy(y).ravel().round(4)
    array([3.], dtype=float32)
    """

    rank = 3


class GlobalGeMPool(BaseLearnedPooling, BaseGlobalPooling):
    """Generalised mean of each channel; the input tells how many spatial axes.

    `y = (Σ max(x[t], ε)^p / n)^(1/p) over all n positions t`, for each channel.
    `GeMPool` says what p is, how it is learned, and what the gradients are.

    With a mask, which needs a single spatial axis, over the steps that count; if there
    are none, 0 without a gradient. No mask is passed on.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis of the input is empty.

    References:
        Radenović et al., Fine-tuning CNN Image Retrieval with No Human Annotation,
        2018.

    Example:

    >>> x = np.array([1., 5., 7., -4.]).reshape(1, 2, 2, 1)
    >>> y = kp.GlobalGeMPool(p=2.0, trainable_p=False)(x)
    >>> keras.ops.convert_to_numpy(y).round(4)
    array([[4.3301]], dtype=float32)
    """

    function = "gem_pool"
    parameter = "p"
    least = _LEAST_P

    def __init__(
        self,
        data_format: DataFormat | None = None,
        keepdims: bool = False,
        *,
        p: float = 3.0,
        trainable_p: bool = True,
        per_channel: bool = False,
        epsilon: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(
            data_format,
            keepdims,
            learned={"p": p, "trainable_p": trainable_p, "per_channel": per_channel},
            options={"epsilon": epsilon},
            **kwargs,
        )


class GlobalGeMPool1D(GlobalGeMPool):
    """Generalised mean of each channel over the steps of a sequence.

    `y = (Σ max(x[t], ε)^p / n)^(1/p) over all n positions t`, for each channel.
    `GlobalGeMPool` says it in full.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis of the input is empty.

    Example:

    >>> x = np.array([1., 5., 7.]).reshape(1, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalGeMPool1D(p=2.0)(x)).round(4)
    array([[5.]], dtype=float32)
    """

    rank = 1


class GlobalGeMPool2D(GlobalGeMPool):
    """Generalised mean of each channel over the height and width of images.

    `y = (Σ max(x[t], ε)^p / n)^(1/p) over all n positions t`, for each channel.
    `GlobalGeMPool` says it in full.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis of the input is empty.

    Example:

    >>> x = np.array([1., 5., 7.]).reshape(1, 1, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalGeMPool2D(p=2.0)(x)).round(4)
    array([[5.]], dtype=float32)
    """

    rank = 2


class GlobalGeMPool3D(GlobalGeMPool):
    """Generalised mean of each channel over depth, height and width of volumes.

    `y = (Σ max(x[t], ε)^p / n)^(1/p) over all n positions t`, for each channel.
    `GlobalGeMPool` says it in full.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: number > 0, where p begins; without `trainable_p`, where it stays.
        trainable_p: bool, whether p is a weight that the layer learns.
        per_channel: bool, whether each channel has a weight of its own.
        epsilon: number > 0 that replaces each tap below it.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis of the input is empty.

    Example:

    >>> x = np.array([1., 5., 7.]).reshape(1, 1, 1, 3, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalGeMPool3D(p=2.0)(x)).round(4)
    array([[5.]], dtype=float32)
    """

    rank = 3
