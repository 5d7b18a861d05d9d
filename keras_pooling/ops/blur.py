"""Blurring before subsampling, composed of average pooling. Knows no layer.

A binomial filter of n taps is n - 1 averages of two neighbours, one after the other.
What is reflected at the first and the last element lies, after one average, mirrored
beyond them: there two equal neighbours meet, whose average is the one of them that is
inside. So the second, fourth, … average needs no reflection, only windows that are
clipped to the input; and if their number is odd, only the last one may need a
neighbour of the last element, which is the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_pooling import arguments
from keras_pooling.arguments import ArgumentError, BlurPadding, DataFormat
from keras_pooling.implementations import portable
from keras_pooling.implementations.portable.spans import fitting_when_run
from keras_pooling.ops import dispatch
from keras_pooling.ops.public import public
from keras_pooling.windows import SlidingWindows

Tensor = Any

_LONGEST = 7  # filters of the paper


@public
def blur_pool(
    inputs: Tensor,
    filter_size: int = 3,
    strides: int | Sequence[int] = 2,
    padding: BlurPadding = "same",
    data_format: DataFormat | None = None,
) -> Tensor:
    """Blurs each channel, then subsamples it. `keras_pooling.BlurPool2D` says it all.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are blurred as floats.
        filter_size: int from 2 to 7; taps of the filter along each axis.
        strides: int or one per axis; elements from one output to the next.
        padding: `"same"`, by reflection, or `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the input is too small.

    Example:

    >>> keras.ops.convert_to_numpy(kp.ops.blur_pool([[[4.], [0.], [0.], [8.]]]))
    array([[[2.],
            [2.]]], dtype=float32)
    """
    rank = dispatch.rank_of(inputs)
    given = normalised(rank, filter_size, strides, padding, data_format)
    return blurred(inputs, **given)


@public
def max_blur_pool(
    inputs: Tensor,
    pool_size: int | Sequence[int] = 2,
    strides: int | Sequence[int] = 2,
    padding: BlurPadding = "same",
    data_format: DataFormat | None = None,
    *,
    filter_size: int = 3,
) -> Tensor:
    """Maxima at every step, blurred and subsampled, as `MaxBlurPool2D` has it.

    Args:
        inputs: tensor with 1, 2 or 3 spatial axes; integers are blurred as floats.
        pool_size: int or one per axis; elements per window of the maxima.
        strides: int or one per axis; elements from one output to the next.
        padding: `"same"`, by reflection, or `"valid"`; of the filter. The windows of
            the maxima lie inside the input.
        data_format: `"channels_last"` or `"channels_first"`. None: Keras's default.
        filter_size: int from 2 to 7; taps of the filter along each axis.

    Returns:
        Tensor of the input's dtype.

    Raises:
        ValueError: if an argument is not allowed or the input is too small.

    Example:

    >>> x = [[[4.], [0.], [0.], [8.], [8.]]]
    >>> keras.ops.convert_to_numpy(kp.ops.max_blur_pool(x))  # of the maxima 4 0 8 8
    array([[[2.],
            [6.]]], dtype=float32)
    """
    rank = dispatch.rank_of(inputs)
    given = normalised_with_maxima(
        rank,
        pool_size,
        filter_size=filter_size,
        strides=strides,
        padding=padding,
        data_format=data_format,
    )
    return blurred(inputs, **given)


def normalised(
    rank: int, filter_size: Any, strides: Any, padding: Any, data_format: Any
) -> dict[str, Any]:
    """The arguments of `blurred`, or an `ArgumentError`."""
    padding = padding.lower() if isinstance(padding, str) else padding
    return {
        "filter_size": arguments.integer("filter_size", filter_size, 2, _LONGEST),
        "strides": arguments.positive_ints("strides", strides, rank),
        "padding": arguments.choice("padding", padding, ("same", "valid")),
        "data_format": arguments.data_format_name(data_format),
    }


def normalised_with_maxima(rank: int, pool_size: Any, **given: Any) -> dict[str, Any]:
    """The same, with windows whose maxima are blurred."""
    pool_size = arguments.positive_ints("pool_size", pool_size, rank)
    return {"pool_size": pool_size, **normalised(rank, **given)}


def blurred(
    inputs: Any,
    filter_size: int,
    strides: tuple[int, ...],
    padding: str,
    data_format: str,
    pool_size: tuple[int, ...] | None = None,
) -> Any:
    """Blurs and subsamples a tensor, or the maxima of its windows at stride 1."""
    rank, shape = len(strides), dispatch.static_shape(inputs)
    axes = arguments.spatial_axes(data_format, rank)
    least = filter_size if padding == "valid" else filter_size // 2 + 1
    pooled = _sizes_of_maxima([shape[axis] for axis in axes], pool_size)
    if any(isinstance(size, int) and size < least for size in pooled):
        raise ArgumentError(_too_small(shape, pool_size, filter_size, padding, least))
    lost = filter_size if padding == "valid" else 1
    output_shape = list(shape)
    for axis, stride, size in zip(axes, strides, pooled, strict=True):
        output_shape[axis] = None if size is None else (size - lost) // stride + 1
    given_dtype = keras.backend.standardize_dtype(inputs.dtype)
    dtype, _ = dispatch.dtypes("avg_pool", shape, given_dtype)
    if isinstance(inputs, keras.KerasTensor):
        return keras.KerasTensor(output_shape, dtype=dtype)

    x = inputs
    if pool_size is not None:
        x = _pool("max_pool", x, pool_size, (1,) * rank, "valid", data_format)
    if None in output_shape and keras.config.backend() == "tensorflow":
        message = (
            f"keras_pooling: an input is too small for a filter of {filter_size} taps. "
            "Use a smaller filter_size."
        )
        x = fitting_when_run(x, axes, (least,) * rank, message)
    wide = "float32" if dtype in ("float16", "bfloat16") else dtype
    x = x if given_dtype == wide else ops.cast(x, wide)
    clips = padding == "same" and _may_clip(x, axes, filter_size)
    if padding == "same" and not clips:
        for axis in axes:
            x = _reflected(x, axis, (filter_size - 1) // 2, filter_size // 2)
    for i in range(filter_size - 2):
        x = _averages(x, (1,) * rank, data_format, clips and i % 2 == 1)
    if clips and filter_size % 2 == 0:
        x = _averages_to_the_end(x, axes, strides, data_format)
    else:
        x = _averages(x, strides, data_format, clips)
    y = x if dtype == wide else ops.cast(x, dtype)
    return dispatch.with_static_shape(y, tuple(output_shape))


def _pool(
    function: str,
    x: Any,
    pool_size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Any,
    data_format: str,
) -> Any:
    ones = (1,) * len(strides)
    windows = SlidingWindows(pool_size, strides, ones, padding)
    return dispatch.pool(function, x, windows, data_format)


def _averages(x: Any, strides: tuple[int, ...], data_format: str, clips: bool) -> Any:
    """Averages of two neighbours; also of each end alone, if windows are clipped."""
    rank = len(strides)
    padding = ((1, 1),) * rank if clips else "valid"
    return _pool("avg_pool", x, (2,) * rank, strides, padding, data_format)


def _averages_to_the_end(
    x: Any, axes: Sequence[int], strides: tuple[int, ...], data_format: str
) -> Any:
    """Averages of an element and the next, which of the last one is the one before."""
    first = arguments.spatial_axes(data_format, len(strides))[0]
    for i, axis in enumerate(axes):
        if (x.shape[axis] - 1) % strides[axis - first] == 0:
            end = x[(*(slice(None),) * axis, slice(-2, None))]
            others = axes[i + 1 :]
            parts = [
                _averages_to_the_end(part, others, strides, data_format)
                for part in (x, end)
            ]
            return ops.concatenate(parts, axis)
    return _averages(x, strides, data_format, clips=False)


def _may_clip(x: Any, axes: Sequence[int], filter_size: int) -> bool:
    """Whether windows that are clipped serve in place of reflection.

    An even number of taps reaches further after an element than before it; whether one
    begins at the last element must be known then. On the portable path the backend's
    own pooling serves windows that are not clipped.
    """
    if dispatch.implementation_of(x) is portable:
        return False
    return filter_size % 2 == 1 or all(isinstance(x.shape[axis], int) for axis in axes)


def _reflected(x: Any, axis: int, before: int, after: int) -> Any:
    """The tensor, and on both sides what lies that far from its ends, mirrored.

    On the whole no slower than `keras.ops.pad`, which PyTorch has not for all ranks.
    """
    leading = (slice(None),) * axis
    parts = [x, ops.flip(x[(*leading, slice(-after - 1, -1))], axis)]
    if before:
        parts.insert(0, ops.flip(x[(*leading, slice(1, before + 1))], axis))
    return ops.concatenate(parts, axis)


def _sizes_of_maxima(
    sizes: Sequence[int | None], pool_size: tuple[int, ...] | None
) -> list[int | None]:
    """How many maxima there are along each axis; None where that is not known."""
    windows = pool_size or (1,) * len(sizes)
    return [
        None if size is None else size - window + 1
        for size, window in zip(sizes, windows, strict=True)
    ]


def _too_small(
    shape: tuple[int | None, ...],
    pool_size: tuple[int, ...] | None,
    filter_size: int,
    padding: str,
    least: int,
) -> str:
    of_maxima, received = "", ""
    if pool_size is not None:
        of_maxima, received = " maxima", f", pool_size={pool_size}"
    why = "to be reflected for" if padding == "same" else "for"
    return (
        f"the input is too small {why} a filter of {filter_size} taps, which needs "
        f"{least}{of_maxima} along each axis. Received shape={shape}, "
        f'filter_size={filter_size}, padding="{padding}"{received}. Use a smaller '
        "filter_size, or a larger input."
    )
