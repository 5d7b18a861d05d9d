"""What Lp pooling must give: a NumPy oracle, and numbers that PyTorch gave.

Knows nothing of keras_pooling. `windows` are those of `reference`.
"""

import math

import numpy as np
import reference


def lp_pool(x, windows, data_format, p: float, normalize: bool = False) -> np.ndarray:
    """Returns `(Σ |x|^p)^(1/p)` in the wide type."""
    planes = reference.wide(reference._planes(x, data_format))
    out = reference.output_sizes(windows)
    y = np.zeros((planes.shape[0], *out, planes.shape[-1]), planes.dtype)
    for position, taps in reference._every_window(windows):
        magnitude = np.abs(planes[:, taps])
        if p == math.inf:
            y[:, *position] = magnitude.max(axis=1)
            continue
        total = (magnitude**p).sum(axis=1) / (len(taps) if normalize else 1)
        y[:, *position] = total ** (1 / p)
    return reference.from_channels_last(y, data_format)


def lp_pool_gradient(x, dy, windows, data_format, p, normalize=False) -> np.ndarray:
    """Returns `Σ sign(x) · |x|^(p-1) · y^(1-p) · dy`, without what is at 0."""
    planes = reference.wide(reference._planes(x, data_format))
    y = reference.to_channels_last(
        lp_pool(x, windows, data_format, p, normalize), data_format
    )
    dy = reference.wide(reference.to_channels_last(dy, data_format))
    dx = np.zeros_like(planes)
    for position, taps in reference._every_window(windows):
        tap, root = planes[:, taps], y[:, *position][:, None]
        sloped = (tap != 0) & (root != 0)
        share = np.divide(np.abs(tap), root, out=np.ones_like(tap), where=sloped)
        slope = np.where(sloped, np.sign(tap) * share ** (p - 1), 0)
        if normalize:
            slope = slope / len(taps)
        dx[:, taps] += slope * dy[:, *position][:, None]
    return reference._unplanes(dx, [axis.size for axis in windows], data_format)


def torch_input(shape) -> np.ndarray:
    """Returns the input, channels first, on which PyTorch's numbers were computed."""
    count = int(np.prod(shape))
    return (np.arange(count) * 7 % 11).reshape(shape) / 4


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


# torch 2.13, torch.nn.LPPool1d, 2d, 3d in float64: the output in order; for the loss
# Σ (i + 1) · y[i], the sums of i · dx[i] and of |dx|. Every window lies within its
# input: of others, PyTorch takes the mean times the size of the whole window.
TORCH = [
    (
        dict(shape=(1, 2, 9), p=2.0, pool_size=3, strides=2),
        _numbers(
            "1.903943276 3.010398645 2.75 2.586020108 2.236067977 1.903943276 "
            "3.010398645 2.75"
        ),
        (589.0705064, 52.9008502),
    ),
    (
        dict(shape=(1, 2, 4, 5), p=2.0, pool_size=2, strides=None),
        _numbers(
            "2.893959226 2.90473751 1.870828693 3.201562119 3.674234614 2.893959226 "
            "3.29772649 1.870828693"
        ),
        (1511.8859884, 60.4913473),
    ),
    (
        dict(shape=(1, 1, 5, 6), p=6.0, pool_size=(3, 2), strides=(1, 2)),
        _numbers(
            "2.400171267 2.874268112 2.284548684 2.34497725 2.696633876 2.328734149 "
            "2.553224224 2.631334459 2.575778528"
        ),
        (883.5402284, 51.3983363),
    ),
    (
        dict(shape=(1, 1, 3, 4, 3), p=2.0, pool_size=2, strides=1),
        _numbers(
            "4.20565096 4.272001873 4.387482194 3.674234614 3.774917218 3.122498999 "
            "4.272001873 5.220153254 3.674234614 4.582575695 3.122498999 3.968626967"
        ),
        (3932.9685814, 183.9721809),
    ),
]
