"""What pooling must give: a NumPy oracle. Knows nothing of keras_pooling.

It walks over the windows one by one and looks at their taps, and it is kept slow and
plain so that reading it is enough to believe it. Each function takes `windows`, a
list with one `Axis` per spatial axis (made by `sliding` or `adaptive`).
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Axis:
    """The windows along one axis: positions relative to the first element."""

    size: int
    windows: tuple[tuple[int, ...], ...]  # may name positions outside the input
    before: int = 0  # padding
    after: int = 0

    def inside(self, window: int) -> list[int]:
        """Returns the taps of one window that are elements of the input."""
        return [tap for tap in self.windows[window] if 0 <= tap < self.size]

    def padded(self, window: int) -> list[int]:
        """Returns the taps of one window inside the input or its padding."""
        first, end = -self.before, self.size + self.after
        return [tap for tap in self.windows[window] if first <= tap < end]


def per_axis(value, rank: int) -> tuple:
    """Repeats a number for each axis; leaves one number per axis as it is."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def sliding(
    sizes: Sequence[int],
    pool_size,
    strides=None,
    padding="valid",
    dilation_rate=1,
    ceil_mode: bool = False,
) -> list[Axis]:
    """Lays sliding windows over each axis."""
    rank = len(sizes)
    pool_size = per_axis(pool_size, rank)
    strides = pool_size if strides is None else per_axis(strides, rank)
    dilation_rate = per_axis(dilation_rate, rank)
    if isinstance(padding, str):
        paddings = (padding.lower(),) * rank
    else:
        paddings = per_axis(padding, rank)
    return [
        _sliding_axis(*arguments, ceil_mode)
        for arguments in zip(
            sizes, pool_size, strides, dilation_rate, paddings, strict=True
        )
    ]


def _sliding_axis(size, pool_size, stride, dilation, padding, ceil_mode) -> Axis:
    reach = (pool_size - 1) * dilation + 1  # from the first tap to the last
    if padding == "same":
        # As many windows as strides begin inside the input; what they lack is
        # padding, and of an odd number the larger half comes after.
        starts = list(range(0, size, stride))
        missing = max(starts[-1] + reach - size, 0) if starts else 0
        before, after = missing // 2, missing - missing // 2
        starts = [start - before for start in starts]
    else:
        if padding == "valid":
            before = after = 0
        elif isinstance(padding, int):
            before = after = padding
        else:
            before, after = padding
        end = size + after
        starts = []
        for start in itertools.count(-before, stride):
            if ceil_mode:
                # One window more as long as the last one left something over, but
                # none that starts after the last element of the input.
                fits = start - stride + reach < end and start < size
            else:
                fits = start + reach <= end
            if not fits:
                break
            starts.append(start)
    windows = tuple(
        tuple(start + tap * dilation for tap in range(pool_size)) for start in starts
    )
    return Axis(size, windows, before, after)


