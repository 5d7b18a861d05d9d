"""Stochastic pooling layers. How a tap is drawn is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseRandomPooling, BaseSlidingPooling


class StochasticPool(BaseRandomPooling, BaseSlidingPooling):
    """Stochastic pooling; the input tells whether over 1, 2 or 3 spatial axes.

    With the weights `w = max(x, 0)` of the taps of a window:

    - training: y is one tap, drawn with probability `w / Σ w`, for each output on its
      own; the gradient goes to that tap alone;
    - inference: `y = Σ w · x / Σ w`, which is what training gives on average.

    If no tap is above 0, all weigh the same. With +inf in a window, only those weigh.
    A NaN gives NaN. Taps in the padding are never drawn. float16 and bfloat16 are
    computed in float32 and rounded once; integers are pooled as floats.

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
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.
        training: bool, whether to draw.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    References:
        Zeiler and Fergus, Stochastic Pooling for Regularization of Deep Convolutional
        Neural Networks, 2013.

    Example:

    >>> x = np.array([1., 3., -5., 0.]).reshape(1, 4, 1)
    >>> layer = kp.StochasticPool(2, seed=1)
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([ 2.5, -2.5], dtype=float32)
    >>> draws = [float(layer(x, training=True)[0, 0, 0]) for _ in range(50)]
    >>> sorted(set(draws))
    [1.0, 3.0]
    """

    function = "stochastic_pool"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        seed: int | keras.random.SeedGenerator | None = None,
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
            seed=seed,
            name=name,
            **kwargs,
        )


class StochasticPool1D(StochasticPool):
    """Stochastic pooling over the steps of a sequence.

    `y[o]` is one tap of window o, drawn with probability `w / Σ w`, `w = max(x, 0)`; at
    inference `Σ w · x / Σ w`. `StochasticPool` says it in full, and what the sizes are.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.
        training: bool, whether to draw.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.array([1., 3., 0., 4., 4.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.StochasticPool1D(pool_size=2)(x))[0, :, 0]
    array([2.5, 4. ], dtype=float32)
    """

    rank = 1


class StochasticPool2D(StochasticPool):
    """Stochastic pooling over the height and width of images.

    `y[o]` is one tap of window o, drawn with probability `w / Σ w`, `w = max(x, 0)`; at
    inference `Σ w · x / Σ w`. `StochasticPool` says it in full, and what the sizes are.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with pooled spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a window
            does not fit the input (when its shape is known).

    Example:

    >>> x = np.array([[1., 0.], [3., -2.]]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.StochasticPool2D(pool_size=(2, 2))(x))[0, ..., 0]
    array([[2.5]], dtype=float32)
    """

    rank = 2


class StochasticPool3D(StochasticPool):
    """Stochastic pooling over depth, height and width of volumes.

    `y[o]` is one tap of window o, drawn with probability `w / Σ w`, `w = max(x, 0)`; at
    inference `Σ w · x / Σ w`. `StochasticPool` says it in full, and what the sizes are.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        seed: int, `keras.random.SeedGenerator` or None (any seed). Each call draws
            anew; the state is saved with the weights, so that a loaded model goes on.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        training: bool, whether to draw.

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
    >>> y = kp.StochasticPool3D(pool_size=2, seed=7)(x, training=True)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[[3.]]], dtype=float32)
    """

    rank = 3
