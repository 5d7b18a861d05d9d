"""Min pooling: the maximum in the opposite order, of every dtype."""

import calls
import data
import pytest
import reference
import tensorflow as tf
import tolerances
from cases import CASES

import keras_pooling as kp
from keras_pooling import _library as library

pytestmark = pytest.mark.usefixtures("each_path")
by_case = pytest.mark.parametrize("case", CASES[::4], ids=str)


def turned(x):
    """What is in the opposite order."""
    return -x if reference.is_float(x.dtype) else ~x


@by_case
@pytest.mark.parametrize("dtype", [*data.FLOATS, *data.INTEGERS, "uint16", "bool"])
def test_value(case, dtype):
    rng = data.generator(case, dtype)
    if dtype in (*data.FLOATS, *data.INTEGERS):
        x = data.for_max(case.shape, dtype, reference.max_taps(case.windows), rng)
    else:
        x = rng.integers(0, 2, case.shape).astype(dtype)
    # Elsewhere NaN is for the backend to rule.
    if reference.is_float(x.dtype) and not library.use_compiled(tf.zeros(())):
        x = turned(data.ruled_by_us(turned(x)))
    y = kp.ops.min_pool(x, **case.arguments).numpy()
    exact, _ = reference.max_pool(turned(x), case.windows, case.data_format)
    tolerances.assert_same_values(y, turned(exact))


@by_case
def test_gradient_goes_to_the_first_least_tap(case):
    rng = data.generator(case)
    x = data.whole(case.shape, "float32", rng)
    dy = data.whole(case.output_shape, "float32", rng)
    _, dx = calls.value_and_gradient(
        lambda x: kp.ops.min_pool(x, **case.arguments), x, dy
    )
    exact = reference.max_pool_gradient(-x, dy, case.windows, case.data_format)
    tolerances.assert_within(dx, exact, 0)
