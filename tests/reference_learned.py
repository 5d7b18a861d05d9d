"""What pools that learn a parameter must give: a NumPy oracle. Knows nothing of
keras_pooling.

Each reduction tells of one window its output, the output's derivatives by the parameter
and by each tap, and for each of them a magnitude: what `tolerances.of_sum` is to
multiply by `steps`. `windows` are those of `reference`, a parameter is a number or one
for each channel.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import reference


class Window(NamedTuple):
    """Of one window of all samples and channels, `(batch, channels)`, taps in front."""

    y: np.ndarray
    slope: np.ndarray  # by the parameter
    shares: np.ndarray  # by each tap
    y_magnitude: np.ndarray
    slope_magnitude: np.ndarray
    shares_magnitude: np.ndarray


def gem(taps: np.ndarray, p: np.ndarray, epsilon: float = 1e-6) -> Window:
    """The generalised mean: `(mean of max(x, ε)^p)^(1/p)`."""
    clamped = np.maximum(taps, epsilon)
    greatest = clamped.max(axis=0)
    logs = np.log(clamped / greatest)
    powers = np.exp(p * logs)
    mean = powers.mean(axis=0)
    # Of powers near 1 what they differ by.
    log_of_mean = np.log1p(np.expm1(p * logs).mean(axis=0))
    y = greatest * np.exp(log_of_mean / p)
    share_of_logs = (powers * logs).mean(axis=0) / mean
    slope = y * (share_of_logs - log_of_mean / p) / p
    exponents = (p - 1) * np.log(clamped / y)
    shares = np.where(taps < epsilon, 0, np.exp(exponents) / len(taps))
    # Roundings of exponents are magnified by powers, those of a mean by its root.
    inexact = 1 + (powers * abs(p * logs)).mean(axis=0) / mean + abs(log_of_mean)
    root = inexact * np.maximum(1, 1 / p)
    terms = abs(share_of_logs) + (1 + abs(log_of_mean)) / p
    return Window(
        *(y, slope, shares),
        y * root,
        2 * y / p * inexact * terms,
        shares * (1 + abs(exponents)) * (1 + abs(p - 1) * root),
    )


def soft(taps: np.ndarray, beta: np.ndarray) -> Window:
    """The mean by the weights e^(βx)."""
    top = np.where(beta < 0, taps.min(axis=0), taps.max(axis=0))
    gaps = taps - top
    weights = np.exp(beta * gaps)
    weights = weights / weights.sum(axis=0)
    mean = (weights * gaps).sum(axis=0)
    y, off = top + mean, gaps - mean
    inexact = 1 + abs(beta * gaps)
    y_magnitude = (weights * abs(gaps) * inexact).sum(axis=0) + abs(y)
    spread = off**2 + abs(off) * (abs(gaps) + y_magnitude - abs(y))
    pull = 1 + abs(beta * off)
    return Window(
        *(y, (weights * off**2).sum(axis=0), weights * (1 + beta * off)),
        y_magnitude,
        2 * (weights * spread * inexact).sum(axis=0),
        weights * (pull * (inexact + abs(beta * mean)) + abs(beta * y)),
    )


def mixed(taps: np.ndarray, alpha: np.ndarray) -> Window:
    """α of the maximum and 1 - α of the mean; the first maximum has the gradient."""
    greatest, mean = taps.max(axis=0), taps.mean(axis=0)
    magnitude = abs(taps).mean(axis=0)
    is_first = np.arange(len(taps))[:, None, None] == taps.argmax(axis=0)
    shares = (1 - alpha) / len(taps) + alpha * is_first
    return Window(
        *(alpha * greatest + (1 - alpha) * mean, greatest - mean, shares),
        abs(alpha * greatest) + abs(1 - alpha) * magnitude,
        abs(greatest) + magnitude,
        abs(1 - alpha) / len(taps) + abs(alpha) * is_first,
    )


def steps(windows: list[reference.Axis], parameter) -> float:
    """How many roundings a result is the result of, at most."""
    greatest = 1 + np.max(np.abs(parameter))
    over = reference.windows_over_each_element(windows)
    return 2 * reference.max_taps(windows) + 3 * greatest + over + 12


class Pooled(NamedTuple):
    """What a whole tensor gives, and magnitudes of it."""

    y: np.ndarray
    dx: np.ndarray
    slopes: np.ndarray  # each output's derivative by the parameter
    y_magnitude: np.ndarray
    dx_magnitude: np.ndarray
    slopes_magnitude: np.ndarray

    def by_parameter(self, dy: np.ndarray, parameter, data_format: str) -> tuple:
        """The gradient of the parameter, in its shape, and a magnitude of it."""
        axes = list(range(dy.ndim))
        if np.size(parameter) > 1:
            axes.remove(1 if data_format == "channels_first" else dy.ndim - 1)
        shape = np.shape(parameter)
        totals = (dy * self.slopes, abs(dy) * (self.slopes_magnitude + self.slopes))
        return tuple(t.sum(axis=tuple(axes)).reshape(shape) for t in totals)


def pool(
    reduction: Callable, x, dy, windows, data_format: str, parameter, **options
) -> Pooled:
    """Pools by a reduction of this module, in the wide type."""
    planes = reference.wide(reference._planes(x, data_format))
    parameter = reference.wide(np.asarray(parameter, "float64")).astype(planes.dtype)
    if parameter.size == 1:
        parameter = parameter.reshape(())
    dy = reference.wide(reference.to_channels_last(dy, data_format))
    shape = (planes.shape[0], *reference.output_sizes(windows), planes.shape[-1])
    outputs = [np.zeros(shape, planes.dtype) for _ in range(4)]
    inputs = [np.zeros_like(planes) for _ in range(2)]
    for position, taps in reference._every_window(windows):
        window = reduction(planes[:, taps].swapaxes(0, 1), parameter, **options)
        parts = (window.y, window.slope, window.y_magnitude, window.slope_magnitude)
        for total, part in zip(outputs, parts, strict=True):
            total[:, *position] = part
        back = dy[:, *position][:, None]
        inputs[0][:, taps] += window.shares.swapaxes(0, 1) * back
        inputs[1][:, taps] += window.shares_magnitude.swapaxes(0, 1) * abs(back)
    y, slopes, *magnitudes = (
        reference.from_channels_last(total, data_format) for total in outputs
    )
    sizes = [axis.size for axis in windows]
    dx, dx_magnitude = (
        reference._unplanes(total, sizes, data_format) for total in inputs
    )
    return Pooled(y, dx, slopes, magnitudes[0], dx_magnitude, magnitudes[1])
