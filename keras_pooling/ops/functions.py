"""The public stateless functions. Each says what it takes; `dispatch` does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

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
        training: True draws; False takes the grid in the middle of its possible
            offsets. None: whether a seed is given.
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
    how = (pooling_ratio, output_size, pseudo_random, overlapping, regions_per)
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
        training: True draws; False takes the grid in the middle of its possible
            offsets. None: whether a seed is given.
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
    how = (pooling_ratio, output_size, pseudo_random, overlapping, regions_per)
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
