"""Median pooling: the middle of each window, whose gradient goes to the tap it is."""

import calls
import data
import numpy as np
import pytest
import reference
import reference_median
import tolerances
from cases import named

import keras_pooling as kp

FEW = named(
    "the classic 2x2/2",
    "overlap at stride 1, channels first",
    "asymmetric pads",
    "dilation coprime to the stride",
    "too many taps for a byte",
    "1D",
    "3D, everything differs per axis",
    "empty batch",
)
by_case = pytest.mark.parametrize("case", FEW, ids=str)
pytestmark = pytest.mark.usefixtures("each_path")


def median_pool(case):
    return lambda x: kp.ops.median_pool(x, **case.arguments)


@by_case
@pytest.mark.parametrize("dtype", data.FLOATS)
def test_value_and_gradient(case, dtype):
    rng = data.generator(case, dtype)
    x = data.whole(case.shape, dtype, rng)  # ties
    dy = data.whole(case.output_shape, dtype, rng)
    y, dx = calls.value_and_gradient(median_pool(case), x, dy)
    arguments = (case.windows, case.data_format)
    # Halves of small whole numbers are exact, and so are their sums.
    exact = reference_median.median_pool(x, *arguments)
    tolerances.assert_within(y, exact, 0)
    exact = reference_median.median_pool_gradient(x, dy, *arguments)
    tolerances.assert_within(dx, exact, 0)


@by_case
def test_numbers_of_any_size(case):
    rng = data.generator(case)
    x = data.for_average(case.shape, "float32", rng)
    y = kp.ops.median_pool(x, **case.arguments).numpy()
    exact = reference_median.median_pool(x, case.windows, case.data_format)
    magnitude = reference.max_pool(abs(x), case.windows, case.data_format)[0]
    # Halved, added and rounded once.
    bound = tolerances.of_sum("float32", 1, exact, magnitude.astype("float64"))
    tolerances.assert_within(y, exact, bound)


def line(*numbers):
    return np.array(numbers, "float32").reshape(1, -1, 1)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, np.nan, 2), np.nan),
        ((np.inf, 1, np.inf), np.inf),
        ((-np.inf, 5, np.inf), 5),
        ((3e38, 3e38), 3e38),
        ((-np.inf, -np.inf, 1, 2), -np.inf),
    ],
)
def test_special_values(numbers, expected):
    x = line(*numbers)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.median_pool(x, len(numbers)), x, line(1)
    )
    np.testing.assert_array_equal(y.item(), np.float32(expected))
    if np.isnan(expected):  # the gradient goes to the first NaN
        np.testing.assert_array_equal(dx[0, :, 0], np.isnan(numbers))
    assert dx.sum() == 1


def test_integers_become_floats():
    y = kp.ops.median_pool(np.array([1, 2, 4, 8]).reshape(1, 4, 1), 4)
    assert y.dtype == "float32" and float(y[0, 0, 0]) == 3
