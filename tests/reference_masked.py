"""What pooling of unmasked steps must give: a NumPy oracle. Knows nothing of
keras_pooling.

Each sample is pooled alone, by the functions of the other oracles, over windows from
which the masked taps are taken out. Windows that are empty then give 0.
"""

from collections.abc import Callable, Sequence

import numpy as np
import reference


def of_length(axis: reference.Axis, size: int, windows: int) -> reference.Axis:
    """Returns the windows of a shorter axis, and as many empty ones as are missing."""
    missing = windows - len(axis.windows)
    return reference.Axis(size, axis.windows + ((),) * missing)


def pooled_mask(axes: Sequence[reference.Axis], mask: np.ndarray) -> np.ndarray:
    """Returns which windows hold an unmasked step; `axes` has one entry per sample."""
    return np.array(
        [
            [any(row[tap] for tap in axis.inside(i)) for i in range(len(axis.windows))]
            for axis, row in zip(axes, mask, strict=True)
        ]
    )


def pool(
    function: Callable,
    axes: Sequence[reference.Axis],
    mask: np.ndarray,
    data_format: str,
    *arrays: np.ndarray,
    is_gradient: bool = False,
) -> np.ndarray:
    """Applies a function of an oracle to the unmasked steps of each sample.

    Args:
        function: of the arrays of one sample, windows and data format.
        axes: the windows of each sample.
        mask: bools `(batch, steps)`.
        data_format: of all arrays.
        *arrays: x; of a gradient x and dy.
        is_gradient: whether the result is like x, else like y.
    """
    x, *more = (reference.to_channels_last(array, data_format) for array in arrays)
    some = pooled_mask(axes, mask)
    size = axes[0].size if is_gradient else len(axes[0].windows)
    results = np.zeros((len(x), size, x.shape[-1]), np.float64)
    for n, (axis, row) in enumerate(zip(axes, mask, strict=True)):
        kept = np.flatnonzero(some[n])
        if not kept.size:
            continue
        windows = tuple(
            tuple(tap for tap in axis.windows[i] if not _is_masked(tap, row))
            for i in kept
        )
        windows = [reference.Axis(axis.size, windows, axis.before, axis.after)]
        others = [array[n : n + 1, kept] for array in more]
        result = function(x[n : n + 1], *others, windows, "channels_last")[0]
        results[n, slice(None) if is_gradient else kept] = result
    return reference.from_channels_last(results, data_format)


def _is_masked(tap: int, row: np.ndarray) -> bool:
    return 0 <= tap < len(row) and not row[tap]
