"""Results of max and average pooling against the oracle. Looks at no gradient."""

import calls
import data
import keras
import numpy as np
import pytest
import reference
import tolerances
from cases import CASES, EVERY_CASE, Case, named

import keras_pooling as kp

by_case = pytest.mark.parametrize("case", EVERY_CASE, ids=str)
# What each dtype meets: both layouts, overlap, padding, many taps, a vector's tail.
DTYPE_CASES = named(
    "the classic 2x2/2",
    "overlap at stride 1",
    "overlap at stride 1, channels first",
    "gaps, channels first",
    "asymmetric pads",
    "dilation coprime to the stride",
    "too many taps for a byte",
    "too many taps for a byte, channels first",
    "3D, channels first",
    "empty batch",
    "70 channels",
)


def check_max_pool(case: Case, dtype: str) -> None:
    taps = reference.max_taps(case.windows)
    x = data.for_max(case.shape, dtype, taps, data.generator(case, dtype))
    y, indices = reference.max_pool(x, case.windows, case.data_format)
    tolerances.assert_same_values(calls.max_pool(x, case), y)
    y_again, indices_given = calls.max_pool_with_indices(x, case)
    tolerances.assert_same_values(y_again, y)
    tolerances.assert_same_values(indices_given, indices)


def check_avg_pool(case: Case, dtype: str, **options) -> None:
    x = data.for_average(case.shape, dtype, data.generator(case, dtype))
    windows, data_format = case.windows, case.data_format
    exact = reference.avg_pool(x, windows, data_format, **options)
    magnitude = reference.avg_pool(np.abs(x), windows, data_format, **options)
    y = calls.avg_pool(x, case, **options)
    assert y.dtype == x.dtype
    taps = reference.max_taps(windows)
    tolerances.assert_within(y, exact, tolerances.of_sum(dtype, taps, exact, magnitude))


@by_case
def test_max_pool(case):
    check_max_pool(case, "float32")


@by_case
def test_avg_pool(case):
    check_avg_pool(case, "float32")
    check_avg_pool(case, "float32", divisor_override=3)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.divides_by_padding], ids=str
)
def test_avg_pool_counts_padding_if_asked(case):
    check_avg_pool(case, "float32", count_include_pad=True)


@pytest.mark.parametrize("dtype", data.FLOATS + data.INTEGERS)
@pytest.mark.parametrize("case", DTYPE_CASES, ids=str)
def test_max_pool_of_each_dtype(case, dtype):
    check_max_pool(case, dtype)


@pytest.mark.parametrize("dtype", data.FLOATS)
@pytest.mark.parametrize("case", DTYPE_CASES, ids=str)
def test_avg_pool_of_each_dtype(case, dtype):
    check_avg_pool(case, dtype)


@pytest.mark.parametrize("dtype", data.INTEGERS)
def test_lowest_integers_win_where_there_is_nothing_else(dtype):
    case = Case(
        "padding that must not win", shape=(1, 4, 5, 19), pool_size=3, padding=1
    )
    x = np.full(case.shape, np.iinfo(dtype).min, dtype)
    y, indices = calls.max_pool_with_indices(x, case)
    tolerances.assert_same_values(y, np.full(case.output_shape, x.min(), dtype))
    expected = reference.max_pool(x, case.windows)[1]
    np.testing.assert_array_equal(indices, expected)


def test_wide_integers_are_not_compared_as_floats():
    x = np.array([2**62, 2**62 + 1, 2**62 - 1, 2**62], np.int64)[None, :, None]
    y, indices = calls.max_pool_with_indices(x, Case("one window", x.shape, 4))
    assert (y.item(), indices.item()) == (2**62 + 1, 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_average_of_halves_neither_overflows_nor_stalls(dtype):
    # Summed in its own type, a float16 is infinite after two taps of 60000 and a
    # bfloat16 stands still after 256 taps of one.
    for value in (60000, 1):
        x = np.full((1, 32, 32, 3), value, data.dtype_of(dtype))
        y = calls.avg_pool(x, Case("one window", x.shape, 32))
        tolerances.assert_same_values(y, x[:, :1, :1])


@pytest.mark.parametrize(
    "case, axis",
    [
        (Case("along columns", (1, 3, 90, 5), (1, 3), 1), 2),
        (Case("along rows", (1, 90, 3, 5), (3, 1), 1), 1),
        (
            Case("along lanes", (1, 2, 3, 90), (1, 3), 1, data_format="channels_first"),
            3,
        ),
    ],
    ids=str,
)
def test_average_is_not_a_running_sum(case, axis):
    # A large number, an infinity and a NaN each spoil their own windows alone.
    x = np.full(case.shape, 0.1, np.float32)
    spoilers = {10: 1e30, 40: np.inf, 70: np.nan}
    for position, value in spoilers.items():
        np.moveaxis(x, axis, 0)[position] = value
    y = np.moveaxis(calls.avg_pool(x, case), axis, 0)
    clean = [
        left
        for left in range(len(y))
        if not spoilers.keys() & {left, left + 1, left + 2}
    ]
    np.testing.assert_allclose(y[clean], 0.1, rtol=3 * np.finfo(np.float32).eps)


def test_default_data_format_is_that_of_keras():
    x = np.arange(2 * 4 * 6 * 8, dtype=np.float32).reshape(2, 4, 6, 8)
    before = keras.config.image_data_format()
    try:
        for data_format in ("channels_first", "channels_last"):
            keras.config.set_image_data_format(data_format)
            windows = reference.sliding(
                (6, 8) if data_format == "channels_first" else (4, 6), 2
            )
            expected, _ = reference.max_pool(x, windows, data_format)
            np.testing.assert_array_equal(kp.ops.max_pool(x, 2), expected)
    finally:
        keras.config.set_image_data_format(before)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_symbolic_shape_is_the_eager_shape(case):
    x = keras.KerasTensor(case.shape, dtype="bfloat16")
    y, indices = kp.ops.max_pool(x, **case.arguments, return_indices=True)
    average = kp.ops.avg_pool(x, **case.arguments)
    assert y.shape == indices.shape == average.shape == case.output_shape
    assert y.dtype == average.dtype == "bfloat16"
    assert keras.backend.standardize_dtype(indices.dtype) == "int32"
    for axis in range(len(case.shape)):
        shape = list(case.shape)
        shape[axis] = None
        expected = list(case.output_shape)
        expected[axis] = None
        y = kp.ops.max_pool(keras.KerasTensor(shape), **case.arguments)
        assert y.shape == tuple(expected)


def test_indices_of_a_plane_beyond_int32_are_int64():
    x = keras.KerasTensor((None, 2**16, 2**16, 1))
    _, indices = kp.ops.max_pool(x, 2, return_indices=True)
    assert keras.backend.standardize_dtype(indices.dtype) == "int64"
