"""What stochastic pooling must give: a NumPy oracle. Knows nothing of keras_pooling.

It gives the probability of each tap; drawing is left to the caller. `windows` are those
of `reference`.
"""

import math

import numpy as np
import reference


def probabilities(taps: np.ndarray) -> np.ndarray:
    """Returns the probability of each tap of one window (a vector) to be drawn."""
    taps = taps.astype(np.float64)
    if np.isnan(taps).any():
        chances = np.zeros(len(taps))
        chances[np.argmax(np.isnan(taps))] = 1
        return chances
    if (taps == math.inf).any():
        weights = (taps == math.inf).astype(np.float64)
    elif (taps > 0).any():
        weights = np.maximum(taps, 0) / taps.max()
    else:
        weights = np.ones(len(taps))
    return weights / weights.sum()


def expectation(taps: np.ndarray) -> float:
    """Returns the mean of a draw: Σ p · x, without the taps that are never drawn."""
    chances = probabilities(taps)
    drawn = chances > 0
    with np.errstate(invalid="ignore"):
        return float((chances[drawn] * taps[drawn].astype(np.float64)).sum())


def expectation_gradient(taps: np.ndarray) -> np.ndarray:
    """Returns the slope of the expectation with respect to each tap.

    d/dx_j of Σ w² / Σ w is (2 w_j Σ w - Σ w²) / (Σ w)² where x_j > 0. Where taps weigh
    the same whatever their value, it is the weight.
    """
    taps = taps.astype(np.float64)
    chances = probabilities(taps)
    if not np.isfinite(chances @ np.where(chances > 0, taps, 0)) or taps.max() <= 0:
        return chances
    return np.where(taps > 0, 2 * chances - (chances**2).sum(), 0)


def gradient_magnitude(taps: np.ndarray) -> np.ndarray:
    """Returns what the terms of each slope add up to without their signs."""
    chances = probabilities(taps)
    if not np.isfinite(expectation(taps)) or taps.max() <= 0:
        return chances
    return np.where(taps > 0, 2 * chances + (chances**2).sum(), 0)


def rounding_steps(taps: int) -> int:
    """Returns how many roundings an expectation of so many taps is the result of.

    Each tap is divided by the greatest and multiplied by its share, the weights and
    the products are summed, and the sums are divided.
    """
    return 2 * taps + 4


def stochastic_pool(x: np.ndarray, windows, data_format: str) -> np.ndarray:
    """Returns the expectation of each window, in float64."""
    planes = reference._planes(x, data_format)
    out = reference.output_sizes(windows)
    y = np.zeros((planes.shape[0], *out, planes.shape[-1]))
    for position, taps in reference._every_window(windows):
        for n, c in np.ndindex(planes.shape[0], planes.shape[-1]):
            y[n, *position, c] = expectation(planes[n, taps, c])
    return reference.from_channels_last(y, data_format)


def stochastic_pool_gradient(
    x, dy, windows, data_format: str, slopes=expectation_gradient
) -> np.ndarray:
    """Returns the gradient of the expectation, in float64."""
    planes = reference._planes(x, data_format)
    dy = reference.to_channels_last(dy, data_format).astype(np.float64)
    dx = np.zeros(planes.shape)
    for position, taps in reference._every_window(windows):
        for n, c in np.ndindex(planes.shape[0], planes.shape[-1]):
            slope = slopes(planes[n, taps, c])
            dx[n, taps, c] += slope * dy[n, *position, c]
    return reference._unplanes(dx, [axis.size for axis in windows], data_format)


def possible(x: np.ndarray, windows, data_format: str) -> list:
    """Returns for each output, in order, the values that may be drawn."""
    planes = reference._planes(x, data_format)
    shape = (planes.shape[0], *reference.output_sizes(windows), planes.shape[-1])
    values = np.empty(shape, dtype=object)
    for position, taps in reference._every_window(windows):
        for n, c in np.ndindex(planes.shape[0], planes.shape[-1]):
            window = planes[n, taps, c]
            values[n, *position, c] = window[probabilities(window) > 0]
    return list(reference.from_channels_last(values, data_format).ravel())


def deviation(draws: int, error: float = 1e-12) -> float:
    """Bounds how far a mean of draws from [0, 1] is from what is expected.

    Hoeffding's inequality: further with a probability of at most `error`.
    """
    return math.sqrt(math.log(2 / error) / (2 * draws))
