"""Averages of more taps than float32 counts one by one, on every backend."""

import numpy as np
import pytest
import tolerances
from hosts import array

import keras_pooling as kp

# Each of more than 2²⁵ taps.
SHAPES = {"channels_last": (1, 2**25 + 3, 1), "channels_first": (1, 1, 4099, 8209)}
VALUES = {
    "ones": lambda shape: np.ones(shape, "float32"),
    "random": lambda shape: np.random.default_rng(25).random(shape, "float32"),
}
# float32 adds at most 2048 of them one by one, and loses half a step each time and a
# few times more on the way to the average.
STEPS = 2048 // 2 + 2


@pytest.mark.parametrize("data_format, shape", SHAPES.items(), ids=SHAPES)
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_an_average_of_more_taps_than_float32_counts(values, data_format, shape):
    x = values(shape)
    exact = x.mean(dtype="float64")
    y = array(kp.ops.global_avg_pool(x, data_format))
    tolerance = tolerances.of_sum("float32", STEPS, exact, exact)
    tolerances.assert_within(y.ravel(), np.full(1, exact), tolerance)
