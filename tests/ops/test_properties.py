"""Arbitrary calls against the oracle: hypothesis looks for the case nobody thought of.

Whatever is drawn must either give exactly the oracle's result or, if a window would
be empty, raise.
"""

import math

import calls
import data
import hypothesis
import ml_dtypes
import numpy as np
import pytest
import reference
import reference_fractional
import reference_lp
import tolerances
from cases import Case
from hypothesis import strategies as st
from strategies import bounded, cases, planes, seeds

import keras_pooling as kp


def raises_if_empty(case: Case) -> bool:
    """Checks that a case with an empty window raises; tells whether it is one."""
    if not reference.has_empty_window(case.windows):
        return False
    x = np.zeros(case.shape, np.float32)
    with pytest.raises(ValueError):
        calls.max_pool(x, case)
    with pytest.raises(ValueError):
        calls.avg_pool(x, case)
    return True


def check_max_and_average(max_pool, avg_pool, x, windows, data_format) -> None:
    """Compares values with the oracle, and gradients of whole numbers."""
    exact = reference.max_pool(x, windows, data_format)[0]
    dy = data.whole(exact.shape, x.dtype.name, np.random.default_rng(0))
    y, dx = calls.value_and_gradient(max_pool, x, dy)
    tolerances.assert_same_values(y, exact)
    expected = reference.max_pool_gradient(x, dy, windows, data_format)
    np.testing.assert_array_equal(dx.astype(expected.dtype), expected)

    y, dx = calls.value_and_gradient(avg_pool, x, dy)
    exact = reference.avg_pool(x, windows, data_format)
    magnitude = reference.avg_pool(np.abs(x), windows, data_format)
    taps = reference.max_taps(windows)
    tolerance = tolerances.of_sum(x.dtype, taps, exact, magnitude)
    tolerances.assert_within(y, exact, tolerance)
    exact = reference.avg_pool_gradient(dy, windows, data_format)
    magnitude = reference.avg_pool_gradient(np.abs(dy), windows, data_format)
    terms = reference.windows_over_each_element(windows) + 1
    tolerance = tolerances.of_sum(x.dtype, terms, exact, magnitude)
    tolerances.assert_within(dx, exact, tolerance)


@bounded
@hypothesis.given(cases(), st.sampled_from(data.FLOATS + data.INTEGERS), seeds)
def test_max_pool_is_the_oracle(case, dtype, seed):
    if raises_if_empty(case):
        return
    taps = reference.max_taps(case.windows)
    x = data.for_max(case.shape, dtype, taps, np.random.default_rng(seed))
    y, indices = reference.max_pool(x, case.windows, case.data_format)
    tolerances.assert_same_values(calls.max_pool(x, case), y)
    y_again, indices_given = calls.max_pool_with_indices(x, case)
    tolerances.assert_same_values(y_again, y)
    tolerances.assert_same_values(indices_given, indices)


@bounded
@hypothesis.given(cases(), st.sampled_from(data.FLOATS), seeds)
def test_max_pool_gradient_is_the_oracle(case, dtype, seed):
    if raises_if_empty(case):
        return
    rng = np.random.default_rng(seed)
    x = data.for_max(case.shape, dtype, reference.max_taps(case.windows), rng)
    dy = data.whole(case.output_shape, dtype, rng)
    y, dx = calls.max_pool_gradient(x, dy, case)
    windows, data_format = case.windows, case.data_format
    tolerances.assert_same_values(y, reference.max_pool(x, windows, data_format)[0])
    expected = reference.max_pool_gradient(x, dy, windows, data_format)
    np.testing.assert_array_equal(dx.astype(expected.dtype), expected)


@bounded
@hypothesis.given(
    cases(),
    st.sampled_from(data.FLOATS),
    st.booleans(),
    st.none() | st.integers(1, 100),
    seeds,
)
def test_avg_pool_and_its_gradient_are_the_oracle(
    case, dtype, count_include_pad, divisor_override, seed
):
    if raises_if_empty(case):
        return
    rng = np.random.default_rng(seed)
    options = dict(
        count_include_pad=count_include_pad, divisor_override=divisor_override
    )
    x = data.for_average(case.shape, dtype, rng)
    dy = data.for_average(case.output_shape, dtype, rng)
    y, dx = calls.avg_pool_gradient(x, dy, case, **options)
    windows, data_format = case.windows, case.data_format

    exact = reference.avg_pool(x, windows, data_format, **options)
    magnitude = reference.avg_pool(np.abs(x), windows, data_format, **options)
    taps = reference.max_taps(windows)
    tolerances.assert_within(y, exact, tolerances.of_sum(dtype, taps, exact, magnitude))
    exact = reference.avg_pool_gradient(dy, windows, data_format, **options)
    magnitude = reference.avg_pool_gradient(np.abs(dy), windows, data_format, **options)
    terms = reference.windows_over_each_element(windows) + 1
    tolerances.assert_within(
        dx, exact, tolerances.of_sum(dtype, terms, exact, magnitude)
    )


