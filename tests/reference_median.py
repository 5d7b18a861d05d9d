"""What median pooling must give: a NumPy oracle. Knows nothing of keras_pooling.

`windows` are those of `reference`. A NaN among the taps is the result.
"""

import numpy as np
import reference


def _middles(taps: np.ndarray) -> list[np.ndarray]:
    """Returns which taps (axis 1) are in the middle: the first of equals, each time."""
    in_order = np.sort(taps, axis=1)
    count = taps.shape[1]
    values = [in_order[:, middle][:, None] for middle in ((count - 1) // 2, count // 2)]
    is_nan = np.isnan(taps)
    some_nan = is_nan.any(axis=1, keepdims=True)
    return [
        np.argmax(np.where(some_nan, is_nan, taps == value), axis=1) for value in values
    ]


def median_pool(x, windows, data_format) -> np.ndarray:
    """Returns the medians in the wide type."""
    planes = reference.wide(reference._planes(x, data_format))
    out = reference.output_sizes(windows)
    y = np.zeros((planes.shape[0], *out, planes.shape[-1]), planes.dtype)
    for position, taps in reference._every_window(windows):
        y[:, *position] = np.median(planes[:, taps], axis=1)
    return reference.from_channels_last(y, data_format)


def median_pool_gradient(x, dy, windows, data_format) -> np.ndarray:
    """Returns dx: half of each dy to either tap in the middle, which may be one."""
    planes = reference.wide(reference._planes(x, data_format))
    dy = reference.wide(reference.to_channels_last(dy, data_format))
    dx = np.zeros_like(planes)
    batch, channels = np.indices((planes.shape[0], planes.shape[-1]))
    for position, taps in reference._every_window(windows):
        for middle in _middles(planes[:, taps]):
            np.add.at(dx, (batch, taps[middle], channels), dy[:, *position] / 2)
    return reference._unplanes(dx, [axis.size for axis in windows], data_format)
