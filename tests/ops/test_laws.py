"""Laws that hold between results, whatever the windows: each family against itself."""

import functools
import math

import calls
import data
import hypothesis
import numpy as np
import reference
import tolerances
from cases import Case
from hypothesis import strategies as st
from strategies import AXES, bounded, cases, seeds

import keras_pooling as kp

ops = kp.ops
POOLS = {
    "max": ops.max_pool,
    "average": ops.avg_pool,
    "Lp": functools.partial(ops.lp_pool, p=3),
    "GeM": functools.partial(ops.gem_pool, p=2.5),
    "soft": functools.partial(ops.soft_pool, beta=1.5),
    "min": ops.min_pool,
    "median": ops.median_pool,
    "mixed": functools.partial(ops.mixed_pool, alpha=0.25),
    "expectation": ops.stochastic_pool,
}
SELECTING = ("max", "min", "median")
pools = st.sampled_from(sorted(POOLS))
EPS = float(np.finfo("float64").eps)


def pool_of(name, case, **changes):
    """A function of a case's windows."""
    arguments = {**case.arguments, **changes}

    def pool(x):
        return POOLS[name](x, **arguments).numpy()

    return pool


def assert_same(name, actual, expected, case):
    """Selected taps are the same; sums may have been added in another order."""
    if name in SELECTING:
        np.testing.assert_array_equal(actual, expected)
        return
    # Of positive taps below e^3: sums, powers and roots.
    steps = 2 * reference.max_taps(case.windows) + 16
    np.testing.assert_allclose(actual, expected, rtol=steps * EPS, atol=0)


def positive(shape, seed):
    return np.random.default_rng(seed).uniform(0.1, 3, shape)


@st.composite
def good_cases(draw) -> Case:
    """Draws a call that is right."""
    case = draw(cases())
    hypothesis.assume(not reference.has_empty_window(case.windows))
    return case


@bounded
@hypothesis.given(good_cases(), seeds)
def test_maxima_commute_with_what_is_monotone(case, seed):
    x = data.whole(case.shape, "float64", np.random.default_rng(seed))
    pool = pool_of("max", case)
    for function in (lambda x: x**3, lambda x: 2 * x + 1, np.arctan):
        np.testing.assert_array_equal(pool(function(x)), function(pool(x)))
    np.testing.assert_array_equal(pool_of("min", case)(-x), -pool(x))


@bounded
@hypothesis.given(good_cases(), seeds)
def test_averages_are_linear(case, seed):
    x, other = np.random.default_rng(seed).uniform(-1, 1, (2, *case.shape))
    pool = pool_of("average", case)
    taps = reference.max_taps(case.windows)
    bound = tolerances.of_sum("float64", 2 * taps + 4, 0, 3 + 2)
    expected = 3 * pool(x) - 2 * pool(other)
    tolerances.assert_within(pool(3 * x - 2 * other), expected, bound)
    dy = np.ones(case.output_shape)
    slopes = [calls.avg_pool_gradient(one, dy, case)[1] for one in (x, other)]
    np.testing.assert_array_equal(*slopes)


@bounded
@hypothesis.given(good_cases(), st.sampled_from([50.0, 1000.0, 1e6]), seeds)
def test_high_powers_are_maxima(case, p, seed):
    x = positive(case.shape, seed)
    greatest = pool_of("max", case)(x)
    taps = reference.max_taps(case.windows)
    for name, function in (("Lp", ops.lp_pool), ("GeM", ops.gem_pool)):
        y = function(x, **case.arguments, p=p).numpy()
        # n^(1/p) above, as a sum, or below, as a mean.
        by = math.log(max(taps, 1)) / p + (taps + 16) * EPS
        assert (abs(np.log(y / greatest)) <= by).all(), name
    y = ops.lp_pool(x, **case.arguments, p=math.inf).numpy()
    np.testing.assert_array_equal(y, greatest)


