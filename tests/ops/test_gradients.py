"""Gradients of max and average pooling: the formula, finite differences, ties and
special values, gradients of gradients. Looks at results only where they explain them.
"""

import calls
import data
import numpy as np
import pytest
import reference
import tensorflow as tf
import tolerances
from cases import EVERY_CASE, Case, named

import keras_pooling as kp

by_case = pytest.mark.parametrize("case", EVERY_CASE, ids=str)
FEW = named(
    "the classic 2x2/2",
    "overlapping windows",
    "overlap at stride 1, channels first",
    "gaps, channels first",
    "asymmetric pads",
    "dilation coprime to the stride",
    "ceil, channels first",
    "1D",
    "3D, everything differs per axis",
)
by_few = pytest.mark.parametrize("case", FEW, ids=str)
AVERAGES = [{}, {"count_include_pad": True}, {"divisor_override": 5}]


def check_max_gradient(case: Case, dtype: str) -> None:
    rng = data.generator(case, dtype)
    x = data.for_max(case.shape, dtype, reference.max_taps(case.windows), rng)
    # The same maxima with the tap recorded as without.
    dy = data.whole(case.output_shape, dtype, rng)
    y, dx = calls.max_pool_gradient(x, dy, case)
    expected, _ = reference.max_pool(x, case.windows, case.data_format)
    tolerances.assert_same_values(y, expected)
    # Whole numbers add up exactly in any order.
    expected = reference.max_pool_gradient(x, dy, case.windows, case.data_format)
    assert dx.dtype == x.dtype
    np.testing.assert_array_equal(dx.astype(expected.dtype), expected)


def check_avg_gradient(case: Case, dtype: str, **options) -> None:
    rng = data.generator(case, dtype)
    x = data.for_average(case.shape, dtype, rng)
    dy = data.for_average(case.output_shape, dtype, rng)
    _, dx = calls.avg_pool_gradient(x, dy, case, **options)
    assert dx.dtype == x.dtype
    windows, data_format = case.windows, case.data_format
    exact = reference.avg_pool_gradient(dy, windows, data_format, **options)
    magnitude = reference.avg_pool_gradient(np.abs(dy), windows, data_format, **options)
    terms = reference.windows_over_each_element(windows) + 1  # one for the division
    tolerance = tolerances.of_sum(dtype, terms, exact, magnitude)
    tolerances.assert_within(dx, exact, tolerance)


@by_case
def test_max_pool_gradient(case):
    check_max_gradient(case, "float32")


@by_case
def test_avg_pool_gradient(case):
    check_avg_gradient(case, "float32")


@pytest.mark.parametrize("dtype", data.FLOATS)
@by_few
def test_max_pool_gradient_of_each_dtype(case, dtype):
    check_max_gradient(case, dtype)


@pytest.mark.parametrize("dtype", data.FLOATS)
@pytest.mark.parametrize("options", AVERAGES, ids=str)
@by_few
def test_avg_pool_gradient_of_each_dtype(case, options, dtype):
    check_avg_gradient(case, dtype, **options)


@pytest.mark.parametrize("dtype", data.FLOATS)
def test_max_pool_gradient_rounds_once(dtype):
    # Nine windows share the middle; sums in float16 or bfloat16 would lose bits.
    case = Case("overlap", (1, 5, 5, 21), pool_size=3, strides=1)
    rng = data.generator(dtype)
    x = np.zeros(case.shape, data.dtype_of(dtype))
    x[:, 2, 2] = 1
    dy = data.for_average(case.output_shape, dtype, rng)
    _, dx = calls.max_pool_gradient(x, dy, case)
    exact = reference.max_pool_gradient(x, dy, case.windows)
    magnitude = reference.max_pool_gradient(x, np.abs(dy), case.windows)
    tolerance = tolerances.of_sum(dtype, 9, exact, magnitude)
    tolerances.assert_within(dx, exact, tolerance)


# Finite differences: both functions are linear between ties, so a central difference
# is exact but for rounding.


