"""Adaptive pooling layers. How a window is reduced is not known here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_pooling import arguments
from keras_pooling.arguments import DataFormat
from keras_pooling.layers.base import BasePooling


class BaseAdaptivePooling(BasePooling):
    """A layer that spreads as many windows as asked for evenly over its input.

    Args:
        output_size: int, or one int or None per axis.
        data_format: `"channels_last"`, `"channels_first"` or None.
        **kwargs: further arguments of the next base class.
    """

    def __init__(self, output_size: Any, data_format: str | None, **kwargs: Any):
        with arguments.errors_name(type(self).__name__):
            windows = arguments.adaptive_windows(self.rank, output_size)
        super().__init__(windows, data_format, **kwargs)


class AdaptiveMaxPool(BaseAdaptivePooling):
    """Max pooling to a given size; the input tells over how many spatial axes.

    `y[o] = max of x[t] over the taps t of window o`, for each channel, with NaN, ties,
    gradient and `indices` as in `MaxPool`.

    Window i of an axis of `size` elements is
    `[floor(i * size / output_size), ceil((i + 1) * size / output_size))`: windows
    have `ceil(size / output_size)` elements or one more, may share some with the next
    window, and cover the axis. There may be more of them than elements. All is computed
    in integers, so that no edge is rounded.

    With a mask, which needs a single spatial axis, windows are spread over the steps
    that count of each sample, as if it had no others. They must come first, before all
    padding, unless there is one window, or None keeps the axis. Windows of a sample
    without such steps give 0 and index 0, have no gradient, and are masked in turn.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes. With
        `return_indices=True`, two tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), a spatial
            axis is empty (when the input's shape is known), or a step that counts comes
            after one that does not. A compiled program that cannot raise gives NaN for
            such a sample.

    References:
        He et al., Spatial Pyramid Pooling in Deep Convolutional Networks for Visual
        Recognition, 2014.

    Example:

    >>> x = np.array([3., 1., 4., 1., 5., 9., 2.]).reshape(1, 7, 1)
    >>> y, indices = kp.AdaptiveMaxPool(3, return_indices=True)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]  # of 3 1 4, 4 1 5 and 5 9 2
    array([4., 5., 9.], dtype=float32)
    >>> keras.ops.convert_to_numpy(indices)[0, :, 0]
    array([2, 4, 5], dtype=int32)
    """

    function = "max_pool"

    def __init__(
        self,
        output_size: int | Sequence[int | None],
        data_format: DataFormat | None = None,
        *,
        return_indices: bool = False,
        **kwargs: Any,
    ):
        options = {"return_indices": return_indices}
        super().__init__(output_size, data_format, options=options, **kwargs)


class AdaptiveMaxPooling1D(AdaptiveMaxPool):
    """Max pooling to a given size over the steps of a sequence.

    `y[o] = max of x[t] over the taps t of window o`, for each channel.
    `AdaptiveMaxPool` says where the windows fall.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes. With
        `return_indices=True`, two tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    Example:

    >>> x = np.array([1., 5., 2., 3., 4.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.AdaptiveMaxPooling1D(2)(x))[0, :, 0]
    array([5., 4.], dtype=float32)
    """

    rank = 1


class AdaptiveMaxPooling2D(AdaptiveMaxPool):
    """Max pooling to a given size over the height and width of images.

    `y[o] = max of x[t] over the taps t of window o`, for each channel.
    `AdaptiveMaxPool` says where the windows fall.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes. With
        `return_indices=True`, two tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> y = kp.AdaptiveMaxPooling2D((None, 2))(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[ 1.,  3.],
           [ 5.,  7.],
           [ 9., 11.]], dtype=float32)
    """

    rank = 2


class AdaptiveMaxPooling3D(AdaptiveMaxPool):
    """Max pooling to a given size over depth, height and width of volumes.

    `y[o] = max of x[t] over the taps t of window o`, for each channel.
    `AdaptiveMaxPool` says where the windows fall.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes. With
        `return_indices=True`, two tensors of this shape.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> y = kp.AdaptiveMaxPooling3D((1, 1, 2))(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[[25., 26.]]], dtype=float32)
    """

    rank = 3


class AdaptiveAvgPool(BaseAdaptivePooling):
    """Average pooling to a given size; the input tells over how many spatial axes.

    `y[o] = Σ x[t] / n over the n taps t of window o`, for each channel. float16 and
    bfloat16 are summed in float32 and rounded once; integers are averaged as floats.

    Window i of an axis of `size` elements is
    `[floor(i * size / output_size), ceil((i + 1) * size / output_size))`: windows
    have `ceil(size / output_size)` elements or one more, may share some with the next
    window, and cover the axis. There may be more of them than elements. All is computed
    in integers, so that no edge is rounded.

    With a mask, which needs a single spatial axis, windows are spread over the steps
    that count of each sample, as if it had no others. They must come first, before all
    padding, unless there is one window, or None keeps the axis. Windows of a sample
    without such steps give 0, have no gradient, and are masked in turn.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, spatial…, channels)`, or `(batch, channels, spatial…)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), a spatial
            axis is empty (when the input's shape is known), or a step that counts comes
            after one that does not. A compiled program that cannot raise gives NaN for
            such a sample.

    References:
        He et al., Spatial Pyramid Pooling in Deep Convolutional Networks for Visual
        Recognition, 2014.

    Example:

    >>> x = np.array([3., 1., 5., 0., 7., 8., 3.]).reshape(1, 7, 1)
    >>> y = kp.AdaptiveAvgPool(3)(x)
    >>> keras.ops.convert_to_numpy(y)[0, :, 0]  # of 3 1 5, 5 0 7 and 7 8 3
    array([3., 4., 6.], dtype=float32)
    """

    function = "avg_pool"

    def __init__(
        self,
        output_size: int | Sequence[int | None],
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ):
        super().__init__(output_size, data_format, **kwargs)


class AdaptiveAveragePooling1D(AdaptiveAvgPool):
    """Average pooling to a given size over the steps of a sequence.

    `y[o] = Σ x[t] / n over the n taps t of window o`, for each channel.
    `AdaptiveAvgPool` says where the windows fall.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Call arguments:
        inputs: the tensor.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    Example:

    >>> x = np.array([1., 5., 3., 3., 6.]).reshape(1, 5, 1)
    >>> keras.ops.convert_to_numpy(kp.AdaptiveAveragePooling1D(2)(x))[0, :, 0]
    array([3., 4.], dtype=float32)
    """

    rank = 1


class AdaptiveAveragePooling2D(AdaptiveAvgPool):
    """Average pooling to a given size over the height and width of images.

    `y[o] = Σ x[t] / n over the n taps t of window o`, for each channel.
    `AdaptiveAvgPool` says where the windows fall.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`. Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    Example:

    >>> x = np.arange(12.).reshape(1, 3, 4, 1)
    >>> y = kp.AdaptiveAveragePooling2D((None, 2))(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[ 0.5,  2.5],
           [ 4.5,  6.5],
           [ 8.5, 10.5]], dtype=float32)
    """

    rank = 2


class AdaptiveAveragePooling3D(AdaptiveAvgPool):
    """Average pooling to a given size over depth, height and width of volumes.

    `y[o] = Σ x[t] / n over the n taps t of window o`, for each channel.
    `AdaptiveAvgPool` says where the windows fall.

    Args:
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        **kwargs: further arguments of `keras.layers.Layer`: `dtype`, `trainable`.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` with `data_format="channels_first"`.
        Each axis may be None.

    Output shape:
        The same with `output_size` in place of the spatial axes.

    Raises:
        ValueError: if an argument is not allowed (when the layer is made), or a spatial
            axis is empty (when the input's shape is known).

    Example:

    >>> x = np.arange(27.).reshape(1, 3, 3, 3, 1)
    >>> y = kp.AdaptiveAveragePooling3D((1, 1, 2))(x)
    >>> keras.ops.convert_to_numpy(y)[0, ..., 0]
    array([[[12.5, 13.5]]], dtype=float32)
    """

    rank = 3