@bounded
@hypothesis.given(cases(), seeds)
def test_gradient_moves_dy_and_adds_nothing(case, seed):
    # Of whole numbers both sums are exact, and for max every dy has one place to go.
    if raises_if_empty(case):
        return
    rng = np.random.default_rng(seed)
    x = data.whole(case.shape, "float32", rng)
    dy = data.whole(case.output_shape, "float32", rng)
    _, dx = calls.max_pool_gradient(x, dy, case)
    assert dx.sum() == dy.sum()


@bounded
@hypothesis.given(planes(), st.sampled_from(data.FLOATS), st.booleans(), st.data())
def test_fractional_pooling_of_given_regions_is_the_oracle(
    plane, dtype, overlapping, drawn
):
    shape, sizes, data_format = plane
    inner = [
        st.sets(st.integers(1, size - 1)) if size > 1 else st.just(set())
        for size in sizes
    ]
    regions = [
        [0, *sorted(drawn.draw(edges)), size]
        for size, edges in zip(sizes, inner, strict=True)
    ]
    x = data.for_average(shape, dtype, np.random.default_rng(drawn.draw(seeds)))
    arguments = dict(regions=regions, overlapping=overlapping, data_format=data_format)
    check_max_and_average(
        lambda x: kp.ops.fractional_max_pool(x, **arguments),
        lambda x: kp.ops.fractional_avg_pool(x, **arguments),
        x,
        reference_fractional.axes(regions, overlapping),
        data_format,
    )


@bounded
@hypothesis.given(planes(), st.sampled_from(data.FLOATS), st.data())
def test_adaptive_and_global_windows_are_the_oracle(plane, dtype, drawn):
    shape, sizes, data_format = plane
    wanted = [drawn.draw(st.none() | st.integers(1, 2 * size)) for size in sizes]
    counts = [n or size for n, size in zip(wanted, sizes, strict=True)]
    x = data.for_average(shape, dtype, np.random.default_rng(drawn.draw(seeds)))
    check_max_and_average(
        lambda x: kp.ops.adaptive_max_pool(x, wanted, data_format),
        lambda x: kp.ops.adaptive_avg_pool(x, wanted, data_format),
        x,
        reference.adaptive(sizes, counts),
        data_format,
    )
    check_max_and_average(
        lambda x: kp.ops.global_max_pool(x, data_format, keepdims=True),
        lambda x: kp.ops.global_avg_pool(x, data_format, keepdims=True),
        x,
        reference.adaptive(sizes, 1),
        data_format,
    )


@bounded
@hypothesis.given(
    cases(),
    st.sampled_from(data.FLOATS),
    st.sampled_from([1, 1.5, 2, 3, 4.5, math.inf]),
    st.booleans(),
    seeds,
)
def test_lp_pool_is_the_oracle(case, dtype, p, normalize, seed):
    if raises_if_empty(case):
        return
    rng = np.random.default_rng(seed)
    x = data.for_average(case.shape, dtype, rng)
    dy = data.for_average(case.output_shape, dtype, rng)
    y, dx = calls.value_and_gradient(
        lambda x: kp.ops.lp_pool(x, **case.arguments, p=p, normalize=normalize), x, dy
    )
    windows = (case.windows, case.data_format)
    exact = reference_lp.lp_pool(x, *windows, p, normalize)
    # Each power and the root err by a few steps, relative to what is positive.
    terms = reference.max_taps(case.windows) + 4 * (1 if p == math.inf else p)
    tolerances.assert_within(y, exact, tolerances.of_sum(dtype, terms, exact, exact))
    if p == math.inf:  # of ties only the first gets the gradient, on either side of 0
        return
    exact = reference_lp.lp_pool_gradient(x, dy, *windows, p, normalize)
    magnitude = reference_lp.lp_pool_gradient(abs(x), abs(dy), *windows, p, normalize)
    # A power of a quotient by y, whose error the exponent multiplies: in the halves y
    # was rounded to them.
    terms = (p + 1) * terms + reference.windows_over_each_element(case.windows)
    tolerance = tolerances.of_sum(dtype, terms, exact, magnitude)
    if dtype in tolerances.HALVES:
        half_step = float(ml_dtypes.finfo(dtype).eps) / 2
        tolerance = tolerance + (1 + half_step) * p * half_step * magnitude
    tolerances.assert_within(dx, exact, tolerance)
