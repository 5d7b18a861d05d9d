"""The public stateless functions that draw, or pool regions that may be drawn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling import arguments
from keras_pooling.ops import seeds
from keras_pooling.ops.pooling import Tensor, floor, public, run, static_shape


@public
def stochastic_pool(
    x: Tensor,
    pool_size: int | tuple,
    strides: int | tuple | None = None,
    padding: str | int | tuple = "valid",
    data_format: str | None = None,
    *,
    seed: Any = None,
    training: bool | None = None,
    dilation_rate: int | tuple = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """A tap of each window, drawn by size. `keras_pooling.StochasticPool` says it all.

    Args:
        x: tensor with 1, 2 or 3 spatial axes; integers are pooled as floats.
        pool_size: int or one per axis; elements per window.
        strides: int or one per axis; elements between windows. None: `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or (before, after) per axis.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        seed: `keras.random.SeedGenerator`, which advances, or two integers, which
            always give the same draw.
        training: True draws; False gives the expectation of a draw. None: whether a
            seed is given.
        dilation_rate: int or one per axis; elements from tap to tap.
        ceil_mode: whether a last, clipped window is kept.

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
    call = "stochastic_pool"
    rank = arguments.check_rank(call, static_shape(call, x))
    windows = arguments.sliding_windows(
        call, rank, pool_size, strides, padding, dilation_rate, ceil_mode
    )
    words = _words(call, x, seed, training)
    return run(call, call, x, windows, data_format, seed=words)


@public
def fractional_max_pool(
    x: Tensor,
    pooling_ratio: float | tuple | None = None,
    *,
    output_size: int | tuple | None = None,
    regions: tuple | None = None,
    pseudo_random: bool = True,
    overlapping: bool = True,
    regions_per: str = "batch",
    seed: Any = None,
    training: bool | None = None,
    data_format: str | None = None,
    return_indices: bool = False,
) -> Any:
    """Greatest tap of each region. `keras_pooling.FractionalMaxPool` says it in full.

    Args:
        x: tensor with 1, 2 or 3 spatial axes.
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of `pooling_ratio`,
            `output_size` and `regions` is given.
        regions: for each axis, the integers at which its regions begin and end: 0, …,
            the axis's size, ascending. Nothing is drawn then.
        pseudo_random: whether the regions are a grid from a random offset, or their
            lengths are in random order.
        overlapping: whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        seed: `keras.random.SeedGenerator`, which advances, or two integers, which
            always give the same draw.
        training: True draws; False takes the grid in the middle of its possible
            offsets. None: whether a seed is given.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        return_indices: whether to return `(y, indices)`.

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
    call = "fractional_max_pool"
    return_indices = arguments.flag(call, "return_indices", return_indices)
    given = (pooling_ratio, output_size, pseudo_random, overlapping, regions_per)
    options = {"return_indices": return_indices}
    return _fractional(
        call, "max_pool", x, regions, given, data_format, seed, training, options
    )


@public
def fractional_avg_pool(
    x: Tensor,
    pooling_ratio: float | tuple | None = None,
    *,
    output_size: int | tuple | None = None,
    regions: tuple | None = None,
    pseudo_random: bool = True,
    overlapping: bool = True,
    regions_per: str = "batch",
    seed: Any = None,
    training: bool | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Average of each region. `keras_pooling.FractionalAvgPool` says it in full.

    Args:
        x: tensor with 1, 2 or 3 spatial axes; integers are averaged as floats.
        pooling_ratio: number >= 1 or one per axis; elements per region, on average.
        output_size: int or one per axis; regions. Exactly one of `pooling_ratio`,
            `output_size` and `regions` is given.
        regions: for each axis, the integers at which its regions begin and end: 0, …,
            the axis's size, ascending. Nothing is drawn then.
        pseudo_random: whether the regions are a grid from a random offset, or their
            lengths are in random order.
        overlapping: whether a region includes the first element of the next.
        regions_per: `"batch"`, `"sample"` or `"channel"`; what has regions in common.
        seed: `keras.random.SeedGenerator`, which advances, or two integers, which
            always give the same draw.
        training: True draws; False takes the grid in the middle of its possible
            offsets. None: whether a seed is given.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.

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
    call = "fractional_avg_pool"
    given = (pooling_ratio, output_size, pseudo_random, overlapping, regions_per)
    return _fractional(
        call, "avg_pool", x, regions, given, data_format, seed, training, {}
    )


def _fractional(
    call: str,
    function: str,
    x: Tensor,
    regions: Any,
    given: tuple,
    data_format: str,
    seed: Any,
    training: bool | None,
    options: dict[str, Any],
) -> Any:
    rank = arguments.check_rank(call, static_shape(call, x))
    if regions is None:
        windows = arguments.fractional_windows(call, rank, *given)
        words = _words(call, x, seed, training)
        return run_fractional(call, function, x, windows, data_format, words, **options)
    pooling_ratio, output_size, _, overlapping, _ = given
    if pooling_ratio is not None or output_size is not None:
        raise ValueError(
            f"{call}: give exactly one of the `pooling_ratio`, `output_size` and "
            f"`regions` arguments. Received pooling_ratio={pooling_ratio}, output_size="
            f"{output_size}, regions={regions}."
        )
    spatial = slice(1, -1) if data_format == "channels_last" else slice(2, None)
    sizes = static_shape(call, x)[spatial]
    overlapping = arguments.flag(call, "overlapping", overlapping)
    windows = _given_regions(call, regions, sizes, overlapping)
    return run(call, function, x, windows, data_format, **options)


def run_fractional(
    call: str,
    function: str,
    x: Tensor,
    windows: arguments.FractionalWindows,
    data_format: str,
    seed: Any = None,
    **options: Any,
) -> Any:
    """Runs a function over regions drawn for this call.

    Args:
        call: the user's function or class, which opens every message.
        function: name of the function of every implementation.
        x: tensor or `KerasTensor`.
        windows: how to draw the regions.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: tensor of two integers; None for the grid in the middle.
        **options: further arguments of the function.
    """
    if not isinstance(x, keras.KerasTensor):
        # Said of the ratio or size that the user gave, not of edges.
        shape = static_shape(call, x)
        arguments.pooled_shape(call, windows, shape, data_format)
        windows = _drawn_regions(windows, x, data_format, seed)
    return run(call, function, x, windows, data_format, **options)


def _drawn_regions(
    windows: arguments.FractionalWindows, x: Tensor, data_format: str, seed: Any
) -> arguments.Regions:
    draw = floor(x).fractional_regions
    shape = ops.shape(x)
    channels_last = data_format == "channels_last"
    sizes = shape[1:-1] if channels_last else shape[2:]
    regions_per, rows = "batch", 1
    if seed is not None:
        regions_per = windows.regions_per
        channels = shape[-1] if channels_last else shape[1]
        samples = 1 if regions_per == "batch" else shape[0]
        rows = samples * channels if regions_per == "channel" else samples
        rows = rows if isinstance(rows, int) else ops.cast(rows, "int64")
    edges, largest = [], []
    for axis, size in enumerate(sizes):
        if not ops.is_tensor(size):  # an int, or a symbol that PyTorch exports with
            count = windows.count(axis, size)
            known = size if isinstance(size, int) else None
            largest.append(windows.largest(axis, known))
        else:
            size = ops.cast(size, "int64")
            count = windows.count(axis, ops.cast(size, "float64"), _floored)
            largest.append(None)
        row = draw(size, count, rows, seed, windows.pseudo_random, axis)
        if isinstance(count, int) and hasattr(row, "set_shape"):
            row.set_shape((None, count + 1))
        edges.append(row)
    return arguments.Regions(
        tuple(edges), windows.overlapping, tuple(largest), regions_per
    )


def _floored(quotient: Any) -> Any:
    return ops.cast(ops.floor(quotient), "int64")


def _given_regions(
    call: str, regions: Any, sizes: tuple[int | None, ...], overlapping: bool
) -> arguments.Regions:
    if arguments.known_rank(regions) != len(sizes):
        raise ValueError(
            f"{call}: the `regions` argument must hold one sequence of integers per "
            f"spatial axis, of which there are {len(sizes)}. Received regions={regions}"
        )
    edges, largest = [], []
    for axis, (sequence, size) in enumerate(zip(regions, sizes, strict=True)):
        known = _known(sequence)
        if known is not None:
            if known.ndim != 1 or known.dtype.kind not in "iu":
                raise ValueError(
                    f"{call}: the `regions` argument must hold, for each spatial axis, "
                    f"a sequence of integers. Received for axis {axis}: {sequence}"
                )
            arguments.check_edges(call, axis, known.tolist(), size)
            sequence = known
        longest = None if known is None else int(np.diff(known).max()) + overlapping
        largest.append(longest)
        integer = "int32" if keras.config.backend() == "jax" else "int64"
        edges.append(ops.expand_dims(ops.cast(sequence, integer), 0))
    return arguments.Regions(tuple(edges), overlapping, tuple(largest))


def _known(sequence: Any) -> np.ndarray | None:
    """The numbers; None where only a graph that is being made will know them."""
    try:
        return np.asarray(sequence)
    except (NotImplementedError, TypeError):
        return None


def _words(call: str, x: Tensor, seed: Any, training: bool | None) -> Any:
    """The two words of this call's draw; None where nothing is drawn."""
    if training is None:
        training = seed is not None
    if not arguments.flag(call, "training", training):
        return None
    if isinstance(x, keras.KerasTensor):
        raise ValueError(
            f"{call}: a node of a functional model cannot keep the state of a seed. "
            f"Received x={x}, seed={seed}, training={training}. Use the layer of "
            "keras_pooling in its place."
        )
    if seed is None:
        raise ValueError(
            f"{call}: a draw needs the `seed` argument. Received training=True, "
            "seed=None. Use seed=keras.random.SeedGenerator() or training=False."
        )
    return seeds.next_words(call, seed)
