"""Checks the portable path against the oracle, on whichever backend Keras runs.

`python portable_agreement.py` raises where a result differs. Inputs hold ties, zeros of
both signs and infinities, but no NaN: where the backend's own pooling serves, that is
for the backend to rule.
"""

from collections.abc import Callable

import cases
import data
import keras
import ml_dtypes
import numpy as np
import reference
import tolerances
from keras import ops

import keras_pooling as kp

CASES = cases.named(
    "the classic 2x2/2",
    "the classic, channels first",
    "window 1, stride 2 subsamples",
    "overlap at stride 1, channels first",
    "gaps, channels first",
    "another window per axis",
    "window = input",
    "same on odd sizes",
    "same, stride 1",
    "same pads more after than before",
    "same, window > input",
    "same, channels first",
    "one pad for all",
    "asymmetric pads",
    "ceil keeps the rest",
    "dilated, same",
    "1D",
    "1D, channels first",
    "1D, same, one channel",
    "3D",
    "3D, overlapping",
    "3D, channels first",
    "empty batch",
    "no channels",
    "257 taps",
)
ADAPTIVE = (  # a shape and a size: even, uneven, kept, more windows than elements
    ((2, 8, 6, 5), (4, 2)),
    ((2, 7, 10, 5), (3, 4)),
    ((1, 9, 3, 3), (None, 5)),
    ((2, 10, 7), (4,)),
    ((1, 4, 5, 6, 3), (2, 3, 8)),
    ((0, 5, 4, 3), (2, 3)),
    ((1, 70, 3), (1,)),
    ((1, 135, 2), (2,)),
)
PLANES = ((2, 5, 7), (2, 9, 4, 19), (1, 3, 2, 4, 5), (1, 1, 1, 1), (0, 3, 4, 2))


def main() -> None:
    """Checks every call with float32, and a few with the other floats."""
    on_jax = keras.config.backend() == "jax"  # which compiles each call
    for dtype in data.FLOATS:
        if dtype == "float64" and on_jax:
            continue  # it has none, unless it is told to
        for case in CASES[:: 1 + 2 * on_jax] if dtype == "float32" else CASES[::6]:
            check_sliding(case, dtype)
        for shape in PLANES if dtype == "float32" else PLANES[1:2]:
            for data_format in ("channels_last", "channels_first"):
                check_global(shape, data_format, dtype)
        for call in ADAPTIVE if dtype == "float32" else ADAPTIVE[1:2]:
            for data_format in ("channels_last", "channels_first"):
                check_adaptive(*call, data_format, dtype)


def check_sliding(case: cases.Case, dtype: str) -> None:
    """Checks maxima and averages of sliding windows, and their gradients."""

    def pool(kind: str) -> Callable:
        return lambda x: getattr(kp.ops, f"{kind}_pool")(x, **case.arguments)

    place = (case.windows, case.data_format)
    y, expected = check_max(pool("max"), case.shape, dtype, place)
    if keras.config.backend() == "tensorflow":
        y = np.where(y == least(dtype), y.dtype.type(-np.inf), y)
    tolerances.assert_same_values(y, expected)
    check_average(pool("avg"), case.shape, dtype, place)


def check_global(shape: tuple[int, ...], data_format: str, dtype: str) -> None:
    """Checks the maximum and the average of whole planes, and their gradients."""

    def pool(kind: str) -> Callable:
        function = getattr(kp.ops, f"global_{kind}_pool")
        return lambda x: function(x, data_format, keepdims=True)

    sizes = shape[1:-1] if data_format == "channels_last" else shape[2:]
    place = (reference.adaptive(sizes, 1), data_format)
    y, expected = check_max(pool("max"), shape, dtype, place)
    np.testing.assert_array_equal(y, expected)  # a zero may have either sign
    check_average(pool("avg"), shape, dtype, place)


def check_adaptive(
    shape: tuple[int, ...], output_size: tuple, data_format: str, dtype: str
) -> None:
    """Checks maxima and averages of adaptive windows, and their gradients."""

    def pool(kind: str) -> Callable:
        function = getattr(kp.ops, f"adaptive_{kind}_pool")
        return lambda x: function(x, output_size, data_format)

    sizes = shape[1:-1]
    counts = [n or size for n, size in zip(output_size, sizes, strict=True)]
    if data_format == "channels_first":
        shape = (shape[0], shape[-1], *sizes)
    place = (reference.adaptive(sizes, counts), data_format)
    y, expected = check_max(pool("max"), shape, dtype, place)
    if keras.config.backend() == "tensorflow":
        y = np.where(y == least(dtype), y.dtype.type(-np.inf), y)
    np.testing.assert_array_equal(y, expected)  # of one window a zero has either sign
    check_average(pool("avg"), shape, dtype, place)


def check_max(pool: Callable, shape: tuple, dtype: str, place: tuple) -> tuple:
    """Checks the gradient bit for bit; returns the maxima and what they must be."""
    rng = data.generator("portable max", shape, dtype, place[1])
    x = data.for_max(shape, dtype, reference.max_taps(place[0]), rng)
    x = np.where(np.isnan(x), x.dtype.type(-0.0), x)
    expected, _ = reference.max_pool(x, *place)
    dy = data.whole(expected.shape, dtype, rng)
    with_nan = np.where(rng.random(shape) < 0.1, x.dtype.type(np.nan), x)
    for given in (with_nan, x):  # the same with and without a gradient
        y, dx = value_and_gradient(pool, given, dy)
        alone = ops.convert_to_numpy(pool(ops.convert_to_tensor(given)))
        # A zero may have either sign; bfloat16's NaN does not equal itself in NumPy.
        np.testing.assert_array_equal(alone.astype(float), y.astype(float))
    exact = reference.max_pool_gradient(x, dy, *place)
    np.testing.assert_array_equal(dx.astype(exact.dtype), exact)
    return y, expected


def check_average(pool: Callable, shape: tuple, dtype: str, place: tuple) -> None:
    """Checks averages and their gradient, within rounding."""
    rng = data.generator("portable average", shape, dtype, place[1])
    x = data.for_average(shape, dtype, rng)
    exact = reference.avg_pool(x, *place)
    dy = data.for_average(exact.shape, dtype, rng)
    terms = reference.max_taps(place[0])
    results = value_and_gradient(pool, x, dy)
    magnitudes = (
        reference.avg_pool(np.abs(x), *place),
        reference.avg_pool_gradient(np.abs(dy), *place),
    )
    exacts = (exact, reference.avg_pool_gradient(dy, *place))
    for result, exact, magnitude in zip(results, exacts, magnitudes, strict=True):
        tolerance = tolerances.of_sum(dtype, terms + 1, exact, magnitude)
        tolerances.assert_within(result, exact, tolerance)


def least(dtype: str) -> float:
    """The lowest finite number of a dtype."""
    return float(ml_dtypes.finfo(data.dtype_of(dtype)).min)


def value_and_gradient(pool: Callable, x: np.ndarray, dy: np.ndarray) -> tuple:
    """Returns pool(x) and its gradient on the present backend, as NumPy arrays."""
    x, dy = ops.convert_to_tensor(x), ops.convert_to_tensor(dy)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool(x)
        results = y, tape.gradient(y, x, dy)
    elif keras.config.backend() == "jax":
        import jax

        y, back = jax.vjp(pool, x)
        results = y, *back(dy)
    else:
        import torch

        x = x.detach().requires_grad_()
        y = pool(x)
        results = y, *torch.autograd.grad(y, x, dy)
    return tuple(ops.convert_to_numpy(result) for result in results)


if __name__ == "__main__":
    main()
    print("agrees on", keras.config.backend())
