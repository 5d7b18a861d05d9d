"""What a call may say, normalised or refused. Plain integers and reals: no tensors.

Errors are raised bare, as `ArgumentError`. Public functions and layers put their own
names in front, once.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeVar

import keras
import numpy as np

from keras_pooling.windows import (
    AdaptiveWindows,
    FractionalWindows,
    Regions,
    Sizes,
    SlidingWindows,
    Unpooling,
)

DataFormat = Literal["channels_last", "channels_first"]
Padding = (
    Literal["valid", "same", "VALID", "SAME"]
    | int
    | Sequence[int]
    | Sequence[int | Sequence[int]]
)
BlurPadding = Literal["valid", "same", "VALID", "SAME"]
PyramidMode = Literal["max", "avg"]
RegionsPer = Literal["batch", "sample", "channel"]
Windows = SlidingWindows | AdaptiveWindows | FractionalWindows | Regions | Unpooling
T = TypeVar("T")

LARGEST = 2**31 - 1  # of any one argument: products of two still fit 64 bits

# What other libraries call our arguments, and what they call the layouts.
_OUR_NAMES = {
    "dilation": "dilation_rate",
    "input": "inputs",
    "kernel_size": "pool_size",
    "ksize": "pool_size",
    "norm_type": "p",
    "stride": "strides",
    "x": "inputs",
}
_LAYOUTS = {
    **dict.fromkeys(("NWC", "NHWC", "NDHWC"), "channels_last"),
    **dict.fromkeys(("NCW", "NCHW", "NCDHW"), "channels_first"),
}


class ArgumentError(ValueError):
    """What is wrong with an argument, and what would do; `errors_name` says whose."""


class errors_name:
    """Puts what the user called in front of what is wrong with an argument."""

    def __init__(self, call: str):
        self.call = call

    def __enter__(self) -> None:
        """Nothing can be wrong yet."""

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> None:
        """Raises the error that users see."""
        if isinstance(error, ArgumentError):
            raise ValueError(f"{self.call}: {error}") from None


def refuse_other_names(given: dict[str, Any]) -> None:
    """Refuses an argument that another library has, and says what ours is called."""
    for name, value in given.items():
        if name in _OUR_NAMES:
            ours = _OUR_NAMES[name]
            raise ArgumentError(
                f"there is no `{name}` argument. Received {name}={value!r}. "
                f"Use {ours}={value!r}."
            )


def sliding_windows(
    rank: int | None,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    dilation_rate: Any = 1,
    ceil_mode: Any = False,
) -> SlidingWindows:
    """Normalises the arguments of sliding windows.

    Args:
        rank: number of spatial axes. None: that of the arguments with one entry per
            axis; if there is none, every number stands for all axes.
        pool_size: int or one int per axis.
        strides: int, one int per axis, or None for `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or `(before, after)` pair
            per axis.
        dilation_rate: int or one int per axis.
        ceil_mode: bool.

    Raises:
        ArgumentError: naming the argument, its value and what is allowed.
    """
    if rank is None:
        rank = known_rank(
            pool_size=pool_size,
            strides=strides,
            padding=padding,
            dilation_rate=dilation_rate,
        )
    pool_size = positive_ints("pool_size", pool_size, rank)
    windows = SlidingWindows(
        pool_size,
        pool_size if strides is None else positive_ints("strides", strides, rank),
        positive_ints("dilation_rate", dilation_rate, rank),
        _padding(padding, rank),
        flag("ceil_mode", ceil_mode),
    )
    if not isinstance(windows.padding, str):
        per_axis = windows.of_rank(1)
        for pair, extent in zip(per_axis.padding, per_axis.extents, strict=True):
            if max(pair) >= extent:
                raise ArgumentError(
                    "the `padding` argument must be smaller than the window, or a "
                    f"window could lie in the padding alone. Received padding={padding}"
                    f", pool_size={pool_size}, dilation_rate={dilation_rate}: "
                    f"{max(pair)} is not less than {extent}. Use padding of at most "
                    f"{extent - 1} on that axis."
                )
    return windows


def adaptive_windows(rank: int | None, output_size: Any) -> AdaptiveWindows:
    """Normalises the argument of adaptive windows.

    Args:
        rank: number of spatial axes. None: that of the argument with one entry per
            axis; one number stands for all axes.
        output_size: int, or per axis an int or None, which keeps the axis.

    Raises:
        ArgumentError: naming the argument, its value and what is allowed.
    """
    if rank is None:
        rank = known_rank(output_size=output_size)

    def entry(value: Any) -> int | None:
        keeps_axis = value is None and output_size is not None
        return None if keeps_axis else _int("output_size", value, output_size, 1)

    wanted = "an integer"
    return AdaptiveWindows(_per_axis("output_size", output_size, rank, wanted, entry))


def fractional_windows(
    rank: int | None,
    pooling_ratio: Any = None,
    output_size: Any = None,
    pseudo_random: Any = True,
    overlapping: Any = True,
    regions_per: Any = "batch",
    central: Any = "nearest",
) -> FractionalWindows:
    """Normalises the arguments of fractional pooling.

    Args:
        rank: number of spatial axes. None: that of the arguments with one entry per
            axis; if there is none, the number stands for all axes.
        pooling_ratio: number >= 1 or one per axis.
        output_size: int or one per axis; exactly one of the two is not None.
        pseudo_random: bool.
        overlapping: bool.
        regions_per: `"batch"`, `"sample"` or `"channel"`.
        central: `"nearest"` or `"half"`.

    Raises:
        ArgumentError: naming the argument, its value and what is allowed.
    """
    if (pooling_ratio is None) == (output_size is None):
        raise ArgumentError(
            "give exactly one of the `pooling_ratio` and `output_size` arguments. "
            f"Received pooling_ratio={pooling_ratio!r}, output_size={output_size!r}. "
            "Use for example pooling_ratio=1.5."
        )
    if rank is None:
        rank = known_rank(pooling_ratio=pooling_ratio, output_size=output_size)
    if output_size is not None:
        output_size = positive_ints("output_size", output_size, rank)
    else:
        given = pooling_ratio
        pooling_ratio = _per_axis(
            "pooling_ratio",
            given,
            rank,
            "a number",
            lambda entry: _real(
                "pooling_ratio",
                entry,
                given,
                f"from 1 to {LARGEST}",
                1,
                LARGEST,
            ),
        )
    return FractionalWindows(
        pooling_ratio,
        output_size,
        flag("pseudo_random", pseudo_random),
        flag("overlapping", overlapping),
        choice("regions_per", regions_per, ("batch", "sample", "channel")),
        choice("central", central, ("nearest", "half")),
    )


def unpooling(
    rank: int | None,
    pool_size: Any,
    strides: Any = None,
    padding: Any = "valid",
    output_size: Any = None,
) -> Unpooling:
    """Normalises the arguments of unpooling.

    Args:
        rank: number of spatial axes. None: that of the arguments with one entry per
            axis; if there is none, every number stands for all axes.
        pool_size: int or one int per axis.
        strides: int, one int per axis, or None for `pool_size`.
        padding: `"valid"`, `"same"`, an int, or one int or `(before, after)` pair
            per axis.
        output_size: int, one int per axis, or None for what the others imply.

    Raises:
        ArgumentError: naming the argument, its value and what is allowed.
    """
    if rank is None:
        rank = known_rank(
            pool_size=pool_size,
            strides=strides,
            padding=padding,
            output_size=output_size,
        )
    windows = sliding_windows(rank, pool_size, strides, padding)
    if output_size is not None:
        output_size = positive_ints("output_size", output_size, rank)
    return Unpooling(windows.pool_size, windows.strides, windows.padding, output_size)


def known_rank(**arguments: Any) -> int | None:
    """The rank that sequences among these arguments give; None if all are scalar."""
    for argument in arguments.values():
        if argument is not None and not isinstance(argument, str):
            try:
                rank = len(argument)
            except TypeError:
                continue
            if rank not in (1, 2, 3):
                raise ArgumentError(
                    f"there are 1, 2 or 3 spatial axes. Received {_shown(arguments)}. "
                    "Batch and channels are never pooled: give one number, or one per "
                    "spatial axis."
                )
            return rank
    return None


def check_edges(axis: int, edges: Sequence[int], size: int | None) -> None:
    """Refuses region edges that do not ascend from 0 to the size of their axis."""
    for position, (edge, following) in enumerate(itertools.pairwise(edges), start=1):
        if following <= edge:
            problem = f"where {following} follows {edge} at position {position}"
            break
    else:
        if len(edges) < 2:
            problem = "which holds no region"
        elif edges[0] != 0:
            problem = f"which begins at {edges[0]}"
        elif size is not None and edges[-1] != size:
            problem = f"which ends at {edges[-1]}"
        else:
            return
    shown = ", ".join(map(str, edges[:8])) + ", …" * (len(edges) > 8)
    end = "the size of the axis" if size is None else size
    raise ArgumentError(
        "the `regions` argument must hold, for each spatial axis, integers that ascend "
        f"from 0 to the size of the axis. Received for axis {axis}, whose size is "
        f"{size}: [{shown}], {problem}. Begin with 0, end with {end}, and let every "
        "number be greater than the one before."
    )


def spatial_axes(data_format: str, rank: int) -> tuple[int, ...]:
    """The axes of an input that are pooled."""
    first = 1 if data_format == "channels_last" else 2
    return tuple(range(first, first + rank))


def check_rank(shape: Sizes) -> int:
    """Number of spatial axes of an input: 1, 2 or 3."""
    rank = len(shape) - 2
    if rank not in (1, 2, 3):
        raise ArgumentError(
            "the input must have a batch axis, a channel axis and 1, 2 or 3 spatial "
            f"axes. Received shape={tuple(shape)}. Reshape the input."
        )
    return rank


def index_dtype(sizes: Sizes) -> str:
    """Type of a flat index in a plane: int32 if the plane is known to fit it."""
    known = [size for size in sizes if size is not None]
    fits = len(known) == len(sizes) and math.prod(known) <= LARGEST + 1
    return "int32" if fits else "int64"


def data_format_name(data_format: Any) -> str:
    """One of the two layouts, in lower case; None means Keras's default."""
    name = keras.config.image_data_format() if data_format is None else data_format
    name = name.lower() if isinstance(name, str) else name
    if name in ("channels_last", "channels_first"):
        return name
    layout = str(data_format).upper()
    remedy = (
        f'data_format="{_LAYOUTS[layout]}"'
        if layout in _LAYOUTS
        else 'data_format="channels_last", or None for the default of Keras'
    )
    raise ArgumentError(
        "the `data_format` argument must be one of 'channels_last', 'channels_first'. "
        f"Received data_format={data_format!r}. Use {remedy}."
    )


def flag(name: str, value: Any) -> bool:
    """A bool, also NumPy's."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise ArgumentError(
        f"the `{name}` argument must be True or False. Received {name}={value!r}."
    )


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """One of a few words."""
    if isinstance(value, str) and value in allowed:
        return value
    words = ", ".join(f"'{word}'" for word in allowed)
    raise ArgumentError(
        f"the `{name}` argument must be one of {words}. Received {name}={value!r}."
    )


def exponent(name: str, value: Any) -> float:
    """The p of Lp pooling: a real number > 0, infinity included."""
    smallest = 2.0**-1074
    return _real(name, value, value, "a number > 0", smallest, math.inf)


def integer(name: str, value: Any, least: int = 1, most: int = LARGEST) -> int:
    """One int from `least` to `most`."""
    return _int(name, value, value, least, most)


def positive(name: str, value: Any) -> float:
    """A real number > 0, one that every float type can be calculated with."""
    return _real(name, value, value, "a number > 0, of at most 1e30", 1e-30, 1e30)


def real(name: str, value: Any) -> float:
    """A real number, one that every float type can be calculated with."""
    return _real(name, value, value, "a number from -1e30 to 1e30", -1e30, 1e30)


def share(name: str, value: Any) -> float:
    """A real number from 0 to 1."""
    return _real(name, value, value, "a number from 0 to 1", 0, 1)


def mixture(name: str, value: Any) -> float | str:
    """A share, or how it is learned."""
    if isinstance(value, str):
        return choice(name, value, ("trainable", "gated"))
    return share(name, value)


# Parameters of reductions, which may be learned.
PARAMETERS: dict[str, Callable[[str, Any], float]] = {
    "alpha": share,
    "beta": real,
    "p": positive,
}


def divisor(name: str, value: Any) -> int | None:
    """The number that replaces the count of an average, or None."""
    return None if value is None else _int(name, value, value, 1)


_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "alpha": mixture,
    "count_include_pad": flag,
    "divisor_override": divisor,
    "epsilon": positive,
    "normalize": flag,
    "p": exponent,
    "per_channel": flag,
    "return_indices": flag,
}


def options(**given: Any) -> dict[str, Any]:
    """Normalises what a family's function takes beside its windows."""
    return {name: _OPTIONS[name](name, value) for name, value in given.items()}


def positive_ints(name: str, value: Any, rank: int | None) -> Any:
    """One positive int per axis from an int or from one per axis."""
    if type(value) is int and 0 < value <= LARGEST and rank:  # in most calls
        return (value,) * rank
    return _per_axis(
        name, value, rank, "an integer", lambda entry: _int(name, entry, value, 1)
    )


def _padding(padding: Any, rank: int | None) -> Any:
    if isinstance(padding, str):
        if padding.lower() in ("valid", "same"):
            return padding.lower()
        raise ArgumentError(
            "the `padding` argument must be 'valid', 'same', an integer, or one "
            "integer or (before, after) pair per spatial axis. Received "
            f'padding={padding!r}. Use padding="same", or an integer to add as many '
            "elements on every side."
        )

    def side(value: Any) -> int:
        return _int("padding", value, padding, 0)

    if rank is None:
        return side(padding)
    pair = "an integer or a (before, after) pair"
    entries = _entries("padding", padding, rank, pair)
    return tuple(
        tuple(side(value) for value in _entries("padding", entry, 2, pair))
        for entry in entries
    )


def _per_axis(
    name: str,
    value: Any,
    rank: int | None,
    wanted: str,
    check: Callable[[Any], T],
) -> T | tuple[T, ...]:
    """Checks each entry; without a rank the value is one number for every axis."""
    if rank is None:
        return check(value)
    return tuple(check(entry) for entry in _entries(name, value, rank, wanted))


def _entries(name: str, value: Any, count: int, wanted: str) -> tuple:
    try:
        entries = tuple(value)
    except TypeError:
        return (value,) * count
    if len(entries) == count and not isinstance(value, str | bytes | dict):
        return entries
    remedy = "Give one entry per spatial axis, or one number for all."
    if name == "padding" and count == 1 and len(entries) == 2:
        remedy = f"Use padding=({entries},) for what comes before and after the axis."
    raise ArgumentError(
        f"the `{name}` argument must be {wanted}, or a tuple of {count} such entries. "
        f"Received {name}={value!r}. {remedy}"
    )


def _int(name: str, entry: Any, value: Any, least: int, most: int = LARGEST) -> int:
    try:
        number = None if isinstance(entry, bool) else operator.index(entry)
    except TypeError:
        number = None
    if number is not None and least <= number <= most:
        return number
    if number is None:
        wanted = "hold integers"
        found = f", including {entry!r} of type {type(entry).__name__}"
    else:
        found = "" if entry is value else f", including {number}"
        wanted = f"be at most {most}"
        if number < least:
            below = {0: "not be negative", 1: "be positive"}
            wanted = below.get(least, f"be at least {least}")
    raise ArgumentError(
        f"the `{name}` argument must {wanted}. Received {name}={value!r}{found}. "
        f"Use for example {name}={max(least, 1)}."
    )


def _real(
    name: str, entry: Any, value: Any, wanted: str, least: float, most: float
) -> float:
    number = None
    if isinstance(entry, SupportsFloat | SupportsIndex) and not isinstance(
        entry, bool | np.bool_
    ):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = float(entry)
    if number is not None and least <= number <= most:
        return number
    found = "" if entry is value else f", including {entry!r}"
    kind = f" of type {type(entry).__name__}" if number is None else ""
    raise ArgumentError(
        f"the `{name}` argument must be {wanted}. Received {name}={value!r}{found}"
        f"{kind}. Use for example {name}={min(2.0, float(most))}."
    )


def _shown(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
