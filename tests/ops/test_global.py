"""Global pooling, one window per plane: values and gradients against the oracle."""

import calls
import data
import numpy as np
import pytest
import reference
import tensorflow as tf
import tolerances

import keras_pooling as kp

by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
SHAPES = {
    "1D": (2, 5, 7),
    "2D": (2, 9, 4, 19),
    "3D": (1, 3, 2, 4, 5),
    "one element": (1, 1, 1, 1),
    "empty batch": (0, 3, 4, 2),
    "more taps than a byte counts": (1, 40, 37, 3),
}
by_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


class Plane:
    """The one window of a shape, and the shapes of what comes of it."""

    def __init__(self, shape: tuple[int, ...], data_format: str):
        first = 2 if data_format == "channels_first" else 1
        self.axes = tuple(range(first, first + len(shape) - 2))
        self.windows = reference.adaptive([shape[axis] for axis in self.axes], 1)
        self.taps = reference.max_taps(self.windows)
        self.kept = tuple(1 if axis in self.axes else n for axis, n in enumerate(shape))


def check_global_max(shape, data_format: str, dtype: str) -> None:
    plane = Plane(shape, data_format)
    rng = data.generator("global max", shape, dtype)
    x = data.for_max(shape, dtype, plane.taps, rng)
    expected, _ = reference.max_pool(x, plane.windows, data_format)
    kept = kp.ops.global_max_pool(tf.constant(x), data_format, keepdims=True)
    tolerances.assert_same_values(kept.numpy(), expected)
    y = kp.ops.global_max_pool(tf.constant(x), data_format)
    tolerances.assert_same_values(y.numpy(), expected.squeeze(plane.axes))
    if dtype in data.FLOATS:
        dy = data.whole(plane.kept, dtype, rng)
        flat_dy = dy.squeeze(plane.axes)
        y, dx = calls.global_pool("global_max_pool", x, flat_dy, data_format)
        tolerances.assert_same_values(y, expected.squeeze(plane.axes))
        exact = reference.max_pool_gradient(x, dy, plane.windows, data_format)
        np.testing.assert_array_equal(dx.astype(exact.dtype), exact)


def check_global_avg(shape, data_format: str, dtype: str) -> None:
    plane = Plane(shape, data_format)
    rng = data.generator("global avg", shape, dtype)
    x = data.for_average(shape, dtype, rng)
    dy = data.for_average(plane.kept, dtype, rng)
    flat_dy = dy.squeeze(plane.axes)
    exact = reference.avg_pool(x, plane.windows, data_format)
    magnitude = reference.avg_pool(np.abs(x), plane.windows, data_format)
    tolerance = tolerances.of_sum(dtype, plane.taps, exact, magnitude)
    kept = kp.ops.global_avg_pool(tf.constant(x), data_format, keepdims=True)
    assert kept.numpy().dtype == x.dtype
    tolerances.assert_within(kept.numpy(), exact, tolerance)
    y, dx = calls.global_pool("global_avg_pool", x, flat_dy, data_format)
    np.testing.assert_array_equal(y, kept.numpy().squeeze(plane.axes))
    exact = reference.avg_pool_gradient(dy, plane.windows, data_format)
    tolerance = tolerances.of_sum(dtype, 2, exact, np.abs(exact))
    tolerances.assert_within(dx, exact, tolerance)


@pytest.mark.parametrize("dtype", data.FLOATS + data.INTEGERS)
@by_format
@by_shape
def test_global_max_pool(shape, data_format, dtype):
    check_global_max(shape, data_format, dtype)


@pytest.mark.parametrize("dtype", data.FLOATS)
@by_format
@by_shape
def test_global_avg_pool(shape, data_format, dtype):
    check_global_avg(shape, data_format, dtype)


@by_format
@pytest.mark.parametrize("remainder", range(1, 71))
def test_global_pooling_at_every_remainder_of_a_vector(remainder, data_format):
    # The lanes are channels in the one layout and columns in the other.
    shape = (1, 3, 2, remainder)
    check_global_max(shape, data_format, "float32")
    check_global_avg(shape, data_format, "float32")
