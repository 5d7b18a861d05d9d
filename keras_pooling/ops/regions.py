"""The regions of fractional pooling for one call: drawn or not, or given by the user.

Knows no reduction. How edges are drawn is the implementations' affair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pooling import arguments
from keras_pooling.arguments import ArgumentError
from keras_pooling.implementations import portable
from keras_pooling.ops import graphs
from keras_pooling.windows import FractionalWindows, Regions


def drawn(
    windows: FractionalWindows, x: Any, data_format: str, seed: Any, draw: Callable
) -> Regions:
    """The regions of a tensor. What is not drawn is the same for the whole batch.

    Args:
        windows: how many regions, and how to draw them.
        x: the tensor.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: tensor of two integers, by which they are drawn; an int or a scalar
            tensor, by which they are fixed; None for central ones.
        draw: `fractional_regions` of an implementation.
    """
    shape = ops.shape(x)
    regions_per, rows = "batch", 1
    is_drawn = len(getattr(seed, "shape", ())) == 1
    if is_drawn:
        regions_per = windows.regions_per
        channels = shape[-1] if data_format == "channels_last" else shape[1]
        samples = 1 if regions_per == "batch" else shape[0]
        rows = samples * channels if regions_per == "channel" else samples
        rows = rows if isinstance(rows, int) else ops.cast(rows, "int64")
    edges, largest = [], []
    axes = arguments.spatial_axes(data_format, len(shape) - 2)
    for i, size in enumerate(shape[axis] for axis in axes):
        if not ops.is_tensor(size):  # an int, or a symbol that PyTorch exports with
            count = windows.count(i, size)
            known = size if isinstance(size, int) else None
            largest.append(windows.largest(i, known))
        else:
            size = ops.cast(size, "int64")
            count = windows.count(i, ops.cast(size, "float64"), _floored)
            largest.append(None)
        if is_drawn:
            row = draw(size, count, rows, seed, windows.pseudo_random, i)
        elif seed is not None:
            row = portable.fixed_regions(size, count, seed, windows.pseudo_random, i)
        else:
            row = portable.central_regions(size, count, windows.central)
        if isinstance(count, int) and hasattr(row, "set_shape"):
            row.set_shape((None, count + 1))
        edges.append(row)
    return Regions(tuple(edges), windows.overlapping, tuple(largest), regions_per)


def given(regions: Any, sizes: tuple[int | None, ...], overlapping: bool) -> Regions:
    """The regions that a user gives: for each axis a sequence of integers.

    Raises:
        ArgumentError: if they do not ascend from 0 to the sizes of the axes.
    """
    try:
        sequences = list(regions)
    except TypeError:
        sequences = []
    if len(sequences) != len(sizes):
        raise ArgumentError(
            "the `regions` argument must hold one sequence of integers per spatial "
            f"axis, of which there are {len(sizes)}. Received regions={regions}."
        )
    edges, largest = [], []
    for axis, (sequence, size) in enumerate(zip(sequences, sizes, strict=True)):
        known = graphs.known(sequence)
        if not _holds_integers(sequence if known is None else known):
            raise ArgumentError(
                "the `regions` argument must hold, for each spatial axis, a "
                f"sequence of integers. Received for axis {axis}: {sequence}."
            )
        if known is not None:
            arguments.check_edges(axis, known.tolist(), size)
            sequence = known
        longest = None if known is None else int(np.diff(known).max()) + overlapping
        largest.append(longest)
        integer = "int32" if keras.config.backend() == "jax" else "int64"
        edges.append(ops.expand_dims(ops.cast(sequence, integer), 0))
    return Regions(tuple(edges), overlapping, tuple(largest))


def _holds_integers(sequence: Any) -> bool:
    """Whether an array or a tensor of a graph is a sequence of integers."""
    return len(sequence.shape) == 1 and "int" in str(sequence.dtype)


def _floored(quotient: Any) -> Any:
    return ops.cast(ops.floor(quotient), "int64")
