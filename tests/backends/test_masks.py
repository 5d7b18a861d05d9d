"""Masks in time, for every family on the Keras backend that is in use: what counts,
what is passed on, and that padding changes nothing.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import data
import keras
import numpy as np
import pytest
import reference
import reference_fractional
import reference_learned
import reference_lp
import reference_masked
import reference_median
import reference_stochastic
import tolerances
from hosts import (
    BACKEND,
    array,
    as_one,
    compiled,
    differentiated,
    gradient_of_gradient,
    value_and_gradient,
)
from training import assert_fit_trains

import keras_pooling as kp
from keras_pooling.ops import dispatch

STEPS = 12
T, F = True, False
MASK = np.array(
    [
        [T] * STEPS,
        [F] * STEPS,
        [F, F, F, F, T, T, F, T, T, T, T, T],
        [T, F, F, T, F, T, T, F, F, F, F, T],
        [F, F, F, F, F, F, T, F, F, F, F, F],
        [T, T, T, T, T, F, F, F, F, F, F, F],
    ]
)
LENGTHS = np.array([12, 6, 3, 0, 9, 3])
PREFIX = np.arange(STEPS) < LENGTHS[:, None]
P = 3.0


def sliding(*arguments):
    (axis,) = reference.sliding((STEPS,), *arguments)
    return lambda mask: [axis] * len(mask)


def adaptive(count):
    def axis(length):
        axes = (
            reference.adaptive((length,), count) if length else [reference.Axis(0, ())]
        )
        return reference_masked.of_length(axes[0], STEPS, count)

    return lambda mask: [axis(int(row.sum())) for row in mask]


def even_regions(count):
    """Of lengths that the number of regions divides, so that every draw is the same."""

    def axis(length):
        edges = np.arange(count + 1) * (length // count)
        (axis,) = reference_fractional.axes([edges], True)
        return reference_masked.of_length(axis, STEPS, count)

    return lambda mask: [axis(int(row.sum())) for row in mask]


def plane(mask):
    return [reference.Axis(STEPS, (tuple(range(STEPS)),))] * len(mask)


class Family(NamedTuple):
    """A layer, its windows for each sample of a mask, and what it must give."""

    make: Callable
    axes: Callable
    value: Callable
    gradient: Callable
    mask: np.ndarray = MASK

    def reference(self, function, *arrays, data_format="channels_last", **more):
        arguments = (self.axes(self.mask), self.mask, data_format, *arrays)
        return reference_masked.pool(function, *arguments, **more)


def max_value(x, windows, data_format):
    return reference.max_pool(x, windows, data_format)[0]


def average(**options):
    def gradient(x, dy, windows, data_format):
        return reference.avg_pool_gradient(dy, windows, data_format, **options)

    return functools.partial(reference.avg_pool, **options), gradient


def lp(p, normalize):
    options = {"p": p, "normalize": normalize}
    return (
        functools.partial(reference_lp.lp_pool, **options),
        functools.partial(reference_lp.lp_pool_gradient, **options),
    )


def min_value(x, windows, data_format):
    return -max_value(-x, windows, data_format)


def min_gradient(x, dy, windows, data_format):
    return reference.max_pool_gradient(-x, dy, windows, data_format)


def half_value(x, windows, data_format):
    mean = reference.avg_pool(x, windows, data_format)
    return (reference.wide(max_value(x, windows, data_format)) + mean) / 2


def half_gradient(x, dy, windows, data_format):
    mean = reference.avg_pool_gradient(dy, windows, data_format)
    return (reference.max_pool_gradient(x, dy, windows, data_format) + mean) / 2


def layer(cls, *arguments, **options):
    return lambda **more: cls(*arguments, **options, **more)


MAX = max_value, reference.max_pool_gradient
EXPECTATION = (
    reference_stochastic.stochastic_pool,
    reference_stochastic.stochastic_pool_gradient,
)
SAME = sliding(3, 2, "same")
PADDED = sliding(4, 2, 3)
FAMILIES = {
    "max": Family(layer(kp.MaxPool1D, 3, 2, "same"), SAME, *MAX),
    "max, side by side": Family(layer(kp.MaxPool, 2), sliding(2), *MAX),
    "average": Family(layer(kp.AvgPool1D, 3, 2, "same"), SAME, *average()),
    "average, padding counts": Family(
        layer(kp.AvgPool1D, 4, 2, 3, count_include_pad=True),
        PADDED,
        *average(count_include_pad=True),
    ),
    "average, a divisor": Family(
        layer(kp.AvgPool1D, 4, 2, 3, divisor_override=7),
        PADDED,
        *average(divisor_override=7),
    ),
    "Lp": Family(layer(kp.LpPool1D, 3, 2, "same", p=P), SAME, *lp(P, False)),
    "Lp mean": Family(
        layer(kp.LpPool1D, 3, 2, "same", p=P, normalize=True), SAME, *lp(P, True)
    ),
    "stochastic": Family(layer(kp.StochasticPool1D, 3, 2, "same"), SAME, *EXPECTATION),
    "min": Family(layer(kp.MinPool1D, 3, 2, "same"), SAME, min_value, min_gradient),
    "median": Family(
        layer(kp.MedianPool1D, 3, 2, "same"),
        SAME,
        reference_median.median_pool,
        reference_median.median_pool_gradient,
    ),
    "mixed": Family(
        layer(kp.MixedPool1D, 3, 2, "same", alpha=0.5), SAME, half_value, half_gradient
    ),
    "adaptive max": Family(layer(kp.AdaptiveMaxPool1D, 4), adaptive(4), *MAX, PREFIX),
    "adaptive max to more": Family(
        layer(kp.AdaptiveMaxPool1D, 17), adaptive(17), *MAX, PREFIX
    ),
    "adaptive average": Family(
        layer(kp.AdaptiveAvgPool1D, 5), adaptive(5), *average(), PREFIX
    ),
    "adaptive to one": Family(layer(kp.AdaptiveAvgPool1D, 1), plane, *average()),
    "adaptive, axis kept": Family(
        layer(kp.AdaptiveMaxPool1D, [None]), sliding(1), *MAX
    ),
    "fractional max": Family(
        layer(kp.FractionalMaxPool1D, output_size=3), even_regions(3), *MAX, PREFIX
    ),
    "fractional average": Family(
        layer(kp.FractionalAvgPool1D, output_size=3, regions_per="channel"),
        even_regions(3),
        *average(),
        PREFIX,
    ),
    "global max": Family(layer(kp.GlobalMaxPool1D, keepdims=True), plane, *MAX),
    "global average": Family(
        layer(kp.GlobalAvgPool1D, keepdims=True), plane, *average()
    ),
    "global Lp": Family(
        layer(kp.GlobalLpPool1D, keepdims=True, p=P, normalize=True),
        plane,
        *lp(P, True),
    ),
    "global greatest": Family(
        layer(kp.GlobalLpPool1D, keepdims=True, p=math.inf, normalize=True),
        plane,
        functools.partial(reference_lp.lp_pool, p=math.inf),
        functools.partial(reference_lp.lp_pool_gradient, p=math.inf),
    ),
}
# Whose gradients depend on which taps are chosen.
CHOOSE = (max_value, min_value, half_value, reference_median.median_pool)
by_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
WITH_INDICES = ["max", "max, side by side", "adaptive max", "adaptive max to more"]
WITH_INDICES += ["adaptive, axis kept", "fractional max"]
CUT = [name for name, family in FAMILIES.items() if family.mask is PREFIX]


def input_of(family, data_format="channels_last", fill=np.nan):
    """Returns an input, and the same with a number in its masked steps."""
    shape = (*family.mask.shape, 5)
    x = data.distinct(shape, "float32", data.generator("masks"))
    x = ((x - x.mean() + 1 / 8) / x.std()).astype("float32")  # none is 0
    filled = np.where(family.mask[..., None], x, np.float32(fill))
    return [reference.from_channels_last(each, data_format) for each in (x, filled)]


def rounding(family) -> int:
    """Returns how many roundings a value is the result of, at most."""
    taps = max(len(window) for window in family.axes(family.mask)[0].windows)
    return reference_stochastic.rounding_steps(taps) + 8


def windows_over_each_element(family) -> int:
    return max(
        sum(step in axis.inside(i) for i in range(len(axis.windows)))
        for axis in family.axes(family.mask)
        for step in range(STEPS)
    )


@by_family
@by_format
def test_values_and_gradients_are_those_of_the_steps_that_count(family, data_format):
    it = family.make(data_format=data_format)
    x, filled = input_of(family, data_format)
    exact = family.reference(family.value, x, data_format=data_format)
    dy = data.generator("dy").standard_normal(exact.shape).astype("float32")
    y, dx = value_and_gradient(lambda x: it(x, mask=family.mask), filled, dy)
    magnitude = family.reference(family.value, abs(x), data_format=data_format)
    bound = tolerances.of_sum("float32", rounding(family), exact, magnitude)
    tolerances.assert_within(y, exact, 0 if family.value is max_value else bound)

    gradient = functools.partial(
        family.reference, data_format=data_format, is_gradient=True
    )
    exact = gradient(family.gradient, x, dy)
    if family.gradient is reference_stochastic.stochastic_pool_gradient:
        slopes = reference_stochastic.gradient_magnitude
        magnitude = functools.partial(family.gradient, slopes=slopes)
        magnitude = gradient(magnitude, x, abs(dy))
    elif family.value in CHOOSE:
        magnitude = gradient(family.gradient, x, abs(dy))
    else:
        magnitude = gradient(family.gradient, abs(x), abs(dy))
    steps = 2 * rounding(family) + windows_over_each_element(family)
    tolerances.assert_within(
        dx, exact, tolerances.of_sum("float32", steps, exact, magnitude)
    )


@pytest.mark.parametrize("name", ["soft", "gem"])
@by_format
def test_learned_pools_are_those_of_the_steps_that_count(name, data_format):
    cls, parameter = {"soft": (kp.SoftPool1D, 1.5), "gem": (kp.GeMPool1D, 3.0)}[name]
    argument = {"soft": "beta", "gem": "p"}[name]
    it = cls(3, 2, "same", data_format=data_format, **{argument: parameter})
    family = Family(it, SAME, None, None)
    x, filled = input_of(family, data_format)
    dy = np.ones(it.compute_output_shape(x.shape), "float32")
    y, dx = value_and_gradient(lambda x: it(x, mask=MASK), filled, dy)

    def exactly(part, is_gradient):
        def pooled(x, *dy_and_windows):
            *dy, windows, layout = dy_and_windows
            (dy,) = dy or [np.ones((len(x), len(windows[0].windows), x.shape[-1]))]
            reduction = getattr(reference_learned, name)
            of_all = reference_learned.pool(
                reduction, x, dy, windows, layout, parameter
            )
            return getattr(of_all, part)

        arrays = (x, dy) if is_gradient else (x,)
        more = {"data_format": data_format, "is_gradient": is_gradient}
        return family.reference(pooled, *arrays, **more)

    steps = reference_learned.steps(family.axes(MASK)[:1], parameter)
    for found, part, is_gradient in ((y, "y", False), (dx, "dx", True)):
        magnitude = exactly(f"{part}_magnitude", is_gradient)
        exact = exactly(part, is_gradient)
        bound = tolerances.of_sum("float32", steps, exact, magnitude)
        tolerances.assert_within(found, exact, bound)


FUNCTIONS = {
    "soft": (kp.ops.soft_pool, kp.SoftPool1D, (3,)),
    "generalised mean": (kp.ops.gem_pool, kp.GeMPool1D, (3,)),
    "global generalised mean": (kp.ops.global_gem_pool, kp.GlobalGeMPool1D, ()),
    "min": (kp.ops.min_pool, kp.MinPool1D, (3,)),
    "median": (kp.ops.median_pool, kp.MedianPool1D, (3,)),
    "mixed": (kp.ops.mixed_pool, kp.MixedPool1D, (3,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_masks_as_layers_do(name):
    function, cls, arguments = FUNCTIONS[name]
    _, filled = input_of(FAMILIES["max"])
    y = function(filled, *arguments, mask=MASK)
    expected = cls(*arguments)(filled, mask=MASK)
    np.testing.assert_array_equal(array(y), array(expected))


@by_family
def test_what_stands_in_masked_steps_changes_no_bit(family):
    it = family.make()
    run = differentiated(functools.partial(it, mask=family.mask))
    dy = np.ones(it.compute_output_shape((*family.mask.shape, 5)), "float32")
    y, dx = run(input_of(family, fill=0)[1], dy)
    assert np.isfinite(y).all() and np.isfinite(dx).all()
    assert not dx[~family.mask].any()
    for fill in (np.nan, np.inf, -np.inf, 1e30):
        for found, first in zip(
            run(input_of(family, fill=fill)[1], dy), (y, dx), strict=True
        ):
            np.testing.assert_array_equal(found, first)


@by_family
def test_a_mask_of_ones_is_no_mask(family):
    x, _ = input_of(family)
    x = x[:2]
    it = family.make()
    y = array(as_one(lambda x: it(x, mask=np.ones((2, STEPS), bool)))(x))
    plain = array(as_one(it)(x))
    magnitude = abs(plain) + abs(x).max()
    tolerances.assert_within(
        y, plain, tolerances.of_sum("float32", 2 * rounding(family), plain, magnitude)
    )


ANY_LENGTH = {
    "max": lambda: kp.MaxPool1D(3, 2, ((2, 0),), ceil_mode=True),
    "average": lambda: kp.AvgPool1D(2),
    "Lp": lambda: kp.LpPool1D(2, normalize=True),
    "stochastic": lambda: kp.StochasticPool1D(2),
    "adaptive": lambda: kp.AdaptiveMaxPool1D(4),
    "adaptive average": lambda: kp.AdaptiveAvgPool1D(4),
    "fractional": lambda: kp.FractionalMaxPool1D(1.6, inference="random", seed=3),
    "fractional, random order": lambda: kp.FractionalAvgPool1D(
        1.6,
        pseudo_random=False,
        regions_per="channel",
        inference="random",
        seed=3,
    ),
    "fractional, central": lambda: kp.FractionalMaxPool1D(1.6, inference="central"),
    "fractional, fixed": lambda: kp.FractionalMaxPool1D(1.6, seed=1),
    "fractional, fixed in random order": lambda: kp.FractionalMaxPool1D(
        1.6, pseudo_random=False, seed=1
    ),
    "soft": lambda: kp.SoftPool1D(3, 2, "same", beta=0.5),
    "generalised mean": lambda: kp.GeMPool1D(3, 2, "same"),
    "min": lambda: kp.MinPool1D(3, 2, "same"),
    "median": lambda: kp.MedianPool1D(3, 2, "same"),
    "mixed": lambda: kp.MixedPool1D(3, 2, "same"),
    "global": lambda: kp.GlobalAvgPool1D(keepdims=True),
}


@pytest.mark.parametrize("make", ANY_LENGTH.values(), ids=ANY_LENGTH)
def test_the_amount_of_padding_changes_no_bit(make):
    x, _ = input_of(FAMILIES["adaptive max"])
    x, mask = x[:3, :, :2], PREFIX[:3]
    y, some = outputs_and_mask(make(), x, mask)
    y, count = array(y), y.shape[1]
    for more in (4, 10):
        padded = np.pad(x, ((0, 0), (0, more), (0, 0)), constant_values=np.nan)
        longer = np.pad(mask, ((0, 0), (0, more)))
        z, other = outputs_and_mask(make(), padded, longer)
        np.testing.assert_array_equal(array(z)[:, :count], y)
        assert not array(z)[:, count:].any()
        if some is not None:
            np.testing.assert_array_equal(array(other)[:, :count], array(some))
            assert not array(other)[:, count:].any()


def outputs_and_mask(it, x, mask):
    def run(x):
        given = keras.ops.convert_to_tensor(mask)
        return it(x, mask=given), it.compute_mask(x, given)

    return as_one(run)(keras.ops.convert_to_tensor(x))


@by_family
def test_the_mask_that_is_passed_on_tells_the_windows_with_a_step(family):
    x, _ = input_of(family)
    y, passed_on = outputs_and_mask(family.make(), x, family.mask)
    some = reference_masked.pooled_mask(family.axes(family.mask), family.mask)
    if isinstance(family.make(), kp.layers.base.BaseGlobalPooling):
        assert passed_on is None
    else:
        np.testing.assert_array_equal(array(passed_on), some)
        assert passed_on.shape == y.shape[:2]
        symbolic = family.make()(
            keras.KerasTensor((None, STEPS, 5)),
            mask=keras.KerasTensor((None, STEPS), "bool"),
        )
        assert symbolic._keras_mask.shape == (None, y.shape[1])
    assert not array(y)[~some].any()


@by_format
@pytest.mark.parametrize("name", WITH_INDICES)
def test_indices_are_those_of_the_steps_that_count(name, data_format):
    family = FAMILIES[name]
    x, filled = input_of(family, data_format)

    def indices(*arguments):
        return reference.max_pool(*arguments)[1]

    exact = family.reference(indices, x, data_format=data_format)
    it = family.make(data_format=data_format, return_indices=True)
    y, found = as_one(lambda x: it(x, mask=family.mask))(filled)
    assert keras.backend.standardize_dtype(found.dtype) == "int32"
    np.testing.assert_array_equal(array(found), exact)
    exact = family.reference(max_value, x, data_format=data_format)
    np.testing.assert_array_equal(array(y), exact)


LOWEST = np.array([[F, T, T, F, T, F, F, F], [T] * 8, [F, F, T, T, F, T, T, F]])


def test_masked_steps_are_not_taken_for_equals_of_the_lowest_number():
    x = np.full((3, 8, 2), -np.inf, "float32")
    x[2, 5] = 1
    (axis,) = reference.sliding((8,), 4, 2)
    dy = np.arange(1.0, 19).reshape(3, 3, 2).astype("float32")

    def reference_of(function, *arrays, **more):
        arguments = ([axis] * 3, LOWEST, "channels_last", *arrays)
        return reference_masked.pool(function, *arguments, **more)

    pool = functools.partial(kp.ops.max_pool, pool_size=4, strides=2, mask=LOWEST)
    y, dx = value_and_gradient(lambda x: pool(x, return_indices=True)[0], x, dy)
    np.testing.assert_array_equal(y, reference_of(max_value, x))
    exact = reference_of(reference.max_pool_gradient, x, dy, is_gradient=True)
    np.testing.assert_array_equal(dx, exact)
    if dispatch.use_compiled(keras.ops.convert_to_tensor(x)):
        # Of such windows a backend's own pooling may rule otherwise.
        for found, exact in zip(value_and_gradient(pool, x, dy), (y, dx), strict=True):
            np.testing.assert_array_equal(found, exact)


INTEGERS = ["bool", "uint8", "uint16", "uint32", "int8", "int32"]
INTEGERS += ["int64"] * (BACKEND != "jax")  # which has none by default


@pytest.mark.parametrize("dtype", INTEGERS)
def test_maxima_of_integers_of_the_whole_range(dtype):
    (axis,) = reference.sliding((8,), 4, 2)
    limits = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    x = data.generator(dtype).choice(np.array(limits, dtype), (3, 8, 7))
    y, indices = kp.ops.max_pool(x, 4, 2, mask=LOWEST, return_indices=True)
    alone = kp.ops.max_pool(x, 4, 2, mask=LOWEST)
    arguments = ([axis] * 3, LOWEST, "channels_last", x.astype("int64"))
    exact = reference_masked.pool(max_value, *arguments)
    for found in (y, alone):
        assert keras.backend.standardize_dtype(found.dtype) in (dtype, "int32", "int64")
        np.testing.assert_array_equal(array(found).astype("float64"), exact)
    exact = reference_masked.pool(lambda *a: reference.max_pool(*a)[1], *arguments)
    np.testing.assert_array_equal(array(indices), exact)


@pytest.mark.parametrize("name", ["avg_pool", "lp_pool", "stochastic_pool"])
def test_integers_become_floats(name):
    x = np.array([4, 0, 0, 4, 2, 0], "int32").reshape(1, 6, 1)
    mask = [[1, 0, 0, 0, 1, 1]]
    expected = {
        "avg_pool": [4, 0, 1],
        "lp_pool": [4, 0, 2],
        "stochastic_pool": [4, 0, 2],
    }
    y = getattr(kp.ops, name)(x, 2, mask=mask)
    assert keras.backend.standardize_dtype(y.dtype) == keras.config.floatx()
    np.testing.assert_array_equal(array(y)[0, :, 0], expected[name])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_summed_in_float32_and_rounded_once(dtype):
    x = keras.ops.full((1, 8, 1), 60000, dtype)
    mask = [[T, T, F, F, T, F, T, T]]
    for pool in (
        kp.ops.avg_pool,
        functools.partial(kp.ops.lp_pool, normalize=True),
        functools.partial(kp.ops.lp_pool, p=7.3, normalize=True),
        kp.ops.stochastic_pool,
    ):
        y = pool(x, 8, mask=mask)
        assert keras.backend.standardize_dtype(y.dtype) == dtype
        assert float(keras.ops.cast(y, "float32")[0, 0, 0]) == float(
            keras.ops.cast(x, "float32")[0, 0, 0]
        )


@by_family
def test_gradients_have_gradients(family):
    mask = family.mask[..., None]
    x = data.distinct((*family.mask.shape, 5), "float32", data.generator("twice"))
    x = np.where(mask, x - x.mean() + 1 / 8, np.nan).astype("float32")
    pool = functools.partial(family.make(), mask=family.mask)
    twice = gradient_of_gradient(pool, x)
    assert np.isfinite(twice).all() and not twice[~family.mask].any()

    # By the difference of Σ dx² along one line. What is compared is homogeneous, so
    # that the third derivative goes with 1 / x; none of the numbers crosses 0 or
    # another.
    line = data.generator("line").uniform(-1, 1, x.shape).astype("float32")
    h, least = np.float32(2**-5), 1 / 8
    both = np.concatenate([x + h * line, x - h * line])
    pool = functools.partial(family.make(), mask=np.tile(family.mask, (2, 1)))
    dx = value_and_gradient(pool, both, array(as_one(pool)(both)))[1].astype("float64")
    up, down = ((each**2).sum() for each in np.split(dx, 2))
    exact = np.where(mask, twice * line.astype("float64"), 0)
    bound = (h / least) ** 2 * abs(exact).sum()
    bound += 2 * rounding(family) * np.finfo("float32").eps * (up + down) / (2 * h)
    assert abs((up - down) / (2 * h) - exact.sum()) <= bound


@by_family
def test_compiled(family):
    _, filled = input_of(family)
    x, mask = map(keras.ops.convert_to_tensor, (filled, family.mask))
    it = family.make()
    y = array(compiled(lambda x, mask: it(x, mask=mask))(x, mask))
    expected = array(it(x, mask=mask))
    # A compiler may sum in another order.
    bound = tolerances.of_sum(
        "float32", rounding(family), expected, abs(expected).max()
    )
    tolerances.assert_within(y, expected, bound)


@pytest.mark.parametrize("name", CUT)
def test_a_mask_that_is_no_length_is_refused(name):
    it, mask = FAMILIES[name].make(), PREFIX.copy()
    mask[4, 1] = False
    message = f"{type(it).__name__}: windows that divide the length .* in sample 4"
    with pytest.raises(ValueError, match=message):
        it(np.zeros((*mask.shape, 2), "float32"), mask=mask)


@pytest.mark.parametrize("name", CUT)
def test_a_program_gives_nan_for_a_mask_that_is_no_length(name):
    it, mask = FAMILIES[name].make(), PREFIX.copy()
    mask[4, 1] = False
    x, mask = keras.ops.ones((*mask.shape, 2)), keras.ops.convert_to_tensor(mask)
    run = compiled(lambda x, mask: it(x, mask=mask))
    try:
        y = array(run(x, mask))
    except ValueError as error:
        # PyTorch's compiler may leave a part to Python, where an error can be raised.
        assert BACKEND == "torch"
        assert "need its unmasked steps to come first" in str(error)
        return
    assert np.isnan(y[4]).all()
    assert not np.isnan(np.delete(y, 4, axis=0)).any()


WRONG = {
    "of another length": ((2, 8, 3), (2, 7)),
    "with channels": ((2, 8, 3), (2, 8, 3)),
    "of one sample": ((2, 8, 3), (8,)),
    "of another batch": ((2, 8, 3), (3, 8)),
}


@pytest.mark.parametrize("shapes", WRONG.values(), ids=WRONG)
def test_a_mask_of_another_shape_is_refused(shapes):
    x, mask = (np.zeros(shape, "float32") for shape in shapes)
    message = r"the mask must have the shape \(batch, steps\), here \(2, 8\)"
    with pytest.raises(ValueError, match=f"max_pool: {message}") as error:
        kp.ops.max_pool(x, 2, mask=mask)
    assert f"mask.shape={shapes[1]}. Give one entry" in str(error.value)
    if len(shapes[1]) == 2:
        with pytest.raises(ValueError, match="MaxPooling1D: the mask must"):
            kp.MaxPool1D()(keras.KerasTensor(shapes[0]), mask=mask)


@pytest.mark.parametrize("cls", [kp.MaxPool, kp.GlobalMaxPool])
def test_a_mask_over_two_axes_is_refused(cls):
    with pytest.raises(ValueError, match="a mask needs an input with one spatial axis"):
        cls()(np.zeros((2, 4, 4, 1), "float32"), mask=np.ones((2, 4)))


def test_layers_of_planes_leave_a_mask_aside_as_those_of_keras_do():
    x = keras.ops.convert_to_tensor(np.ones((1, 4, 4, 1), "float32"))
    x._keras_mask = np.array([[T, F, F, F]])
    for it in (kp.MaxPool2D(), kp.MaxPool((2, 2)), kp.GlobalAvgPool2D()):
        with pytest.warns(UserWarning, match="does not support masking"):
            y = it(x)
        assert getattr(y, "_keras_mask", None) is None
        np.testing.assert_array_equal(array(y), np.ones(y.shape))


WINDOW = np.array([3.0, -1, 5, 2, 0, 1], "float32")
VALID = np.array([T, T, F, T, T, F])
DRAWS = {
    "by weight": WINDOW,
    "nothing above 0": -abs(WINDOW),
    "zeros": 0 * WINDOW,
    "infinite": np.where(WINDOW > 1, np.inf, WINDOW).astype("float32"),
}


@pytest.mark.parametrize("window", DRAWS.values(), ids=DRAWS)
def test_draws_are_among_the_steps_that_count(window):
    count = 4000
    x = np.repeat(window[None, :, None], count, axis=2)
    mask = VALID[None]
    dy = np.ones((1, 1, count), "float32")

    def draw(x):
        return kp.ops.stochastic_pool(x, 6, seed=(5, 6), mask=mask)

    y, dx = value_and_gradient(draw, x, dy)
    assert not dx[:, ~VALID].any() and (dx.sum(axis=1) == 1).all()
    drawn = dx[0].argmax(axis=0)
    np.testing.assert_array_equal(y[0, 0], window[drawn])
    chances = reference_stochastic.probabilities(window[VALID])
    shares = np.bincount(drawn, minlength=6)[VALID] / count
    assert abs(shares - chances).max() <= reference_stochastic.deviation(count)
    expected = reference_stochastic.expectation(window[VALID])
    y = array(kp.ops.stochastic_pool(x[..., :1], 6, mask=mask))
    np.testing.assert_allclose(y[0, 0, 0], expected, rtol=1e-6)


def test_draws_of_a_mask_of_ones_are_those_without_a_mask():
    x = data.generator("ones").standard_normal((3, 8, 5)).astype("float32")
    x[0] = -abs(x[0])
    y = kp.ops.stochastic_pool(x, 3, 1, seed=(1, 2))
    z = kp.ops.stochastic_pool(x, 3, 1, seed=(1, 2), mask=np.ones((3, 8)))
    np.testing.assert_array_equal(array(y), array(z))


def edges_of(lengths, steps=STEPS, channels=1, **options):
    """Returns the edges that are drawn for each sample and channel."""
    x = np.arange(1, steps + 1, dtype="float32")[None, :, None]
    x = np.broadcast_to(x, (len(lengths), steps, channels))
    mask = np.arange(steps) < np.array(lengths)[:, None]
    pool = functools.partial(
        kp.ops.fractional_max_pool, overlapping=False, mask=mask, **options
    )
    y = array(as_one(pool)(x))
    return [
        [(0, *(int(edge) for edge in y[n, :, c] if edge)) for c in range(channels)]
        for n in range(len(lengths))
    ]


REGIONS = {
    "ratio": ({"pooling_ratio": 1.7}, lambda n: max(math.floor(n / 1.7), 1)),
    "size": ({"output_size": 5}, lambda n: min(n, 5)),
}
ORDERS = {"pseudo-random": True, "random": False}


@pytest.mark.parametrize("pseudo_random", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("how", REGIONS.values(), ids=REGIONS)
def test_regions_divide_the_length_of_each_sample(how, pseudo_random):
    options, count = how
    lengths = range(1, STEPS + 1)
    for seed in itertools.product(range(3), range(2)):
        rows = edges_of(
            *(lengths, STEPS, 2),
            **options,
            seed=seed,
            pseudo_random=pseudo_random,
            regions_per="channel",
        )
        for length, row in zip(lengths, rows, strict=True):
            for edges in row:
                arguments = (edges, length, count(length))
                reference_fractional.assert_gap_rule(*arguments)
    rows = edges_of(lengths, **options)  # without a draw
    for length, (edges,) in zip(lengths, rows, strict=True):
        reference_fractional.assert_gap_rule(edges, length, count(length))


@pytest.mark.parametrize("pseudo_random", ORDERS.values(), ids=ORDERS)
def test_regions_are_drawn_with_the_chances_of_those_without_a_mask(pseudo_random):
    length, count, samples = 7, 4, 3000
    chances = (
        reference_fractional.chances_of_pseudo_random(length, count)
        if pseudo_random
        else reference_fractional.chances_of_random(length, count)
    )
    rows = edges_of(
        [length] * samples,
        output_size=count,
        seed=(3, 4),
        pseudo_random=pseudo_random,
        regions_per="sample",
    )
    found = [edges for (edges,) in rows]
    assert set(found) <= set(chances)
    counts = [found.count(edges) for edges in chances]
    assert reference_fractional.chi_square_is_likely(counts, list(chances.values()))


def test_regions_are_shared_by_what_regions_per_says():
    lengths = [9, 12, 9, 12, 9, 9]
    found = {
        regions_per: edges_of(
            lengths,
            channels=6,
            pooling_ratio=1.3,
            seed=(1, 2),
            pseudo_random=False,
            regions_per=regions_per,
        )
        for regions_per in ("batch", "sample", "channel")
    }
    nines = {name: [rows[n] for n in (0, 2, 4, 5)] for name, rows in found.items()}
    assert len({edges for row in nines["batch"] for edges in row}) == 1
    assert all(len(set(row)) == 1 for row in nines["sample"])
    assert len({row[0] for row in nines["sample"]}) > 1
    assert all(len(set(row)) > 1 for row in nines["channel"])


def test_regions_drawn_with_a_mask_have_these_bits_on_every_backend():
    options = {"pooling_ratio": 2.3, "regions_per": "sample"}
    draw = functools.partial(edges_of, [12, 12, 9], **options)
    whole = (0, 2, 4, 7, 9, 12), (0, 3, 5, 7, 10, 12), (0, 3, 5, 8, 10, 12)
    nine = [(0, 3, 6, 9)]
    assert draw(seed=(2024, 7)) == [[whole[0]], [whole[1]], nine]
    seed = (2**32 - 1, 2**31)
    assert draw(seed=seed) == [[whole[0]], [whole[2]], nine]
    assert draw(seed=seed, pseudo_random=False) == [[whole[0]], [whole[1]], nine]


def test_regions_that_are_given_leave_masked_steps_out():
    x = np.array([3.0, 9, 1, 7, 5, 2], "float32").reshape(1, 6, 1)
    mask = [[T, F, T, F, F, T]]
    y, indices = kp.ops.fractional_max_pool(
        x, regions=[[0, 3, 5, 6]], overlapping=False, mask=mask, return_indices=True
    )
    np.testing.assert_array_equal(array(y)[0, :, 0], [3, 0, 2])
    np.testing.assert_array_equal(array(indices)[0, :, 0], [0, 0, 5])


def test_an_empty_batch_stays_empty():
    for family in FAMILIES.values():
        it, mask = family.make(), np.ones((0, STEPS), bool)
        y = as_one(functools.partial(it, mask=mask))(np.zeros((0, STEPS, 5), "float32"))
        assert y.shape[0] == 0 and y.shape[2] == 5


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@by_family
def test_mixed_precision(family, policy):
    x, filled = input_of(family)
    it = family.make(dtype=policy)
    y = as_one(functools.partial(it, mask=family.mask))(filled)
    assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
    rounded = array(keras.ops.cast(keras.ops.cast(x, it.compute_dtype), "float32"))
    exact = family.reference(family.value, rounded)
    magnitude = family.reference(family.value, abs(rounded))
    bound = tolerances.of_sum(it.compute_dtype, rounding(family), exact, magnitude)
    y = array(keras.ops.cast(y, "float32")).astype("float64")
    tolerances.assert_within(y, exact, bound)


def classifier(it, steps=None):
    """Returns a model in which a layer pools embedded words, 0 of which is padding."""
    layers = [
        keras.Input((steps,), dtype="int32"),
        keras.layers.Embedding(20, 4, mask_zero=True),
        it,
        kp.GlobalAvgPool1D(),
        keras.layers.Dense(1),
    ]
    return keras.Sequential(layers)


def words(lengths=(8, 6, 3, 0, 7), steps=8):
    drawn = data.generator("words").integers(1, 20, (len(lengths), steps))
    return np.where(np.arange(steps) < np.array(lengths)[:, None], drawn, 0)


AFTER_WORDS = {
    "max": lambda: kp.MaxPool1D(2, name="it"),
    "average": lambda: kp.AvgPool1D(3, 2, "same", name="it"),
    "Lp": lambda: kp.LpPool1D(2, normalize=True, name="it"),
    "stochastic": lambda: kp.StochasticPool1D(2, seed=1, name="it"),
    "adaptive": lambda: kp.AdaptiveMaxPool1D(3, name="it"),
    "fractional": lambda: kp.FractionalMaxPool1D(1.5, seed=1, name="it"),
}


@pytest.mark.parametrize("make", AFTER_WORDS.values(), ids=AFTER_WORDS)
def test_a_saved_model_loads_with_its_masks(make, tmp_path):
    model = classifier(make())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = words()
    y = array(as_one(model)(x))
    np.testing.assert_array_equal(array(as_one(loaded)(x)), y)
    embedding, it, average, dense = model.layers
    embedded = embedding(x)
    pooled, mask = outputs_and_mask(it, embedded, x != 0)
    expected = dense(average(pooled, mask=mask))
    np.testing.assert_allclose(y, array(expected), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("make", AFTER_WORDS.values(), ids=AFTER_WORDS)
def test_a_model_trains_through_masks(make):
    keras.utils.set_random_seed(1)
    rng = data.generator("train")
    x = words(rng.integers(4, 9, 64))
    y = (x.max(axis=1) > 17).astype("float32")
    model = classifier(make())
    model.compile(keras.optimizers.Adam(0.05), "mse")
    assert_fit_trains(model.layers[0], model, x, y)


def test_what_a_layer_without_masks_saves_and_loads():
    it = kp.MaxPool1D(2)
    assert "supports_masking" not in it.get_config()
    it.supports_masking = False
    revived = kp.MaxPool1D.from_config(it.get_config())
    assert revived.supports_masking is False
    assert revived.get_config() == it.get_config()
    x, mask = np.ones((1, 4, 1), "float32"), np.zeros((1, 4))
    np.testing.assert_array_equal(array(revived(x, mask=mask)), np.ones((1, 2, 1)))


def test_a_function_takes_the_mask_of_a_functional_model(tmp_path):
    x, mask = keras.Input((STEPS, 5)), keras.Input((STEPS,), dtype="bool")
    model = keras.Model([x, mask], kp.ops.max_pool(x, 3, 2, "same", mask=mask))
    family = FAMILIES["max"]
    plain, filled = input_of(family)
    exact = family.reference(max_value, plain)
    np.testing.assert_array_equal(array(model([filled, family.mask])), exact)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(loaded([filled, family.mask])), exact)


def test_both_of_two_outputs_have_the_mask():
    x, mask = np.ones((1, 4, 1), "float32"), np.array([[T, F, F, F]])
    for output in kp.MaxPool1D(2, return_indices=True)(x, mask=mask):
        np.testing.assert_array_equal(array(output._keras_mask), [[T, F]])
