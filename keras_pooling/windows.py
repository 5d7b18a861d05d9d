"""Where pooling windows fall on an input. Plain integers: no tensor library, no Keras.

Every class answers `rank`, `of_rank`, `output_sizes`, `misfit` and `received`, and
those of windows `max_taps`. What the rank is may not be known yet: then each field
holds one number that stands for every axis, `rank` is None, and `of_rank` gives the
windows with one entry per axis, which answer the other questions. Only the
implementations ask which class it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

Sizes = Sequence["int | None"]


@dataclass(frozen=True)
class SlidingWindows:
    """Windows of one size at regular steps.

    `padding` is `"valid"`, `"same"`, one `(before, after)` pair per axis, or a number
    that stands for all sides.
    """

    pool_size: Any
    strides: Any
    dilation_rate: Any
    padding: Any
    ceil_mode: bool = False

    @property
    def rank(self) -> int | None:
        """Number of spatial axes."""
        return _rank(self.pool_size)

    def of_rank(self, rank: int) -> SlidingWindows:
        """These windows with one entry per axis."""
        if self.rank is not None:
            return self
        explicit = not isinstance(self.padding, str)
        return replace(
            self,
            pool_size=(self.pool_size,) * rank,
            strides=(self.strides,) * rank,
            dilation_rate=(self.dilation_rate,) * rank,
            padding=((self.padding,) * 2,) * rank if explicit else self.padding,
        )

    @property
    def extents(self) -> tuple[int, ...]:
        """From the first tap of a window to its last, both counted, per axis."""
        return tuple(map(self._extent, range(len(self.pool_size))))

    def _extent(self, axis: int) -> int:
        return (self.pool_size[axis] - 1) * self.dilation_rate[axis] + 1

    def axis(
        self, axis: int, size: Any, minimum: Callable = min, maximum: Callable = max
    ) -> tuple[Any, Any, Any]:
        """Number of windows along one axis, and the padding (before, after).

        This is the one size formula in Python. `size` may be a scalar tensor, if
        `minimum` and `maximum` come from the same library.
        """
        stride, extent = self.strides[axis], self._extent(axis)
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
        """Number of windows along each axis; None where the size is None."""
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

    output_size: Any

    @property
    def rank(self) -> int | None:
        """Number of spatial axes."""
        return _rank(self.output_size)

    def of_rank(self, rank: int) -> AdaptiveWindows:
        """These windows with one entry per axis."""
        if self.rank is not None:
            return self
        return AdaptiveWindows((self.output_size,) * rank)

    def output_sizes(self, sizes: Sizes) -> tuple[int | None, ...]:
        """Number of windows along each axis; None where it is not known."""
        return tuple(
            size if wanted is None else wanted
            for wanted, size in zip(self.output_size, sizes, strict=True)
        )

    def regular(self, sizes: Sizes) -> SlidingWindows | None:
        """The same as windows of one size side by side; None where they are not."""
        counts = self.output_sizes(sizes)
        pairs = tuple(zip(sizes, counts, strict=True))
        if any(size is None or size % count for size, count in pairs):
            return None
        pool_size = tuple(size // count for size, count in pairs)
        return SlidingWindows(pool_size, pool_size, (1,) * len(pairs), "valid")

    def max_taps(self, sizes: Sizes) -> int | None:
        """Taps of the largest window; None where the sizes do not tell."""
        taps = 1
        for wanted, size in zip(self.output_size, sizes, strict=True):
            if wanted is None:
                continue
            if not isinstance(size, int):  # None, or the symbol of an export
                return None
            # size / wanted = whole + part / wanted: a window can reach into an element
            # at one end, where 1 is above the line in lowest terms, or at both.
            whole, part = size // wanted, size % wanted
            if part:
                whole += 1 if wanted % part == 0 else 2
            taps *= whole
        return taps

    def misfit(self, sizes: Sizes) -> tuple[str, str] | None:
        """What is wrong with these windows on such an input, and the remedy."""
        return _empty_axis(sizes) if 0 in sizes else None

    def received(self) -> str:
        """The arguments that a message about these windows quotes."""
        is_global = set(self.output_size) == {1}  # which no argument said
        return "" if is_global else f"output_size={self.output_size}"


@dataclass(frozen=True)
class FractionalWindows:
    """How many regions to cut each axis into, and how they are drawn.

    Exactly one of `pooling_ratio` (elements per region, on average) and `output_size`
    (regions) is given. Where the regions fall is only known for a call: see `Regions`.
    """

    pooling_ratio: Any
    output_size: Any
    pseudo_random: bool
    overlapping: bool
    regions_per: str  # "batch" | "sample" | "channel"
    # Central edges: those at the nearest integers, or with u = 1/2, as version 0.1.0
    # had them. No user's argument, but kept in files: in older ones it is missing.
    central: str = "nearest"  # "nearest" | "half"

    @property
    def rank(self) -> int | None:
        """Number of spatial axes."""
        return _rank(self.pooling_ratio or self.output_size)

    def of_rank(self, rank: int) -> FractionalWindows:
        """These windows with one entry per axis."""
        if self.rank is not None:
            return self
        if self.output_size is None:
            return replace(self, pooling_ratio=(self.pooling_ratio,) * rank)
        return replace(self, output_size=(self.output_size,) * rank)

    def count(self, axis: int, size: Any, floor: Callable = math.floor) -> Any:
        """Number of regions along one axis: `floor(size / pooling_ratio)`.

        The quotient is a float64. `size` may be a scalar float64 tensor, if `floor`
        comes from the same library and gives an integer.
        """
        if self.output_size is not None:
            return self.output_size[axis]
        return floor(size / self.pooling_ratio[axis])

    def output_sizes(self, sizes: Sizes) -> tuple[int | None, ...]:
        """Number of regions along each axis; None where it is not known."""
        if self.output_size is not None:
            return self.output_size
        return tuple(
            None if size is None else self.count(axis, size)
            for axis, size in enumerate(sizes)
        )

    def largest(self, axis: int, size: int | None) -> int | None:
        """Length of the longest region of an axis; None where the size is None."""
        if size is None:
            return None
        return min(-(-size // self.count(axis, size)) + self.overlapping, size)

    def max_taps(self, sizes: Sizes) -> int | None:
        """Taps of the largest region; None where the sizes do not tell."""
        return _product(self.largest(axis, size) for axis, size in enumerate(sizes))

    def misfit(self, sizes: Sizes) -> tuple[str, str] | None:
        """What is wrong with these windows on such an input, and the remedy."""
        if 0 in sizes:
            return _empty_axis(sizes)
        name = "pooling_ratio" if self.output_size is None else "output_size"
        limits = self.pooling_ratio or self.output_size
        for limit, size in zip(limits, sizes, strict=True):
            if size is not None and limit > size:
                return (
                    f"{name} {limits} is larger than the input {_text(sizes)}, so that "
                    "a region would be empty",
                    f"Use a {name} of at most {size} there.",
                )
        return None

    def received(self) -> str:
        """The arguments that a message about these windows quotes."""
        return f"pooling_ratio={self.pooling_ratio}, output_size={self.output_size}"


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions that lie side by side and cover each axis: where they fall.

    `edges` has one integer tensor `(rows, windows + 1)` per axis, whose rows ascend
    from 0 to the axis's size. Region i of an axis is `[a_i, a_{i+1})`; overlapping,
    `[a_i, a_{i+1}]` clipped to the input. There is 1 row for the `"batch"`, one per
    `"sample"`, or one per `"channel"` of each sample (row `n * channels + c`).

    `largest` is the length of the longest region of each axis, or a bound on it; None
    where it is not known. The edges are checked by whoever makes or uses them.
    """

    edges: tuple[Any, ...]
    overlapping: bool
    largest: tuple[int | None, ...]
    regions_per: str = "batch"

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.edges)

    def of_rank(self, rank: int) -> Regions:
        """These regions: their rank is known."""
        return self

    def output_sizes(self, sizes: Sizes) -> tuple[int | None, ...]:
        """Number of regions along each axis; None where the shapes do not tell."""
        edges = (tensor.shape[-1] for tensor in self.edges)
        return tuple(None if count is None else count - 1 for count in edges)

    def max_taps(self, sizes: Sizes) -> int | None:
        """Taps of the largest region; None where the sizes do not tell."""
        return _product(self.largest)

    def misfit(self, sizes: Sizes) -> tuple[str, str] | None:
        """What is wrong with these windows on such an input, and the remedy."""
        return _empty_axis(sizes) if 0 in sizes else None

    def received(self) -> str:
        """The arguments that a message about these windows quotes."""
        return f"regions with {self.output_sizes(())} windows"