def finite_difference(function, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Differentiates sum(function(x) · dy) by each element of an x of batch 1."""
    step = 1 / 16
    steps = step * np.eye(x.size).reshape(x.size, *x.shape[1:])
    up, down = function(x + steps), function(x - steps)
    slopes = ((up - down) * dy).sum(axis=tuple(range(1, up.ndim))) / (2 * step)
    return slopes.reshape(x.shape)


@by_few
def test_finite_differences(case):
    shape = (1, *case.shape[1:-1], 2)
    if case.data_format == "channels_first":
        shape = (1, 2, *case.sizes)
    case = Case(**{**vars(case), "shape": shape})
    rng = data.generator(case)
    x = data.distinct(shape, "float64", rng)
    dy = rng.standard_normal(case.output_shape)

    _, dx = calls.max_pool_gradient(x, dy, case)
    expected = finite_difference(lambda x: calls.max_pool(x, case), x, dy)
    np.testing.assert_allclose(dx, expected, rtol=1e-10, atol=1e-10)
    for options in AVERAGES:
        _, dx = calls.avg_pool_gradient(x, dy, case, **options)
        expected = finite_difference(
            lambda x, options=options: calls.avg_pool(x, case, **options), x, dy
        )
        np.testing.assert_allclose(dx, expected, rtol=1e-10, atol=1e-10)


# Who wins.


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize(
    "value",
    [2.0, np.inf, np.nan, 1e-45],
    ids=["greatest", "inf", "NaN", "denormal"],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_each_tap_at_each_lane_can_win(value, position, data_format):
    # Every other lane of three vectors and a tail holds the value; its neighbours,
    # the same window without it, must not notice.
    lanes = 3 * 16 + 5
    windows = np.full((lanes, 4), -1.0, np.float32)
    windows[::2, position] = value
    if data_format == "channels_last":
        x = windows.T.reshape(1, 2, 2, lanes)
    else:
        x = windows.reshape(lanes, 2, 2).transpose(1, 0, 2).reshape(1, 1, 2, 2 * lanes)
    expected = np.where(np.arange(lanes) % 2, np.float32(-1), np.float32(value))
    case = Case("2x2/2", x.shape, data_format=data_format)
    y, dx = calls.max_pool_gradient(x, np.ones(case.output_shape, np.float32), case)
    tolerances.assert_same_values(y.ravel(), expected)
    oracle = reference.max_pool_gradient(x, np.ones_like(y), case.windows, data_format)
    np.testing.assert_array_equal(dx, oracle)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", data.FLOATS)
@pytest.mark.parametrize(
    "reason, taps, winner",
    [
        ("a tie", [1, 3, 2, 3, 3, 0], 1),
        ("all equal", [2, 2, 2, 2, 2, 2], 0),
        ("-0 before +0", [-1, -0.0, 0.0, -1, 0.0, -1], 1),
        ("+0 before -0", [-1, 0.0, -0.0, -1, -0.0, -1], 1),
        ("all -inf", [-np.inf] * 6, 0),
        ("-inf among numbers", [-np.inf, -np.inf, -5, -np.inf, -5, -7], 2),
        ("two +inf", [1, 2, np.inf, 3, np.inf, 4], 2),
        ("NaN after inf", [np.inf, 1, np.nan, np.inf, 2, np.nan], 2),
        ("NaN first", [np.nan, np.inf, 9, np.nan, 9, 9], 0),
        ("NaN last", [1, 2, 3, 4, 5, np.nan], 5),
        ("NaN among -inf", [-np.inf, np.nan, -np.inf, -np.inf, np.nan, 0], 1),
        ("all NaN", [np.nan] * 6, 0),
    ],
)
def test_gradient_goes_to_first_maximum_or_first_nan(
    reason, taps, winner, dtype, data_format
):
    # In every one of 21 channels or planes alike, so no lane may differ.
    x = np.array(taps, data.dtype_of(dtype)).reshape(1, 2, 3, 1).repeat(21, axis=-1)
    x = reference.from_channels_last(x, data_format)
    case = Case(reason, x.shape, pool_size=(2, 3), data_format=data_format)
    y, dx = calls.max_pool_gradient(x, np.full(case.output_shape, 7, x.dtype), case)
    tolerances.assert_same_values(y, np.full_like(y, np.array(taps[winner], x.dtype)))
    expected = np.zeros((2, 3, 1)).repeat(21, axis=-1)
    expected.reshape(6, 21)[winner] = 7
    expected = reference.from_channels_last(expected[None], data_format)
    np.testing.assert_array_equal(dx.astype(np.float64), expected)
    _, indices = calls.max_pool_with_indices(x, case)
    np.testing.assert_array_equal(indices, winner)


def test_tie_over_overlapping_rows_goes_to_the_first_in_scan_order():
    # Row by row the first column wins, even where a later row repeats the maximum at
    # an earlier column: what a maximum taken one axis at a time can get wrong.
    taps = [[0, 0, 5], [5, 0, 0], [0, 5, 5]]
    x = np.array(taps, np.float32)[None, ..., None].repeat(19, axis=-1)
    case = Case("3x3/1", (1, 3, 3, 19), pool_size=3, strides=1, padding=1)
    dy = np.ones(case.output_shape, np.float32)
    _, dx = calls.max_pool_gradient(x, dy, case)
    expected = reference.max_pool_gradient(x, dy, case.windows)
    np.testing.assert_array_equal(dx, expected)
    _, indices = calls.max_pool_with_indices(x, case)
    np.testing.assert_array_equal(indices[0, 1, 1], 2)


def test_no_gradient_is_lost_to_the_padding():
    case = Case("same", (1, 5, 7, 9), pool_size=3, strides=2, padding="same")
    x = np.full(case.shape, -np.inf, np.float32)
    dy = np.ones(case.output_shape, np.float32)
    _, dx = calls.max_pool_gradient(x, dy, case)
    assert dx.sum() == dy.sum()


def test_special_values_of_dy_reach_dx_alone():
    case = Case("2x2/2", (1, 2, 8, 17))
    x = data.distinct(case.shape, "float32", data.generator(case))
    dy = np.ones(case.output_shape, np.float32)
    dy[0, 0, :3, 5] = np.inf, -np.inf, np.nan
    _, dx = calls.max_pool_gradient(x, dy, case)
    np.testing.assert_array_equal(
        dx, reference.max_pool_gradient(x, dy, case.windows).astype(np.float32)
    )
    _, dx = calls.avg_pool_gradient(x, dy, case)
    np.testing.assert_array_equal(
        dx, reference.avg_pool_gradient(dy, case.windows).astype(np.float32)
    )


def test_no_gradient_flows_through_indices():
    x = tf.constant(data.distinct((1, 4, 4, 3), "float32", data.generator("indices")))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y, indices = kp.ops.max_pool(x, 2, return_indices=True)
        loss = tf.reduce_sum(y) + tf.cast(tf.reduce_sum(indices), y.dtype)
    dx = tape.gradient(loss, x).numpy()
    assert dx.sum() == 12 and set(np.unique(dx)) == {0, 1}


# Gradients of gradients.


@by_few
def test_gradient_of_the_gradient_to_dy(case):
    rng = data.generator(case, "second")
    x = data.for_max(case.shape, "float64", reference.max_taps(case.windows), rng)
    dy = data.whole(case.output_shape, "float64", rng)
    ddx = rng.standard_normal(case.shape)

    def second(pool):
        _x, _dy = tf.constant(x), tf.constant(dy)
        with tf.GradientTape() as outer:
            outer.watch(_dy)
            with tf.GradientTape() as inner:
                inner.watch(_x)
                y = pool(_x)
            dx = inner.gradient(y, _x, output_gradients=_dy)
        return outer.gradient(dx, _dy, output_gradients=tf.constant(ddx)).numpy()

    windows, data_format = case.windows, case.data_format
    expected = reference.max_pool_second_gradient(x, ddx, windows, data_format)
    given = second(lambda x: kp.ops.max_pool(x, **case.arguments))
    np.testing.assert_array_equal(given, expected)
    # Averaging is linear: its gradient's gradient is averaging.
    for options in AVERAGES:
        exact = reference.avg_pool(ddx, windows, data_format, **options)
        given = second(
            lambda x, options=options: kp.ops.avg_pool(x, **case.arguments, **options)
        )
        np.testing.assert_allclose(
            given, exact.astype(np.float64), rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
def test_gradient_of_the_gradient_to_x(name):
    # A gradient penalty, sum(dx²) for a loss sum(y³), against finite differences.
    def penalty_and_gradient(x):
        x = tf.constant(x)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = getattr(kp.ops, name)(x, 3, strides=2, padding="same")
                loss = tf.reduce_sum(y**3, axis=(1, 2, 3))
            dx = inner.gradient(loss, x)
            penalty = tf.reduce_sum(dx**2, axis=(1, 2, 3))
        return penalty.numpy(), outer.gradient(penalty, x).numpy()

    x = data.distinct((1, 4, 5, 2), "float64", data.generator(name)) / 10
    step = 1e-4
    steps = step * np.eye(x.size).reshape(x.size, *x.shape[1:])
    _, given = penalty_and_gradient(x)
    up, down = penalty_and_gradient(x + steps)[0], penalty_and_gradient(x - steps)[0]
    slopes = ((up - down) / (2 * step)).reshape(x.shape)
    np.testing.assert_allclose(given, slopes, rtol=1e-6, atol=1e-6 * abs(slopes).max())


def test_third_gradients_exist():
    x = tf.constant(data.distinct((1, 4, 4, 1), "float64", data.generator("third")))
    for pool in (kp.ops.max_pool, kp.ops.avg_pool):
        with tf.GradientTape() as third:
            third.watch(x)
            with tf.GradientTape() as second:
                second.watch(x)
                with tf.GradientTape() as first:
                    first.watch(x)
                    loss = tf.reduce_sum(pool(x, 2) ** 4)
                dx = first.gradient(loss, x)
            ddx = second.gradient(dx, x)
        dddx = third.gradient(ddx, x).numpy()
        y = pool(x, 2).numpy()
        # Each window: 4·3·2·y, times its weights, which are 1 or four times 1/4.
        np.testing.assert_allclose(dddx.sum(), 24 * y.sum(), rtol=1e-12)
