"""What a call may say, normalised or refused. Plain integers and reals: no tensors."""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsFloat, SupportsIndex

from keras_pooling.windows import (
    AdaptiveWindows,
    FractionalWindows,
    Regions,
    Sizes,
    SlidingWindows,
)

LARGEST = 2**31 - 1  # of any one argument: products of two still fit 64 bits

Windows = SlidingWindows | AdaptiveWindows | FractionalWindows | Regions


def sliding_windows(
    call: str,
    rank: int,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    dilation_rate: Any = 1,
    ceil_mode: Any = False,
) -> SlidingWindows:
    """Normalises the arguments of sliding windows to one entry per axis.

    Args:
        call: the user's function or class, which opens every message.
        rank: number of spatial axes.
        pool_size: int or one int per axis.
        strides: int, one int per axis, or None for `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or `(before, after)` pair
            per axis.
        dilation_rate: int or one int per axis.
        ceil_mode: bool.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
    """
    pool_size = positive_ints(call, "pool_size", pool_size, rank)
    if strides is not None:
        strides = positive_ints(call, "strides", strides, rank)
    dilation_rate = positive_ints(call, "dilation_rate", dilation_rate, rank)
    windows = SlidingWindows(
        pool_size,
        strides or pool_size,
        dilation_rate,
        _padding(call, padding, rank),
        flag(call, "ceil_mode", ceil_mode),
    )
    if not isinstance(windows.padding, str):
        for pair, extent in zip(windows.padding, windows.extents, strict=True):
            if max(pair) >= extent:
                raise ValueError(
                    f"{call}: the `padding` argument must be smaller than the window, "
                    "or a window could lie in the padding alone. Received "
                    f"padding={padding}, pool_size={pool_size}, dilation_rate="
                    f"{dilation_rate}: {max(pair)} is not less than {extent}. Use "
                    f"padding of at most {extent - 1} on that axis."
                )
    return windows


def fractional_windows(
    call: str,
    rank: int,
    pooling_ratio: Any = None,
    output_size: Any = None,
    pseudo_random: Any = True,
    overlapping: Any = True,
    regions_per: Any = "batch",
) -> FractionalWindows:
    """Normalises the arguments of fractional pooling to one entry per axis.

    Args:
        call: the user's function or class, which opens every message.
        rank: number of spatial axes.
        pooling_ratio: number >= 1 or one per axis.
        output_size: int or one per axis; exactly one of the two is not None.
        pseudo_random: bool.
        overlapping: bool.
        regions_per: `"batch"`, `"sample"` or `"channel"`.

    Raises:
        ValueError: naming the argument, its value and what is allowed.
    """
    if (pooling_ratio is None) == (output_size is None):
        raise ValueError(
            f"{call}: give exactly one of the `pooling_ratio` and `output_size` "
            f"arguments. Received pooling_ratio={pooling_ratio!r}, "
            f"output_size={output_size!r}. Use for example pooling_ratio=1.5."
        )
    if output_size is not None:
        output_size = positive_ints(call, "output_size", output_size, rank)
    else:
        entries = _entries(call, "pooling_ratio", pooling_ratio, rank, "numbers >= 1")
        pooling_ratio = tuple(
            _real(call, "pooling_ratio", entry, pooling_ratio, 1, LARGEST)
            for entry in entries
        )
    return FractionalWindows(
        pooling_ratio,
        output_size,
        flag(call, "pseudo_random", pseudo_random),
        flag(call, "overlapping", overlapping),
        choice(call, "regions_per", regions_per, ("batch", "sample", "channel")),
    )


def check_edges(call: str, axis: int, edges: Sequence[int], size: int | None) -> None:
    """Refuses region edges that do not ascend from 0 to the size of their axis."""
    steps = (b - a for a, b in itertools.pairwise(edges))
    end = edges[-1] if size is None and len(edges) else size
    if len(edges) < 2 or edges[0] != 0 or edges[-1] != end or min(steps) < 1:
        shown = ", ".join(map(str, edges[:8])) + ", …" * (len(edges) > 8)
        raise ValueError(
            f"{call}: the `regions` argument must hold, for each spatial axis, "
            "integers that ascend from 0 to the size of the axis. Received for axis "
            f"{axis}, whose size is {size}: [{shown}], ending in {[*edges[-1:]]}. The "
            f"least regions would be [0, {size}]."
        )


def known_rank(*arguments: Any) -> int | None:
    """The rank that sequences among these arguments give; None if all are scalar."""
    for argument in arguments:
        if argument is not None and not isinstance(argument, str):
            try:
                return len(argument)
            except TypeError:
                continue
    return None


def pooled_shape(
    call: str,
    windows: Windows,
    shape: Sizes,
    data_format: str,
) -> tuple[int | None, ...]:
    """Shape of the output for a whole input shape, batch and channels included.

    Raises:
        ValueError: if the windows do not fit an input of this shape.
    """
    shape = tuple(shape)
    check_rank(call, shape, windows.rank)
    spatial = slice(1, -1) if data_format == "channels_last" else slice(2, None)
    sizes = shape[spatial]
    misfit = windows.misfit(sizes)
    if misfit:
        finding, remedy = misfit
        raise ValueError(
            f"{call}: {finding}. Received shape={shape}, {windows.received()}. {remedy}"
        )
    pooled = windows.output_sizes(sizes)
    if data_format == "channels_last":
        return (shape[0], *pooled, shape[-1])
    return (*shape[:2], *pooled)


