"""Global pooling layers: one window, the whole plane. Knows no reduction's loop."""

from __future__ import annotations

from typing import Any

from keras_pooling.arguments import DataFormat
from keras_pooling.layers.base import BaseGlobalPooling


class GlobalMaxPool(BaseGlobalPooling):
    """Greatest element of each channel; the input tells how many spatial axes.

    `y = max of x[t] over all positions t`. A NaN gives NaN; the gradient goes to the
    first NaN, else to the first greatest element in row-major order.

    With a mask, which needs a single spatial axis, over the steps that count; if there
    are none, 0 without a gradient. No mask is passed on.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
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
        ValueError: if a spatial axis of the input is empty.

    References:
        Oquab et al., Is Object Localization for Free?, 2015.

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPool()(x))
    array([[10., 11.]], dtype=float32)
    """

    function = "max_pool"


class GlobalMaxPooling1D(GlobalMaxPool):
    """Greatest element of each channel over the steps of a sequence.

    `y = max of x[t] over all positions t`, as `GlobalMaxPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
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
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.arange(12.).reshape(1, 6, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPooling1D()(x))
    array([[10., 11.]], dtype=float32)
    """

    rank = 1


class GlobalMaxPooling2D(GlobalMaxPool):
    """Greatest element of each channel over the height and width of images.

    `y = max of x[t] over all positions t`, as `GlobalMaxPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPooling2D()(x))
    array([[10., 11.]], dtype=float32)
    """

    rank = 2


class GlobalMaxPooling3D(GlobalMaxPool):
    """Greatest element of each channel over depth, height and width of volumes.

    `y = max of x[t] over all positions t`, as `GlobalMaxPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.arange(12.).reshape(1, 1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalMaxPooling3D()(x))
    array([[10., 11.]], dtype=float32)
    """

    rank = 3


class GlobalAvgPool(BaseGlobalPooling):
    """Average of each channel; the input tells how many spatial axes.

    `y = Σ x[t] / n over all n positions t`. float16 and bfloat16 are summed in float32
    and rounded once; integers are averaged as floats.

    With a mask, which needs a single spatial axis, over the steps that count; if there
    are none, 0 without a gradient. No mask is passed on.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
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
        ValueError: if a spatial axis of the input is empty.

    References:
        Lin et al., Network in Network, 2014.

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAvgPool()(x))
    array([[5., 6.]], dtype=float32)
    """

    function = "avg_pool"


class GlobalAveragePooling1D(GlobalAvgPool):
    """Average of each channel over the steps of a sequence.

    `y = Σ x[t] / n over all n positions t`, as `GlobalAvgPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
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
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.arange(12.).reshape(1, 6, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAveragePooling1D()(x))
    array([[5., 6.]], dtype=float32)
    """

    rank = 1


class GlobalAveragePooling2D(GlobalAvgPool):
    """Average of each channel over the height and width of images.

    `y = Σ x[t] / n over all n positions t`, as `GlobalAvgPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.arange(12.).reshape(1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAveragePooling2D()(x))
    array([[5., 6.]], dtype=float32)
    """

    rank = 2


class GlobalAveragePooling3D(GlobalAvgPool):
    """Average of each channel over depth, height and width of volumes.

    `y = Σ x[t] / n over all n positions t`, as `GlobalAvgPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.arange(12.).reshape(1, 1, 2, 3, 2)
    >>> keras.ops.convert_to_numpy(kp.GlobalAveragePooling3D()(x))
    array([[5., 6.]], dtype=float32)
    """

    rank = 3


class GlobalLpPool(BaseGlobalPooling):
    """Lp norm of each channel; the input tells how many spatial axes.

    `y = (Σ |x[t]|^p)^(1/p) over all positions t`; with `normalize=True` the sum is
    divided by their number. `LpPool` says what the gradient is.

    With a mask, which needs a single spatial axis, over the steps that count; if there
    are none, 0 without a gradient. No mask is passed on.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
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
        ValueError: if a spatial axis of the input is empty.

    References:
        Radenović et al., Fine-tuning CNN Image Retrieval with No Human Annotation,
        2018.

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool()(x))
    array([[13.]], dtype=float32)
    """

    function = "lp_pool"

    def __init__(
        self,
        data_format: DataFormat | None = None,
        keepdims: bool = False,
        *,
        p: float = 2.0,
        normalize: bool = False,
        **kwargs: Any,
    ):
        options = {"p": p, "normalize": normalize}
        super().__init__(data_format, keepdims, options=options, **kwargs)


class GlobalLpPool1D(GlobalLpPool):
    """Lp norm of each channel over the steps of a sequence.

    `y = (Σ |x[t]|^p)^(1/p) over all positions t`, as `GlobalLpPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
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
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 4, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool1D(p=1)(x))
    array([[19.]], dtype=float32)
    """

    rank = 1


class GlobalLpPool2D(GlobalLpPool):
    """Lp norm of each channel over the height and width of images.

    `y = (Σ |x[t]|^p)^(1/p) over all positions t`, as `GlobalLpPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool2D(p=1)(x))
    array([[19.]], dtype=float32)
    """

    rank = 2


class GlobalLpPool3D(GlobalLpPool):
    """Lp norm of each channel over depth, height and width of volumes.

    `y = (Σ |x[t]|^p)^(1/p) over all positions t`, as `GlobalLpPool`.

    Args:
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        `(batch, channels)`; with `keepdims=True` the input's with 1 for each spatial
        axis.

    Raises:
        ValueError: if a spatial axis of the input is empty.

    Example:

    >>> x = np.array([3., -4., 0., 12.]).reshape(1, 1, 2, 2, 1)
    >>> keras.ops.convert_to_numpy(kp.GlobalLpPool3D(p=1)(x))
    array([[19.]], dtype=float32)
    """

    rank = 3
