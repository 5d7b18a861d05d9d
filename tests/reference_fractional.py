"""What fractional pooling must give: regions in exact fractions, chances of each draw.

Knows nothing of keras_pooling. `axes` makes windows for the functions of `reference`.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import reference


def pseudo_random_edges(size: int, count: int, u: Fraction) -> tuple[int, ...]:
    """Returns `ceil(α (i + u))` with α = size / count, moved so that the first is 0."""
    alpha = Fraction(size, count)
    edges = [math.ceil(alpha * (i + u)) for i in range(count + 1)]
    return tuple(edge - edges[0] for edge in edges)


def chances_of_pseudo_random(size: int, count: int) -> dict[tuple[int, ...], Fraction]:
    """Returns the probability of each sequence of edges for u uniform in (0, 1].

    With u between two neighbouring multiples of 1 / size, ceil(size · u) is the same,
    and so are all edges.
    """
    drawn = Counter(
        pseudo_random_edges(size, count, Fraction(t, size)) for t in range(1, size + 1)
    )
    return {edges: Fraction(times, size) for edges, times in drawn.items()}


def chances_of_random(size: int, count: int) -> dict[tuple[int, ...], Fraction]:
    """Returns the same probability for each order of the gaps k and k + 1."""
    gap, longer = divmod(size, count)
    edges = []
    for places in itertools.combinations(range(count), longer):
        gaps = (gap + (i in places) for i in range(count))
        edges.append(tuple(itertools.accumulate(gaps, initial=0)))
    return {each: Fraction(1, len(edges)) for each in edges}


def assert_gap_rule(edges: Sequence[int], size: int, count: int) -> None:
    """Fails unless edges go from 0 to size in `count` steps of k or k + 1."""
    assert len(edges) == count + 1
    assert edges[0] == 0 and edges[-1] == size
    assert set(np.diff(edges).tolist()) <= {size // count, size // count + 1}


def axes(edges: Sequence[Sequence[int]], overlapping: bool) -> list[reference.Axis]:
    """Makes the windows of `reference`: [a, b), or [a, b] clipped to the input."""
    return [
        reference.Axis(
            int(of_axis[-1]),
            tuple(
                tuple(range(a, min(b + overlapping, of_axis[-1])))
                for a, b in itertools.pairwise(np.asarray(of_axis).tolist())
            ),
        )
        for of_axis in edges
    ]


def ramps(shape: Sequence[int], data_format: str) -> list[np.ndarray]:
    """Returns, for each spatial axis, an input that rises along it alone.

    The greatest tap of a region that does not overlap is one less than its end.
    """
    first = 2 if data_format == "channels_first" else 1
    rank = len(shape) - 2
    return [
        np.broadcast_to(
            np.arange(shape[axis]).reshape(
                [-1 if a == axis else 1 for a in range(len(shape))]
            ),
            shape,
        ).astype("float32")
        for axis in range(first, first + rank)
    ]


def edges_from_ramps(outputs: Sequence[np.ndarray], data_format: str) -> list:
    """Returns, for each axis, edges `(samples, channels, regions + 1)`."""
    found = []
    for i, y in enumerate(outputs):
        y = reference.to_channels_last(np.asarray(y), data_format)
        others = tuple(a for a in range(1, y.ndim - 1) if a != i + 1)
        assert (y == y.max(axis=others, keepdims=True)).all()
        ends = y.max(axis=others).transpose(0, 2, 1).astype(int) + 1
        found.append(np.pad(ends, ((0, 0), (0, 0), (1, 0))))
    return found


def pool_each(function, x, edges: list, overlapping: bool, data_format: str, *more):
    """Applies a function of `reference` to each channel of each sample on its own.

    Args:
        function: of an input, windows and data format, perhaps with a second array.
        x: the input.
        edges: as `edges_from_ramps` returns them.
        overlapping: whether regions overlap.
        data_format: of all arrays.
        *more: a second array, cut up like x.
    """
    arrays = [reference.to_channels_last(array, data_format) for array in (x, *more)]
    rows = []
    for n in range(arrays[0].shape[0]):
        row = []
        for c in range(arrays[0].shape[-1]):
            windows = axes([of_axis[n, c] for of_axis in edges], overlapping)
            one, *others = (array[n : n + 1, ..., c : c + 1] for array in arrays)
            row.append(function(one, *others, windows, "channels_last"))
        rows.append(np.concatenate(row, axis=-1))
    return reference.from_channels_last(np.concatenate(rows), data_format)


def chi_square_is_likely(counts: Sequence[int], chances: Sequence[Fraction]) -> bool:
    """Tests counts against probabilities: False once in 10⁹ if they agree.

    With h = χ² / 2, the tail of the χ² distribution is e^(-h) Σ h^i / Γ(i + 1), over
    i = 0, 1, … < degrees / 2 for an even number of degrees of freedom; for an odd one,
    over i = 1/2, 3/2, …, and erfc(√h) besides.
    """
    degrees = len(counts) - 1
    total = sum(counts)
    half = 0.0
    for count, chance in zip(counts, chances, strict=True):
        mean = float(chance) * total
        half += (count - mean) ** 2 / mean / 2
    odd = degrees % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    for i in range(degrees // 2):
        power = i + odd / 2
        tail += math.exp(-half) * half**power / math.gamma(power + 1)
    return tail > 1e-9