def check_rank(call: str, shape: Sizes, rank: int | None = None) -> int:
    """Number of spatial axes of an input; it must be `rank`, or 1, 2 or 3."""
    found = len(shape) - 2
    if found not in (1, 2, 3) or rank not in (None, found):
        wanted = "1, 2 or 3" if rank is None else rank
        raise ValueError(
            f"{call}: the input must have a batch axis, a channel axis and {wanted} "
            f"spatial axes. Received shape={tuple(shape)}. Reshape the input, or give "
            "one entry per spatial axis."
        )
    return found


def index_dtype(sizes: Sizes) -> str:
    """Type of a flat index in a plane: int32 if the plane is known to fit it."""
    fits = None not in sizes and math.prod(sizes) <= LARGEST + 1
    return "int32" if fits else "int64"


def data_format_name(call: str, data_format: Any, default: str) -> str:
    """One of the two layouts, in lower case; None means the default."""
    name = default if data_format is None else data_format
    name = name.lower() if isinstance(name, str) else name
    if name not in ("channels_last", "channels_first"):
        raise ValueError(
            f"{call}: the `data_format` argument must be one of 'channels_last', "
            f"'channels_first'. Received: data_format={data_format!r}"
        )
    return name


def flag(call: str, name: str, value: Any) -> bool:
    """A bool, also NumPy's."""
    if value is True or value is False or type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    raise ValueError(
        f"{call}: the `{name}` argument must be True or False. Received "
        f"{name}={value!r}"
    )


def choice(call: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of a few words."""
    if isinstance(value, str) and value in allowed:
        return value
    words = ", ".join(f"'{word}'" for word in allowed)
    raise ValueError(
        f"{call}: the `{name}` argument must be one of {words}. Received "
        f"{name}={value!r}"
    )


def exponent(call: str, value: Any) -> float:
    """The p of Lp pooling: a real number > 0, infinity included."""
    smallest = 2.0**-1074
    return _real(call, "p", value, value, smallest, math.inf)


def divisor(call: str, value: Any) -> int | None:
    """The number that replaces the count of an average, or None."""
    if value is None:
        return None
    return _int(call, "divisor_override", value, value, 1)


def positive_ints(call: str, name: str, value: Any, rank: int) -> tuple[int, ...]:
    """One positive int per axis from an int or from one per axis."""
    entries = _entries(call, name, value, rank, "integers > 0")
    return tuple(_int(call, name, entry, value, 1) for entry in entries)


def _padding(call: str, padding: Any, rank: int) -> str | tuple[tuple[int, int], ...]:
    if isinstance(padding, str):
        if padding.lower() in ("valid", "same"):
            return padding.lower()
        raise ValueError(
            f"{call}: the `padding` argument must be 'valid', 'same', an integer, or "
            f"{rank} integers or (before, after) pairs. Received padding={padding!r}"
        )
    wanted = "integers or (before, after) pairs"
    pairs = []
    for entry in _entries(call, "padding", padding, rank, wanted):
        pair = _entries(call, "padding", entry, 2, wanted)
        pairs.append(tuple(_int(call, "padding", side, padding, 0) for side in pair))
    return tuple(pairs)


def _entries(call: str, name: str, value: Any, rank: int, wanted: str) -> tuple:
    try:
        entries = tuple(value)
    except TypeError:
        return (value,) * rank
    if len(entries) != rank or isinstance(value, str | bytes | dict):
        raise ValueError(
            f"{call}: the `{name}` argument must be an integer or a tuple of {rank} "
            f"{wanted}. Received {name}={value!r}. Give one entry per spatial axis."
        )
    return entries


def _int(call: str, name: str, entry: Any, value: Any, least: int) -> int:
    try:
        number = operator.index(entry)
    except TypeError:
        number = None
    if number is None or isinstance(entry, bool) or not least <= number <= LARGEST:
        raise ValueError(
            f"{call}: the `{name}` argument must hold integers from {least} to "
            f"{LARGEST}. Received {name}={value!r}, including {entry!r} of type "
            f"{type(entry).__name__}. Use for example {name}={max(least, 1)}."
        )
    return number


def _real(
    call: str, name: str, entry: Any, value: Any, least: float, most: float
) -> float:
    is_bool = isinstance(entry, bool) or type(entry).__name__ in ("bool_", "bool")
    number = None
    if isinstance(entry, SupportsFloat | SupportsIndex) and not is_bool:
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = float(entry)
    if number is None or not least <= number <= most:
        allowed = f"a number from {least} to {most}" if most < math.inf else "> 0"
        raise ValueError(
            f"{call}: the `{name}` argument must be {allowed}. Received "
            f"{name}={value!r}, including {entry!r} of type {type(entry).__name__}. "
            f"Use for example {name}=2.0."
        )
    return number