def adaptive(sizes: Sequence[int], output_size) -> list[Axis]:
    """Cuts each axis into that many windows; one window is global pooling."""
    axes = []
    for size, out in zip(sizes, per_axis(output_size, len(sizes)), strict=True):
        windows = tuple(
            tuple(range((i * size) // out, -((-(i + 1) * size) // out)))
            for i in range(out)
        )
        axes.append(Axis(size, windows))
    return axes


def output_sizes(windows: list[Axis]) -> tuple[int, ...]:
    """Returns the number of windows along each axis."""
    return tuple(len(axis.windows) for axis in windows)


def has_empty_window(windows: list[Axis]) -> bool:
    """Tells whether there is no window at all, or one with no tap inside."""
    return any(
        not axis.windows or not all(axis.inside(i) for i in range(len(axis.windows)))
        for axis in windows
    )


def max_taps(windows: list[Axis]) -> int:
    """Returns the number of taps of the largest window."""
    return math.prod(max(len(window) for window in axis.windows) for axis in windows)


def _every_window(windows: list[Axis]) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yields each output position with the flat plane indices of its taps, in order."""
    sizes = tuple(axis.size for axis in windows)
    for position in np.ndindex(*output_sizes(windows)):
        taps = [axis.inside(i) for axis, i in zip(windows, position, strict=True)]
        yield position, np.ravel_multi_index(np.ix_(*taps), sizes).ravel()


def _divisor(windows, position, taps, count_include_pad, divisor_override) -> int:
    if divisor_override is not None:
        return divisor_override
    if count_include_pad:
        return math.prod(
            len(axis.padded(i)) for axis, i in zip(windows, position, strict=True)
        )
    return len(taps)


def to_channels_last(x: np.ndarray, data_format: str) -> np.ndarray:
    """Moves channels to the end if they come first."""
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def from_channels_last(x: np.ndarray, data_format: str) -> np.ndarray:
    """Moves channels where `data_format` wants them."""
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _planes(x: np.ndarray, data_format: str) -> np.ndarray:
    """Reshapes to (batch, elements of the spatial plane, channels)."""
    x = to_channels_last(x, data_format)
    return x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])


def _unplanes(planes: np.ndarray, sizes, data_format: str) -> np.ndarray:
    shape = (planes.shape[0], *sizes, planes.shape[-1])
    return from_channels_last(planes.reshape(shape), data_format)


def wide(x: np.ndarray) -> np.ndarray:
    """Returns the same numbers in a type that holds them exactly and adds them well.

    float64 for the narrower types; for float64 itself the longest type there is.
    """
    return x.astype(np.longdouble if x.dtype == np.float64 else np.float64)


def is_float(dtype) -> bool:
    """True for floating point, bfloat16 included."""
    return np.dtype(dtype).kind not in "iub"


def _first_greatest(taps: np.ndarray) -> np.ndarray:
    """Returns, over axis 1, the first NaN, or else the first greatest tap."""
    if not is_float(taps.dtype):
        return np.argmax(taps, axis=1)
    taps = taps.astype(np.float64)  # exact; NumPy orders no bfloat16
    is_nan = np.isnan(taps)
    greatest = np.argmax(np.where(is_nan, -np.inf, taps), axis=1)
    return np.where(is_nan.any(axis=1), np.argmax(is_nan, axis=1), greatest)


def _winners(x: np.ndarray, windows: list[Axis], data_format: str) -> np.ndarray:
    """Returns the winning plane index of each output, channels last."""
    planes = _planes(x, data_format)
    batch, _, channels = planes.shape
    winners = np.zeros((batch, *output_sizes(windows), channels), np.int64)
    for position, taps in _every_window(windows):
        winners[:, *position] = taps[_first_greatest(planes[:, taps])]
    return winners


def _gather(planes: np.ndarray, winners: np.ndarray) -> np.ndarray:
    flat = _flat(winners)
    return np.take_along_axis(planes, flat, axis=1).reshape(winners.shape)


def _flat(outputs: np.ndarray) -> np.ndarray:
    """Reshapes channels-last outputs to (batch, windows, channels)."""
    batch, *out, channels = outputs.shape
    return outputs.reshape(batch, math.prod(out), channels)


def max_pool(
    x: np.ndarray, windows: list[Axis], data_format: str = "channels_last"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the greatest tap of each window and its index in the spatial plane."""
    winners = _winners(x, windows, data_format)
    y = _gather(_planes(x, data_format), winners)
    fits = math.prod(axis.size for axis in windows) <= np.iinfo(np.int32).max
    indices = winners.astype(np.int32 if fits else np.int64)
    return from_channels_last(y, data_format), from_channels_last(indices, data_format)


def max_pool_gradient(
    x: np.ndarray,
    dy: np.ndarray,
    windows: list[Axis],
    data_format: str = "channels_last",
) -> np.ndarray:
    """Returns dx: each dy added where its window has its first greatest tap."""
    winners = _winners(x, windows, data_format)
    batch, channels = winners.shape[0], winners.shape[-1]
    dy = wide(to_channels_last(dy, data_format))
    planes = np.zeros_like(_planes(x, data_format), dtype=dy.dtype)
    images = np.arange(batch)[:, None, None]
    every = (images, _flat(winners), np.arange(channels))
    np.add.at(planes, every, _flat(dy))
    return _unplanes(planes, [axis.size for axis in windows], data_format)


def max_pool_second_gradient(
    x: np.ndarray,
    ddx: np.ndarray,
    windows: list[Axis],
    data_format: str = "channels_last",
) -> np.ndarray:
    """Returns what `ddx` sends through the gradient to dy: its winning elements."""
    winners = _winners(x, windows, data_format)
    return from_channels_last(_gather(_planes(ddx, data_format), winners), data_format)


def max_unpool(
    y: np.ndarray,
    indices: np.ndarray,
    sizes: Sequence[int],
    data_format: str = "channels_last",
) -> np.ndarray:
    """Returns zeros with each y at its index; of equal indices the last one's stays."""
    planes, flat = _planes(y, data_format), _planes(indices, data_format)
    batch, windows, channels = planes.shape
    x = np.zeros((batch, math.prod(sizes), channels), y.dtype)
    for n, window, c in itertools.product(*map(range, (batch, windows, channels))):
        x[n, flat[n, window, c], c] = planes[n, window, c]
    return _unplanes(x, sizes, data_format)


def max_unpool_gradient(
    dx: np.ndarray, indices: np.ndarray, data_format: str = "channels_last"
) -> np.ndarray:
    """Returns dy: what dx holds where each value stands, 0 where another one does."""
    planes, flat = _planes(dx, data_format), _planes(indices, data_format)
    batch, windows, channels = flat.shape
    dy = np.zeros(flat.shape, dx.dtype)
    for n, window, c in itertools.product(*map(range, (batch, windows, channels))):
        if flat[n, window, c] not in flat[n, window + 1 :, c]:
            dy[n, window, c] = planes[n, flat[n, window, c], c]
    sizes = to_channels_last(indices, data_format).shape[1:-1]
    return _unplanes(dy, sizes, data_format)


def avg_pool(
    x: np.ndarray,
    windows: list[Axis],
    data_format: str = "channels_last",
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Returns the averages in the wide type, not rounded to that of `x`."""
    planes = wide(_planes(x, data_format))
    batch, _, channels = planes.shape
    y = np.zeros((batch, *output_sizes(windows), channels), planes.dtype)
    for position, taps in _every_window(windows):
        divisor = _divisor(windows, position, taps, count_include_pad, divisor_override)
        y[:, *position] = planes[:, taps].sum(axis=1) / divisor
    return from_channels_last(y, data_format)


def avg_pool_gradient(
    dy: np.ndarray,
    windows: list[Axis],
    data_format: str = "channels_last",
    count_include_pad: bool = False,
    divisor_override: int | None = None,
) -> np.ndarray:
    """Returns dx in the wide type: each dy spread evenly over its window."""
    dy = wide(to_channels_last(dy, data_format))
    sizes = [axis.size for axis in windows]
    planes = np.zeros((dy.shape[0], math.prod(sizes), dy.shape[-1]), dy.dtype)
    for position, taps in _every_window(windows):
        divisor = _divisor(windows, position, taps, count_include_pad, divisor_override)
        planes[:, taps] += dy[:, *position][:, None] / divisor
    return _unplanes(planes, sizes, data_format)


def windows_over_each_element(windows: list[Axis]) -> int:
    """Returns the largest number of windows that one element belongs to."""
    return math.prod(
        max(
            sum(element in axis.inside(i) for i in range(len(axis.windows)))
            for element in range(axis.size)
        )
        for axis in windows
    )
