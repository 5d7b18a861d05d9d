"""Mixed pooling layers. How maxima and averages are mixed is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras

from keras_pooling import arguments
from keras_pooling.arguments import DataFormat, Padding
from keras_pooling.layers.base import BaseSlidingPooling


class MixedPool(BaseSlidingPooling):
    """Mixed pooling; the input tells whether over 1, 2 or 3 spatial axes.

    `y[o] = α · max of x[t] + (1 - α) · mean of x[t] over the taps t of window o`, for
    each channel. α is

    - a number from 0 to 1: `alpha=0.5`;
    - learned, `alpha="trainable"`: `α = σ(a)` of a weight a, one number or one for each
      channel, which begins at 0, so that α begins at 1/2;
    - gated, `alpha="gated"`: `α[o] = σ(Σ g[t] · x[t])`, another one for every window,
      of a weight g with one number for each tap, or for each tap and channel, which
      begins at 0.

    σ is the logistic function. Maxima, averages and their gradients are those of
    `MaxPool` and `AvgPool`; taps in the padding do not exist. float16 and bfloat16 are
    computed in float32 and rounded once; integers are pooled as floats. Where α is
    gated, all taps of all windows are in memory at a time.

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
        alpha: number from 0 to 1, `"trainable"` or `"gated"`; the share of the maximum.
        per_channel: bool, whether each channel has weights of its own.
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
        Lee et al., Generalizing Pooling Functions in Convolutional Neural Networks:
        Mixed, Gated, and Tree, 2016.

    Example:

    >>> x = np.array([1., 5., 2., 3.]).reshape(1, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.MixedPool(2, alpha=0.5)(x))[0, :, 0]
    array([4.  , 2.75], dtype=float32)
    >>> layer = kp.MixedPool(2, alpha="gated")
    >>> keras.ops.convert_to_numpy(layer(x))[0, :, 0]
    array([4.  , 2.75], dtype=float32)
    >>> [(weight.name, tuple(weight.shape)) for weight in layer.trainable_weights]
    [('gate', (2,))]
    """

    function = "mixed_pool"

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Padding = "valid",
        data_format: DataFormat | None = None,
        name: str | None = None,
        *,
        alpha: float | Literal["trainable", "gated"] = 0.5,
        per_channel: bool = False,
        dilation_rate: int | Sequence[int] = 1,
        ceil_mode: bool = False,
        **kwargs: Any,
    ):
        with arguments.errors_name(type(self).__name__):
            self._learned = arguments.options(alpha=alpha, per_channel=per_channel)
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
        self._weight: Any = None
        self.built = not isinstance(self.alpha, str)

    def build(self, input_shape: tuple) -> None:
        """Makes the weight; raises ValueError if the windows do not fit the shape."""
        super().build(input_shape)
        if not isinstance(self.alpha, str):
            return
        windows: Any = self._windows.of_rank(len(input_shape) - 2)
        taps = windows.pool_size if self.alpha == "gated" else ()
        channels = (self.channels_of(input_shape),) if self.per_channel else ()
        self._weight = self.add_weight(
            shape=(*taps, *channels),
            initializer="zeros",
            autocast=False,  # small steps are lost in halves
            name="gate" if self.alpha == "gated" else "alpha_logit",
        )

    def pool(self, inputs: Any, mask: Any = None, **more: Any) -> Any:
        """Pools with the layer's arguments and weight, and some of this call."""
        mixture: dict[str, Any] = {"alpha": 0.5, "gate": None}
        if self.alpha == "gated":
            mixture["gate"] = self._weight
        elif self.alpha != "trainable":
            mixture["alpha"] = self.alpha
        elif self._weight is not None:
            mixture["alpha"] = keras.ops.sigmoid(self._weight)
        return super().pool(inputs, mask, **mixture, **more)

    def _own_config(self) -> dict[str, Any]:
        return {**super()._own_config(), **self._learned}


class MixedPool1D(MixedPool):
    """Mixed pooling over the steps of a sequence.

    `y[o] = α · max of x[t] + (1 - α) · mean of x[t] over the taps t of window o`, for
    each channel. `MixedPool` says it in full, with α, its weights and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        alpha: number from 0 to 1, `"trainable"` or `"gated"`; the share of the maximum.
        per_channel: bool, whether each channel has weights of its own.
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

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> y = kp.MixedPool1D(pool_size=2, strides=1, alpha=1.0)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]
    array([5., 5., 3., 4.], dtype=float32)
    """

    rank = 1


class MixedPool2D(MixedPool):
    """Mixed pooling over the height and width of images.

    `y[o] = α · max of x[t] + (1 - α) · mean of x[t] over the taps t of window o`, for
    each channel. `MixedPool` says it in full, with α, its weights and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        alpha: number from 0 to 1, `"trainable"` or `"gated"`; the share of the maximum.
        per_channel: bool, whether each channel has weights of its own.
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

    >>> x = np.arange(16.).reshape(1, 4, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.MixedPool2D(pool_size=2)(x))[0, ..., 0]
    array([[ 3.75,  5.75],
           [11.75, 13.75]], dtype=float32)
    """

    rank = 2


class MixedPool3D(MixedPool):
    """Mixed pooling over depth, height and width of volumes.

    `y[o] = α · max of x[t] + (1 - α) · mean of x[t] over the taps t of window o`, for
    each channel. `MixedPool` says it in full, with α, its weights and the sizes.

    Args:
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        name: str, the layer's name.
        alpha: number from 0 to 1, `"trainable"` or `"gated"`; the share of the maximum.
        per_channel: bool, whether each channel has weights of its own.
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

    >>> x = np.arange(8.).reshape(1, 2, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.MixedPool3D(pool_size=2)(x))[0, ..., 0]
    array([[[5.25]]], dtype=float32)
    """

    rank = 3
