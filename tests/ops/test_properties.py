"""Arbitrary calls against the oracle: hypothesis looks for the case nobody thought of.

Whatever is drawn must either give exactly the oracle's result or, if a window would
be empty, raise.
"""

import os

import calls
import data
import hypothesis
import numpy as np
import pytest
import reference
import tolerances
from cases import Case
from hypothesis import strategies as st

# Continuous integration draws the same examples every time.
IN_CI = os.environ.get("KERAS_POOLING_REQUIRE_COMPILED") == "1"
bounded = hypothesis.settings(
    max_examples=60,
    deadline=None,
    derandomize=IN_CI or bool(os.environ.get("CI")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
AXES = {1: 24, 2: 9, 3: 5}  # the largest size drawn, by rank


@st.composite
def cases(draw) -> Case:
    """Draws a call; about one in eight is wrong."""
    rank = draw(st.integers(1, 3))

    def per_axis(low: int, high: int):
        return draw(st.tuples(*[st.integers(low, high)] * rank))

    sizes = per_axis(1, AXES[rank])
    batch, channels = draw(st.integers(0, 3)), draw(st.integers(1, 40))
    data_format = draw(st.sampled_from(["channels_last", "channels_first"]))
    shape = (batch, *sizes, channels)
    if data_format == "channels_first":
        shape = (batch, channels, *sizes)
    pool_size, dilation_rate = per_axis(1, 4), per_axis(1, 3)
    if draw(st.booleans()):
        dilation_rate = 1
    padding = draw(st.sampled_from(["valid", "same", "explicit"]))
    if padding == "explicit":
        rates = reference.per_axis(dilation_rate, rank)
        most = [(k - 1) * d for k, d in zip(pool_size, rates, strict=True)]
        padding = tuple(
            draw(st.tuples(st.integers(0, m), st.integers(0, m))) for m in most
        )
    return Case(
        "drawn",
        shape,
        pool_size,
        draw(st.sampled_from([None, per_axis(1, 4)])),
        padding,
        dilation_rate,
        draw(st.booleans()),
        data_format,
    )


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


seeds = st.integers(0, 2**32 - 1)


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
