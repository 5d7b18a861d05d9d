"""The public stateless functions. Each says what it takes; `dispatch` does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_pooling import arguments
from keras_pooling.arguments import ArgumentError, DataFormat, Padding, RegionsPer
from keras_pooling.ops import dispatch, seeds
from keras_pooling.ops.public import public
from keras_pooling.ops.regions import given as given_regions
from keras_pooling.windows import AdaptiveWindows

Tensor = Any


@public
def max_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    mask: Tensor | None = None,
) -> Any:
    """Greatest tap of each window. `keras_pooling.MaxPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        return_indices: bool, whether to return `(y, indices)`.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype, or that and the flat positions of the maxima.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.max_pool([[[1.], [5.], [2.], [3.]]], 2))
    array([[[5.],
            [3.]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    options = arguments.options(return_indices=return_indices)
    return _pool("max_pool", inputs, windows, data_format, mask=mask, **options)


@public
def max_unpool(
    inputs: Tensor,
    indices: Tensor,
    pool_size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    output_size: int | Sequence[int] | None = None,
) -> Tensor:
    """Values back at their indices, among zeros. `keras_pooling.MaxUnpool` says it all.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        indices: tensor of int32 or int64, of the inputs' shape: where in its image's
            spatial plane each value goes. What `return_indices=True` gives.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        output_size: int or one per axis; elements of the output. None: the fewest that
            windows of `pool_size`, `strides` and `padding` can have come from.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed, or an index lies outside the plane.

    Example:

    >>> y, indices = kp.ops.max_pool([[[1.], [5.], [2.], [3.]]], 2, return_indices=True)
    >>> keras.ops.convert_to_numpy(kp.ops.max_unpool(y, indices, 2))
    array([[[0.],
            [5.],
            [0.],
            [3.]]], dtype=float32)
    """
    windows = arguments.unpooling(
        dispatch.rank_of(inputs), pool_size, strides, padding, output_size
    )
    return _pool("max_unpool", inputs, windows, data_format, indices=indices)


@public
def avg_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor_override: int | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Average of each window's taps. `keras_pooling.AvgPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        count_include_pad: bool, whether taps in the padding are counted, as zeros.
        divisor_override: int > 0 to divide each sum by, in place of the count.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.avg_pool([[[1.], [5.], [2.], [3.]]], 2))
    array([[[3. ],
            [2.5]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    options = arguments.options(
        count_include_pad=count_include_pad, divisor_override=divisor_override
    )
    return _pool("avg_pool", inputs, windows, data_format, mask=mask, **options)


average_pool = avg_pool  # what keras.ops calls it


@public
def lp_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    p: float = 2.0,
    normalize: bool = False,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """`(Σ |x|^p)^(1/p)` of each window's taps. `keras_pooling.LpPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.lp_pool([[[3.], [-4.], [6.], [8.]]], 2))
    array([[[ 5.],
            [10.]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    options = arguments.options(p=p, normalize=normalize)
    return _pool("lp_pool", inputs, windows, data_format, mask=mask, **options)


@public
def gem_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    p: Tensor = 3.0,
    epsilon: float = 1e-6,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """`(mean of x^p)^(1/p)` of each window's taps. `GeMPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        p: number > 0, or one per channel; a tensor of them has a gradient.
        epsilon: number > 0 that replaces each tap below it.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> y = kp.ops.gem_pool([[[1.], [7.], [3.], [3.]]], 2, p=2.0)
    >>> keras.ops.convert_to_numpy(y).round(4)
    array([[[5.],
            [3.]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    options = arguments.options(epsilon=epsilon)
    p = _parameter("p", p, inputs, data_format)
    return _pool("gem_pool", inputs, windows, data_format, p=p, mask=mask, **options)


@public
def soft_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    beta: Tensor = 1.0,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """Mean of each window's taps x by weight e^(beta·x). `SoftPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        beta: number, or one per channel; a tensor of them has a gradient.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> y = kp.ops.soft_pool([[[0.], [2.], [3.], [3.]]], 2)
    >>> keras.ops.convert_to_numpy(y).round(4)
    array([[[1.7616],
            [3.    ]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    beta = _parameter("beta", beta, inputs, data_format)
    return _pool("soft_pool", inputs, windows, data_format, beta=beta, mask=mask)


@public
def min_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """Least tap of each window. `keras_pooling.MinPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.min_pool([[[3.], [-4.], [6.], [8.]]], 2))
    array([[[-4.],
            [ 6.]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    return _pool("min_pool", inputs, windows, data_format, mask=mask)


@public
def median_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """Median of each window's taps. `keras_pooling.MedianPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.median_pool([[[3.], [-4.], [6.]]], 3))
    array([[[3.]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    return _pool("median_pool", inputs, windows, data_format, mask=mask)


@public
def mixed_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    alpha: Tensor = 0.5,
    gate: Tensor = None,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """`alpha · max + (1 - alpha) · mean` of each window. `MixedPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        alpha: number from 0 to 1, or one per channel; a tensor of them has a gradient.
        gate: tensor of shape `pool_size`, or that and a channel axis, or None; alpha is
            then the logistic function of each window's taps, weighted by it and summed.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> y = kp.ops.mixed_pool([[[1.], [7.], [3.], [3.]]], 2, alpha=0.25)
    >>> keras.ops.convert_to_numpy(y)
    array([[[4.75],
            [3.  ]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    alpha = _parameter("alpha", alpha, inputs, data_format)
    gate = _gate(gate, inputs, windows, data_format)
    return _pool(
        "mixed_pool", inputs, windows, data_format, alpha=alpha, gate=gate, mask=mask
    )


@public
def global_max_pool(
    inputs: Tensor,
    data_format: DataFormat | None = None,
    keepdims: bool = False,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Greatest element of each channel.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if a spatial axis is empty.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.global_max_pool([[[1.], [5.], [2.]]]))
    array([[5.]], dtype=float32)
    """
    return _pool_all("max_pool", inputs, data_format, keepdims, mask=mask)


@public
def global_avg_pool(
    inputs: Tensor,
    data_format: DataFormat | None = None,
    keepdims: bool = False,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Average of each channel.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if a spatial axis is empty.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.global_avg_pool([[[1.], [5.], [3.]]]))
    array([[3.]], dtype=float32)
    """
    return _pool_all("avg_pool", inputs, data_format, keepdims, mask=mask)


@public
def global_lp_pool(
    inputs: Tensor,
    data_format: DataFormat | None = None,
    keepdims: bool = False,
    *,
    p: float = 2.0,
    normalize: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """`(Σ |x|^p)^(1/p)` of each channel.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: real number > 0; `math.inf` gives the greatest |x|.
        normalize: bool, whether the sum is divided by the number of taps.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or a spatial axis is empty.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.global_lp_pool([[[3.], [0.], [-4.]]]))
    array([[5.]], dtype=float32)
    """
    options = arguments.options(p=p, normalize=normalize)
    return _pool_all("lp_pool", inputs, data_format, keepdims, mask=mask, **options)


@public
def global_gem_pool(
    inputs: Tensor,
    data_format: DataFormat | None = None,
    keepdims: bool = False,
    *,
    p: Tensor = 3.0,
    epsilon: float = 1e-6,
    mask: Tensor | None = None,
) -> Tensor:
    """`(mean of x^p)^(1/p)` of each channel.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        keepdims: bool, whether the spatial axes stay, with length 1.
        p: number > 0, or one per channel; a tensor of them has a gradient.
        epsilon: number > 0 that replaces each tap below it.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or a spatial axis is empty.

    Example:

    >>> y = kp.ops.global_gem_pool([[[1.], [5.], [7.]]], p=2.0)
    >>> keras.ops.convert_to_numpy(y).round(4)
    array([[5.]], dtype=float32)
    """
    options = arguments.options(epsilon=epsilon)
    p = _parameter("p", p, inputs, data_format)
    return _pool_all(
        "gem_pool", inputs, data_format, keepdims, p=p, mask=mask, **options
    )


@public
def adaptive_max_pool(
    inputs: Tensor,
    output_size: int | Sequence[int | None],
    data_format: DataFormat | None = None,
    *,
    return_indices: bool = False,
    mask: Tensor | None = None,
) -> Any:
    """Greatest tap of each of `output_size` windows, as `AdaptiveMaxPool` has it.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype, or that and the flat positions of the maxima.

    Raises:
        ValueError: if an argument is not allowed or a spatial axis is empty.

    Example:

    >>> x = [[[1.], [5.], [2.], [3.], [4.]]]
    >>> keras.ops.convert_to_numpy(kp.ops.adaptive_max_pool(x, 2))
    array([[[5.],
            [4.]]], dtype=float32)
    """
    windows = arguments.adaptive_windows(dispatch.rank_of(inputs), output_size)
    options = arguments.options(return_indices=return_indices)
    return _pool("max_pool", inputs, windows, data_format, mask=mask, **options)


@public
def adaptive_avg_pool(
    inputs: Tensor,
    output_size: int | Sequence[int | None],
    data_format: DataFormat | None = None,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Average of each of `output_size` windows, as `AdaptiveAvgPool` has it.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        output_size: int or one per axis; windows, so many that the output has this
            size. None in the place of an axis keeps that axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or a spatial axis is empty.

    Example:

    >>> x = [[[1.], [5.], [3.], [3.], [6.]]]
    >>> keras.ops.convert_to_numpy(kp.ops.adaptive_avg_pool(x, 2))
    array([[[3.],
            [4.]]], dtype=float32)
    """
    windows = arguments.adaptive_windows(dispatch.rank_of(inputs), output_size)
    return _pool("avg_pool", inputs, windows, data_format, mask=mask)


adaptive_average_pool = adaptive_avg_pool  # what keras.ops calls it


@public
def stochastic_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    data_format: DataFormat | None = None,
    *,
    seed: Any = None,
    training: bool | None = None,
    dilation_rate: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """A tap of each window, drawn by size. `keras_pooling.StochasticPool` says it all.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        seed: `keras.random.SeedGenerator`, which advances, or two integers, which
            always give the same draw.
        training: True draws; False gives the expectation of a draw. None: whether a
            seed is given.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: bool, whether a last, clipped window is kept.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the windows do not fit.

    Example:

    >>> x = [[[1.], [3.], [-2.], [0.]]]
    >>> keras.ops.convert_to_numpy(kp.ops.stochastic_pool(x, 2))
    array([[[ 2.5],
            [-1. ]]], dtype=float32)
    """
    windows = arguments.sliding_windows(
        dispatch.rank_of(inputs), pool_size, strides, padding, dilation_rate, ceil_mode
    )
    words = _words(inputs, seed, training)
    return _pool("stochastic_pool", inputs, windows, data_format, seed=words, mask=mask)


@public
def fractional_max_pool(
    inputs: Tensor,
    pooling_ratio: float | Sequence[float] | None = None,
    *,
    output_size: int | Sequence[int] | None = None,
    regions: Sequence[Any] | None = None,
    pseudo_random: bool = True,
    overlapping: bool = True,
    regions_per: RegionsPer = "batch",
    seed: Any = None,
    training: bool | None = None,
    data_format: DataFormat | None = None,
    return_indices: bool = False,
    mask: Tensor | None = None,
    _central: str = "nearest",
) -> Any:
    """Greatest tap of each region. `keras_pooling.FractionalMaxPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes.
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of `pooling_ratio`,
            `output_size` and `regions` is given.
        regions: for each axis, the integers at which its regions begin and end: 0, …,
            the axis's size, ascending. Nothing is drawn then.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        seed: `keras.random.SeedGenerator`, which advances, or two integers, which
            always give the same draw.
        training: True draws; False puts edges at the nearest integers. None: whether a
            seed is given.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: bool, whether to return `(y, indices)`.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype, or that and the flat positions of the maxima.

    Raises:
        ValueError: if an argument is not allowed or the regions do not fit.

    Example:

    >>> x = [[[1.], [5.], [2.], [3.], [4.]]]
    >>> y = kp.ops.fractional_max_pool(x, regions=[[0, 2, 3, 5]], overlapping=False)
    >>> keras.ops.convert_to_numpy(y)
    array([[[5.],
            [2.],
            [4.]]], dtype=float32)
    """
    how = (
        pooling_ratio,
        output_size,
        pseudo_random,
        overlapping,
        regions_per,
        _central,
    )
    options = arguments.options(return_indices=return_indices)
    windows, words = _cut(inputs, how, regions, data_format, seed, training)
    return _pool(
        "max_pool", inputs, windows, data_format, seed=words, mask=mask, **options
    )


@public
def fractional_avg_pool(
    inputs: Tensor,
    pooling_ratio: float | Sequence[float] | None = None,
    *,
    output_size: int | Sequence[int] | None = None,
    regions: Sequence[Any] | None = None,
    pseudo_random: bool = True,
    overlapping: bool = True,
    regions_per: RegionsPer = "batch",
    seed: Any = None,
    training: bool | None = None,
    data_format: DataFormat | None = None,
    mask: Tensor | None = None,
    _central: str = "nearest",
) -> Tensor:
    """Average of each region. `keras_pooling.FractionalAvgPool` says it in full.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of `pooling_ratio`,
            `output_size` and `regions` is given.
        regions: for each axis, the integers at which its regions begin and end: 0, …,
            the axis's size, ascending. Nothing is drawn then.
        pseudo_random: bool, whether draws are pseudo-random, else random.
        overlapping: bool, whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        seed: `keras.random.SeedGenerator`, which advances, or two integers, which
            always give the same draw.
        training: True draws; False puts edges at the nearest integers. None: whether a
            seed is given.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        mask: tensor of shape `(batch, steps)`, true or 1 where a step counts.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the regions do not fit.

    Example:

    >>> x = [[[1.], [5.], [2.], [3.], [4.]]]
    >>> y = kp.ops.fractional_avg_pool(x, output_size=2, overlapping=False)
    >>> keras.ops.convert_to_numpy(y)
    array([[[3.],
            [3.]]], dtype=float32)
    """
    how = (
        pooling_ratio,
        output_size,
        pseudo_random,
        overlapping,
        regions_per,
        _central,
    )
    windows, words = _cut(inputs, how, regions, data_format, seed, training)
    return _pool("avg_pool", inputs, windows, data_format, seed=words, mask=mask)


def _pool(
    function: str,
    inputs: Tensor,
    windows: arguments.Windows,
    data_format: DataFormat | None,
    **more: Any,
) -> Any:
    layout = arguments.data_format_name(data_format)
    return dispatch.pool(function, inputs, windows, layout, **more)


def _pool_all(
    function: str,
    inputs: Tensor,
    data_format: DataFormat | None,
    keepdims: bool,
    **options: Any,
) -> Any:
    keepdims = arguments.flag("keepdims", keepdims)
    windows = AdaptiveWindows(1)
    return _pool(function, inputs, windows, data_format, keepdims=keepdims, **options)


def _parameter(
    name: str, value: Any, inputs: Tensor, data_format: DataFormat | None
) -> Any:
    """A number of a reduction, or one for each channel; tensors stay what they are."""
    is_tensor = keras.ops.is_tensor(value) or isinstance(value, keras.Variable)
    if is_tensor and isinstance(inputs, keras.KerasTensor):
        raise ArgumentError(
            "a node of a functional model holds numbers, which it does not learn. "
            f"Received inputs={inputs}, {name}={value}. Use the layer of keras_pooling "
            "in its place."
        )
    if not is_tensor:
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = np.array(value, dtype=object)
        if not isinstance(value, np.ndarray) or value.ndim == 0:
            return arguments.PARAMETERS[name](name, value)
        numbers = [arguments.PARAMETERS[name](name, n) for n in value.ravel()]
        value = np.array(numbers, "float64").reshape(value.shape)
    shape, layout = tuple(value.shape), arguments.data_format_name(data_format)
    channels = inputs.shape[1 if layout == "channels_first" else -1]
    if shape in ((), (1,)) or (len(shape) == 1 and channels in (None, shape[0])):
        return value
    raise ArgumentError(
        f"the `{name}` argument must be one number, or one per channel. Received "
        f"{name} of shape {shape}, inputs of shape {tuple(inputs.shape)}, "
        f'data_format="{layout}". Use a shape of () or ({channels},).'
    )


def _cut(
    inputs: Tensor,
    how: tuple,
    given: Sequence[Any] | None,
    data_format: DataFormat | None,
    seed: Any,
    training: bool | None,
) -> tuple[arguments.Windows, Any]:
    """The regions, or how they are drawn and the two words of the draw, if any."""
    rank = dispatch.rank_of(inputs)
    if given is None:
        return arguments.fractional_windows(rank, *how), _words(inputs, seed, training)
    ratio, size, *others = how
    if ratio is not None or size is not None:
        raise ArgumentError(
            "give exactly one of the `pooling_ratio`, `output_size` and `regions` "
            f"arguments. Received pooling_ratio={ratio}, output_size={size}, "
            f"regions={given}."
        )
    # Nothing is drawn, but what a draw would take must make sense all the same.
    overlapping = arguments.fractional_windows(rank, None, 1, *others).overlapping
    arguments.flag("training", False if training is None else training)
    seeds.check(seed)
    layout = arguments.data_format_name(data_format)
    shape = dispatch.static_shape(inputs)
    sizes = tuple(shape[axis] for axis in arguments.spatial_axes(layout, rank))
    return given_regions(given, sizes, overlapping), None


def _words(inputs: Tensor, seed: Any, training: bool | None) -> Any:
    """The two words of this call's draw; None where nothing is drawn."""
    seeds.check(seed)
    if training is None:
        training = seed is not None
    if not arguments.flag("training", training):
        return None
    if isinstance(inputs, keras.KerasTensor):
        raise ArgumentError(
            "a node of a functional model cannot keep the state of a seed. Received "
            f"inputs={inputs}, seed={seed}, training={training}. Use the layer of "
            "keras_pooling in its place."
        )
    if seed is None:
        raise ArgumentError(
            "a draw needs the `seed` argument. Received training=True, seed=None. Use "
            "seed=keras.random.SeedGenerator() or training=False."
        )
    return seeds.next_words(seed)


def _gate(
    gate: Any, inputs: Tensor, windows: Any, data_format: DataFormat | None
) -> Any:
    """Weights of the taps, or of the taps of each channel; None if there are none."""
    if gate is None:
        return None
    if isinstance(inputs, keras.KerasTensor):
        raise ArgumentError(
            "a node of a functional model has no gate, since it does not learn. "
            f'Received inputs={inputs}. Use `MixedPool` with alpha="gated".'
        )
    gate = keras.ops.convert_to_tensor(gate)
    layout = arguments.data_format_name(data_format)
    channels = inputs.shape[1 if layout == "channels_first" else -1]
    shape, taps = tuple(gate.shape), tuple(windows.pool_size)
    if shape == taps or (shape[:-1] == taps and channels in (None, shape[-1])):
        return gate
    raise ArgumentError(
        f"gate must have the shape {taps}, or {(*taps, channels)} with one number for "
        f"each channel. Received gate.shape={shape}, pool_size={taps}, inputs.shape="
        f"{tuple(inputs.shape)}. Reshape it."
    )
