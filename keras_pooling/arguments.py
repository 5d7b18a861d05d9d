"""Where pooling windows fall. Plain integers: no tensor library, no Keras."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

LARGEST = 2**31 - 1  # of any one argument: products of two still fit 64 bits

Sizes = Sequence["int | None"]


@dataclass(frozen=True)
class SlidingWindows:
    """Windows of one size at regular steps: one entry per spatial axis.

    `padding` is `"valid"`, `"same"` or one `(before, after)` pair per axis.
    """

    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str | tuple[tuple[int, int], ...]
    ceil_mode: bool = False

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.pool_size)

    @property
    def extents(self) -> tuple[int, ...]:
        """From the first tap of a window to its last, both counted, per axis."""
        return tuple(
            (k - 1) * d + 1
            for k, d in zip(self.pool_size, self.dilation_rate, strict=True)
        )

    def axis(
        self, axis: int, size: Any, minimum: Callable = min, maximum: Callable = max
    ) -> tuple[Any, Any, Any]:
        """Number of windows along one axis, and the padding (before, after).

        This is the one size formula in Python. `size` may be a scalar tensor, if
        `minimum` and `maximum` come from the same library.
        """
        stride, extent = self.strides[axis], self.extents[axis]
        if self.padding == "same":
            count = (size + stride - 1) // stride
            padding = maximum((count - 1) * stride + extent - size, 0)
            return count, padding // 2, padding - padding // 2
        before, after = (0, 0) if self.padding == "valid" else self.padding[axis]
        room = size + before + after - extent
        if self.ceil_mode:
            # No window starts beyond the input and the padding before it.
            count = minimum(
                (room + stride - 1) // stride, (size + before - 1) // stride
            )
            return count + 1, before, after
        return room // stride + 1, before, after

    def output_sizes(self, sizes: Sizes) -> tuple[int | None, ...]:
        """Number of windows along each axis; None where the size is None.

        Raises:
            ValueError: if there is no window, or one without a tap in the input.
        """
        _refuse(self.misfit(sizes))
        return tuple(
            None if size is None else self.axis(axis, size)[0]
            for axis, size in enumerate(sizes)
        )

    def max_taps(self, sizes: Sizes) -> int | None:
        """Taps of a whole window, before it is clipped to the input."""
        return math.prod(self.pool_size)

    def misfit(self, sizes: Sizes) -> tuple[str, str] | None:
        """What is wrong with these windows on such an input, and the remedy."""
        if 0 in sizes:
            return _empty_axis(sizes)
        for axis, size in enumerate(sizes):
            if size is None:
                continue
            count, before, _ = self.axis(axis, size)
            if count <= 0:
                widened = "" if self.padding == "valid" else "padded "
                return (
                    f"window {self.pool_size}{self._spread()} is larger than the "
                    f"{widened}input {_text(sizes)} with padding={self._quoted()}",
                    'Use padding="same" or a smaller pool_size.',
                )
            if self._leaves_a_window_empty(axis, size, count, before):
                return (
                    f"window {self.pool_size}{self._spread()} steps over the input "
                    f"{_text(sizes)} without a tap inside it with "
                    f"padding={self._quoted()}",
                    'Use a smaller dilation_rate or padding="valid".',
                )
        return None

    def received(self) -> str:
        """The arguments that a message about these windows quotes."""
        parts = [f"strides={self.strides}"]
        if self.ceil_mode:
            parts.append("ceil_mode=True")
        return ", ".join(parts)

    def _leaves_a_window_empty(
        self, axis: int, size: int, count: int, before: int
    ) -> bool:
        # Only a window that starts in the padding can miss, and only if its taps
        # are further apart than the input is long. Its first tap at or after 0 is
        # at (start mod dilation). The starts repeat or differ: after size + 1
        # different ones, one has missed.
        stride, dilation = self.strides[axis], self.dilation_rate[axis]
        if dilation <= size or before == 0:
            return False
        padded = min(count, -(-before // stride), size + 1)
        return any((i * stride - before) % dilation >= size for i in range(padded))

    def _quoted(self) -> str:
        return (
            f'"{self.padding}"' if isinstance(self.padding, str) else f"{self.padding}"
        )

    def _spread(self) -> str:
        if all(d == 1 for d in self.dilation_rate):
            return ""
        return f" with dilation_rate {self.dilation_rate}"


@dataclass(frozen=True)
class AdaptiveWindows:
    """As many windows as asked for, spread evenly over the input.

    Window i of an axis is `[floor(i * size / n), ceil((i + 1) * size / n))` with n
    the axis's entry of `output_size`; None keeps the axis. Global pooling is one
    window per axis.
    """

    output_size: tuple[int | None, ...]

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.output_size)

    def output_sizes(self, sizes: Sizes) -> tuple[int | None, ...]:
        """Number of windows along each axis; None where it is not known.

        Raises:
            ValueError: if an axis of the input is empty.
        """
        _refuse(self.misfit(sizes))
        return tuple(
            size if wanted is None else wanted
            for wanted, size in zip(self.output_size, sizes, strict=True)
        )

    def max_taps(self, sizes: Sizes) -> int | None:
        """Taps of the largest window; None where the sizes do not tell."""
        taps = 1
        for wanted, size in zip(self.output_size, sizes, strict=True):
            if wanted is None:
                continue
            if size is None:
                return None
            # size / wanted = whole + part / wanted in lowest terms: a window can
            # reach into an element at one end (part 1) or at both.
            whole, part = divmod(size, wanted)
            part //= math.gcd(size, wanted)
            taps *= whole + min(part, 2)
        return taps

    def misfit(self, sizes: Sizes) -> tuple[str, str] | None:
        """What is wrong with these windows on such an input, and the remedy."""
        return _empty_axis(sizes) if 0 in sizes else None

    def received(self) -> str:
        """The arguments that a message about these windows quotes."""
        return f"output_size={self.output_size}"


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
    windows: SlidingWindows | AdaptiveWindows,
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


def _refuse(misfit: tuple[str, str] | None) -> None:
    if misfit:
        raise ValueError(". ".join(misfit))


def _empty_axis(sizes: Sizes) -> tuple[str, str]:
    return (
        f"the input {_text(sizes)} has an empty spatial axis, so there is nothing to "
        "pool",
        "Every spatial axis must be at least 1 long.",
    )


def _text(sizes: Sizes) -> str:
    return str(tuple(sizes))