@dataclass(frozen=True)
class Unpooling:
    """The plane that the values of windows return to: the way back of a pool.

    `output_size` gives its sizes. None: they are the least that so many sliding windows
    can have come from.
    """

    pool_size: Any
    strides: Any
    padding: Any  # as of SlidingWindows
    output_size: Any

    @property
    def rank(self) -> int | None:
        """Number of spatial axes."""
        return _rank(self.pool_size)

    def of_rank(self, rank: int) -> Unpooling:
        """The same with one entry per axis."""
        if self.rank is not None:
            return self
        size = self.output_size
        windows = SlidingWindows(self.pool_size, self.strides, 1, self.padding)
        windows = windows.of_rank(rank)
        return Unpooling(
            windows.pool_size,
            windows.strides,
            windows.padding,
            None if size is None else (size,) * rank,
        )

    def output_sizes(self, sizes: Sequence[Any]) -> tuple[Any, ...]:
        """Sizes of the plane, of the numbers of windows; None where it is not known.

        A number of windows may be a scalar tensor.
        """
        if self.output_size is not None:
            return self.output_size
        return tuple(
            None if size is None else self._least(axis, size)
            for axis, size in enumerate(sizes)
        )

    def _least(self, axis: int, count: Any) -> Any:
        reach = (count - 1) * self.strides[axis]
        if self.padding == "same":
            return reach + 1
        before, after = (0, 0) if self.padding == "valid" else self.padding[axis]
        return reach + self.pool_size[axis] - before - after

    def misfit(self, sizes: Sizes) -> tuple[str, str] | None:
        """What is wrong with such an input, and the remedy."""
        if 0 in sizes:
            return _empty_axis(sizes)
        if any(size is not None and size < 1 for size in self.output_sizes(sizes)):
            return (
                f"windows {self.pool_size} with padding={self.padding}, {_text(sizes)} "
                "of them, can have come from no input",
                "Use less padding, or give the output_size.",
            )
        return None

    def received(self) -> str:
        """The arguments that a message about it quotes."""
        return f"strides={self.strides}, output_size={self.output_size}"


def _product(numbers: Iterable[int | None]) -> int | None:
    numbers = tuple(numbers)
    return None if None in numbers else math.prod(numbers)


def _rank(entries: Any) -> int | None:
    return len(entries) if isinstance(entries, tuple) else None


def _empty_axis(sizes: Sizes) -> tuple[str, str]:
    return (
        f"the input {_text(sizes)} has an empty spatial axis, so there is nothing to "
        "pool",
        "Every spatial axis must be at least 1 long.",
    )


def _text(sizes: Sizes) -> str:
    return str(tuple(sizes))