@bounded
@hypothesis.given(good_cases(), seeds)
def test_soft_pooling_is_between_average_and_maximum(case, seed):
    # Taps 1/4 apart: of the others e^-250 is left.
    x = data.distinct(case.shape, "float64", np.random.default_rng(seed)) + 0.25
    for beta, name in ((0.0, "average"), (1000.0, "max"), (-1000.0, "min")):
        y = ops.soft_pool(x, **case.arguments, beta=beta).numpy()
        assert_same("soft", y, pool_of(name, case)(x), case)


@st.composite
def symmetric_cases(draw) -> tuple[Case, tuple]:
    """Draws windows that end where the padded input ends, and their mirrored pads."""
    rank = draw(st.integers(1, 3))
    sizes, windows, strides, rates, pads = [], [], [], [], []
    for _ in range(rank):
        window, rate, stride = (draw(st.integers(1, 3)) for _ in range(3))
        reach = (window - 1) * rate + 1
        before, after = (draw(st.integers(0, reach - 1)) for _ in range(2))
        count = draw(st.integers(1, 4))
        size = (count - 1) * stride + reach - before - after
        hypothesis.assume(1 <= size <= 2 * AXES[rank])
        for values, value in zip(
            (sizes, windows, strides, rates, pads),
            (size, window, stride, rate, (before, after)),
            strict=True,
        ):
            values.append(value)
    shape = (2, *sizes, draw(st.integers(1, 9)))
    given = [tuple(values) for values in (windows, strides, pads, rates)]
    case = Case("drawn", shape, *given)
    hypothesis.assume(not reference.has_empty_window(case.windows))
    return case, tuple(pair[::-1] for pair in pads)


@bounded
@hypothesis.given(symmetric_cases(), pools, seeds)
def test_a_mirrored_input_gives_a_mirrored_output(drawn, name, seed):
    case, mirrored = drawn
    x = positive(case.shape, seed)
    axes = tuple(range(1, 1 + case.rank))
    y = pool_of(name, case, padding=mirrored)(np.flip(x, axes).copy())
    assert_same(name, np.flip(y, axes), pool_of(name, case)(x), case)


@bounded
@hypothesis.given(good_cases(), pools, seeds)
def test_channels_first_is_the_transposed(case, name, seed):
    other = {"channels_first": "channels_last", "channels_last": "channels_first"}
    x = positive(case.shape, seed)
    if case.data_format == "channels_first":
        from_other, to_other = reference.from_channels_last, reference.to_channels_last
    else:
        from_other, to_other = reference.to_channels_last, reference.from_channels_last
    turned = np.ascontiguousarray(to_other(x, "channels_first"))
    y = pool_of(name, case, data_format=other[case.data_format])(turned)
    assert_same(name, from_other(y, "channels_first"), pool_of(name, case)(x), case)


@bounded
@hypothesis.given(good_cases(), pools, seeds)
def test_a_batch_is_its_samples(case, name, seed):
    x = positive(case.shape, seed)
    pool = pool_of(name, case)
    whole, parts = pool(x), [pool(x[i : i + 1]) for i in range(len(x))]
    expected = np.concatenate([whole[:0], *parts])
    np.testing.assert_array_equal(whole, expected)


@bounded
@hypothesis.given(good_cases(), seeds)
def test_unpooling_a_pool_twice_is_unpooling_once(case, seed):
    hypothesis.assume(case.output_shape[0] > 0)
    x = positive(case.shape, seed)

    def there_and_back(x):
        y, indices = ops.max_pool(x, **case.arguments, return_indices=True)
        sizes = dict(output_size=case.sizes, data_format=case.data_format)
        return ops.max_unpool(y, indices, **sizes).numpy()

    once = there_and_back(x)
    np.testing.assert_array_equal(there_and_back(once), once)
    assert np.isin(once[once != 0], x).all()


def test_the_laws_are_of_every_family_of_windows():
    sliding = {
        getattr(ops, name)
        for name in ops.__all__
        if "pool_size" in getattr(ops, name).__annotations__
    }
    composed = {ops.blur_pool, ops.max_blur_pool, ops.max_unpool}
    tested = {getattr(pool, "func", pool) for pool in POOLS.values()}
    assert sliding - composed == tested
