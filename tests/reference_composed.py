"""What layers composed of several steps must give: a NumPy oracle. Knows nothing of
keras_pooling.

Kept slow and plain, as `reference.py`. What is linear along an axis is a matrix.
"""

import math

import numpy as np
import reference


def blur_matrix(
    size: int, filter_size: int, stride: int, padding: str, pool_size: int = 1
) -> np.ndarray:
    """Returns the matrix (outputs, elements) of a binomial filter along one axis."""
    size = size - pool_size + 1
    weights = [math.comb(filter_size - 1, i) for i in range(filter_size)]
    before, after = 0, 0
    if padding == "same":
        before, after = (filter_size - 1) // 2, filter_size // 2
    starts = range(-before, size + after - filter_size + 1, stride)
    matrix = np.zeros((len(starts), size))
    for row, start in zip(matrix, starts, strict=True):
        for tap, weight in enumerate(weights):
            element = abs(start + tap)  # reflected at the first element
            if element >= size:
                element = 2 * (size - 1) - element  # and at the last one
            row[element] += weight / sum(weights)
    return matrix


def along_axes(x: np.ndarray, matrices, data_format: str) -> np.ndarray:
    """Applies one matrix to each spatial axis, in the wide type."""
    y = reference.wide(reference.to_channels_last(x, data_format))
    for axis, matrix in enumerate(matrices, start=1):
        y = np.moveaxis(np.tensordot(matrix.astype(y.dtype), y, (1, axis)), 0, axis)
    return reference.from_channels_last(y, data_format)


def blur_matrices(sizes, filter_size, strides, padding, pool_size=1) -> list:
    """Returns the matrix of each axis."""
    rank = len(sizes)
    return [
        blur_matrix(size, filter_size, stride, padding, window)
        for size, stride, window in zip(
            sizes,
            reference.per_axis(strides, rank),
            reference.per_axis(pool_size, rank),
            strict=True,
        )
    ]


def first_greatest_first(values: np.ndarray) -> list[int]:
    """Returns positions by value, NaN before all; of equals the first comes first."""

    def key(position: int) -> tuple:
        value = values[position].item()
        return (0, 0) if value != value else (1, -value)

    return sorted(range(len(values)), key=key)


def kept_steps(steps: int, k: int, layer=None, num_layers=None) -> int:
    """Returns how many of so many steps dynamic k-max pooling keeps."""
    if layer is None:
        return k
    return max(k, -(-(num_layers - layer) * steps // num_layers))


def k_max_places(x, k, layer=None, num_layers=None, mask=None) -> np.ndarray:
    """Returns which step of a channels_last input each output is; -1 where none is."""
    batch, steps, channels = x.shape
    count = kept_steps(steps, k, layer, num_layers)
    places = np.full((batch, count, channels), -1)
    for n in range(batch):
        valid = np.arange(steps) if mask is None else np.flatnonzero(mask[n])
        kept = min(len(valid), kept_steps(len(valid), k, layer, num_layers))
        for c in range(channels):
            best = first_greatest_first(x[n, valid, c])[:kept]
            places[n, :kept, c] = valid[sorted(best)]
    return places


def taken(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns the steps at these places, and 0 where there is none."""
    y = np.take_along_axis(x, np.maximum(places, 0), axis=1)
    return np.where(places >= 0, y, np.zeros_like(y))


def taken_gradient(x: np.ndarray, dy: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Returns dx: each dy at the place that its step was taken from."""
    dx = np.zeros(x.shape, dy.dtype)
    for (n, output, c), place in np.ndenumerate(places):
        if place >= 0:
            dx[n, place, c] += dy[n, output, c]
    return dx


def maxout(x: np.ndarray, num_pieces: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the greatest of each group, and which of its group it is."""
    at = axis % x.ndim
    groups = x.reshape(
        *x.shape[:at], x.shape[at] // num_pieces, num_pieces, *x.shape[at + 1 :]
    )
    winners = np.argmax(groups, axis=at + 1)  # of NaNs, and else of equals, the first
    y = np.take_along_axis(groups, np.expand_dims(winners, at + 1), at + 1)
    return np.squeeze(y, at + 1), winners


def maxout_gradient(x, dy, num_pieces: int, axis: int) -> np.ndarray:
    """Returns dx: each dy at the first greatest of its group."""
    _, winners = maxout(x, num_pieces, axis)
    at = axis % x.ndim
    pieces = np.arange(num_pieces).reshape((-1,) + (1,) * (x.ndim - 1 - at))
    is_winner = np.expand_dims(winners, at + 1) == pieces
    return np.where(is_winner, np.expand_dims(dy, at + 1), 0).reshape(x.shape)


def pyramid(x: np.ndarray, levels, mode: str, data_format: str) -> np.ndarray:
    """Returns the vector of each image: levels, then windows, then channels."""
    x = reference.to_channels_last(x, data_format)
    parts = []
    for level in levels:
        windows = reference.adaptive(x.shape[1:-1], level)
        if mode == "max":
            y, _ = reference.max_pool(x, windows)
        else:
            y = reference.avg_pool(x, windows)
        parts.append(y.reshape(len(x), math.prod(y.shape[1:])))
    return np.concatenate(parts, axis=1)


def pyramid_gradient(x, dy, levels, mode: str, data_format: str) -> np.ndarray:
    """Returns dx in the wide type, the sum over the levels."""
    x = reference.to_channels_last(x, data_format)
    dx, done = np.zeros(x.shape, reference.wide(dy).dtype), 0
    for level in levels:
        windows = reference.adaptive(x.shape[1:-1], level)
        shape = (len(x), *reference.output_sizes(windows), x.shape[-1])
        end = done + math.prod(shape[1:])
        part, done = dy[:, done:end].reshape(shape), end
        if mode == "max":
            dx += reference.max_pool_gradient(x, part, windows)
        else:
            dx += reference.avg_pool_gradient(part, windows)
    return reference.from_channels_last(dx, data_format)
