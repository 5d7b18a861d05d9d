"""Every family on the Keras backend that is in use: values, gradients, compiled, saved,
trained, drawn. `make hosts` runs this file on the other backends.
"""

from collections.abc import Callable
from typing import NamedTuple

import data
import keras
import numpy as np
import pytest
import reference
import reference_fractional
import reference_lp
import reference_median
import reference_stochastic
import tolerances
from hosts import array, compiled, value_and_gradient
from training import assert_fit_trains

import keras_pooling as kp
from keras_pooling.implementations import portable

SIZES = (6, 8)
SLIDING = reference.sliding(SIZES, 3, 2, "same")
PLANE = reference.adaptive(SIZES, 1)
UNEVEN = reference.adaptive(SIZES, (4, 11))  # windows that share elements; 11 > 8
# Sizes are multiples of the number of regions: every draw gives these.
EVEN = reference_fractional.axes(([0, 2, 4, 6], [0, 2, 4, 6, 8]), True)
MANY = (40, 40)  # 31 regions: neither divides the other, so there are many draws
P = 3.0


def max_value(x, windows, data_format):
    return reference.max_pool(x, windows, data_format)[0]


def avg_gradient(x, dy, windows, data_format):
    return reference.avg_pool_gradient(dy, windows, data_format)


def min_value(x, windows, data_format):
    return -max_value(-x, windows, data_format)


def min_gradient(x, dy, windows, data_format):
    return reference.max_pool_gradient(-x, dy, windows, data_format)


def lp_value(x, windows, data_format):
    return reference_lp.lp_pool(x, windows, data_format, P, True)


def lp_gradient(x, dy, windows, data_format):
    return reference_lp.lp_pool_gradient(x, dy, windows, data_format, P, True)


class Family(NamedTuple):
    """A layer, and what it must give."""

    make: Callable  # the layer, of keyword arguments
    windows: list[reference.Axis]
    value: Callable
    gradient: Callable

    @property
    def steps(self) -> int:
        """Roundings that a value is the result of, at most: two sums, powers, roots."""
        return reference_stochastic.rounding_steps(reference.max_taps(self.windows)) + 8


def sliding(cls, **options):
    return lambda **more: cls(3, 2, "same", **options, **more)


def fractional(cls):
    return lambda **more: cls(output_size=(3, 4), **more)


def adaptive(cls):
    return lambda **more: cls((4, 11), **more)


def globally(cls, **options):
    return lambda **more: cls(keepdims=True, **options, **more)


MAX = max_value, reference.max_pool_gradient
MIN = min_value, min_gradient
MEDIAN = reference_median.median_pool, reference_median.median_pool_gradient
AVG = reference.avg_pool, avg_gradient
LP = lp_value, lp_gradient
EXPECTATION = (
    reference_stochastic.stochastic_pool,
    reference_stochastic.stochastic_pool_gradient,
)
FAMILIES = {
    "max": Family(sliding(kp.MaxPool), SLIDING, *MAX),
    "average": Family(sliding(kp.AvgPool), SLIDING, *AVG),
    "Lp": Family(sliding(kp.LpPool, p=P, normalize=True), SLIDING, *LP),
    "min": Family(sliding(kp.MinPool), SLIDING, *MIN),
    "median": Family(sliding(kp.MedianPool), SLIDING, *MEDIAN),
    "stochastic": Family(sliding(kp.StochasticPool), SLIDING, *EXPECTATION),
    "fractional max": Family(fractional(kp.FractionalMaxPool), EVEN, *MAX),
    "fractional average": Family(fractional(kp.FractionalAvgPool), EVEN, *AVG),
    "adaptive max": Family(adaptive(kp.AdaptiveMaxPool), UNEVEN, *MAX),
    "adaptive average": Family(adaptive(kp.AdaptiveAvgPool), UNEVEN, *AVG),
    "global max": Family(globally(kp.GlobalMaxPool), PLANE, *MAX),
    "global average": Family(globally(kp.GlobalAvgPool), PLANE, *AVG),
    "global Lp": Family(globally(kp.GlobalLpPool, p=P, normalize=True), PLANE, *LP),
}
RANDOM = {
    "stochastic": lambda **more: kp.StochasticPool2D(2, **more),
    "fractional": lambda **more: kp.FractionalMaxPool2D(1.29, **more),
    "random regions": lambda **more: kp.FractionalMaxPool2D(
        1.29, pseudo_random=False, regions_per="channel", **more
    ),
}
by_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
by_random = pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)


def input_of(data_format="channels_last", sizes=SIZES) -> np.ndarray:
    # Distinct, and none of them 0, where |x| has no slope.
    x = data.distinct((2, *sizes, 3), "float32", data.generator("families"))
    x = (x - x.mean() + 1 / 8) / x.std()
    return reference.from_channels_last(x, data_format).astype("float32")


def check_value(family, y, x, data_format):
    exact = family.value(x, family.windows, data_format).astype("float64")
    magnitude = family.value(abs(x), family.windows, data_format).astype("float64")
    is_tap = family.value in (max_value, min_value)
    bound = tolerances.of_sum("float32", family.steps, exact, magnitude)
    tolerances.assert_within(y, exact, 0 if is_tap else bound)


@by_family
@by_format
def test_values_and_gradients(family, data_format):
    layer, x = family.make(data_format=data_format), input_of(data_format)
    dy = data.generator("dy").standard_normal(layer(x).shape).astype("float32")
    y, dx = value_and_gradient(layer, x, dy)
    check_value(family, y, x, data_format)
    exact = family.gradient(x, dy, family.windows, data_format).astype("float64")
    magnitude = (abs(x), abs(dy), family.windows, data_format)
    if family.gradient is reference_stochastic.stochastic_pool_gradient:
        slopes = reference_stochastic.gradient_magnitude
        magnitude = family.gradient(x, *magnitude[1:], slopes=slopes)
    elif family.gradient in (reference.max_pool_gradient, min_gradient, MEDIAN[1]):
        magnitude = family.gradient(x, *magnitude[1:])
    else:
        magnitude = family.gradient(*magnitude).astype("float64")
    steps = 2 * family.steps + reference.windows_over_each_element(family.windows)
    tolerances.assert_within(
        dx, exact, tolerances.of_sum("float32", steps, exact, magnitude)
    )


@by_format
@pytest.mark.parametrize("name", ["max", "fractional max", "adaptive max"])
def test_indices(name, data_format):
    family, x = FAMILIES[name], input_of(data_format)
    layer = family.make(data_format=data_format, return_indices=True)
    for result, exact in zip(
        layer(x), reference.max_pool(x, family.windows, data_format), strict=True
    ):
        np.testing.assert_array_equal(array(result), exact)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int32"])
def test_maxima_of_integers_of_the_whole_range(dtype):
    limits = np.iinfo(dtype)
    x = data.generator(dtype).integers(limits.min, limits.max, (2, *SIZES, 3), dtype)
    x[0, 0, 0] = limits.max
    exact, _ = reference.max_pool(x.astype("int64"), SLIDING, "channels_last")
    for y in (kp.ops.max_pool(x, 3, 2, "same"), compiled(kp.MaxPool(3, 2, "same"))(x)):
        # PyTorch has wider types for some.
        np.testing.assert_array_equal(array(y).astype("int64"), exact)


@by_family
def test_compiled(family):
    layer, x = family.make(), input_of()
    y = array(compiled(layer)(keras.ops.convert_to_tensor(x)))
    check_value(family, y, x, "channels_last")


DRAWS = {
    "stochastic": lambda x: kp.ops.stochastic_pool(x, 2, seed=(1, 2)),
    "fractional": lambda x: kp.ops.fractional_max_pool(x, 1.29, seed=(1, 2)),
    "random regions": lambda x: kp.ops.fractional_max_pool(
        x, 1.29, seed=(1, 2), pseudo_random=False, regions_per="channel"
    ),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_compiled(draw):
    x = keras.ops.convert_to_tensor(input_of(sizes=MANY))
    np.testing.assert_array_equal(array(compiled(draw)(x)), array(draw(x)))


@by_family
def test_saved(family, tmp_path):
    model = keras.Sequential([keras.Input((*SIZES, 3)), family.make(name="it")])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_layer("it").get_config() == model.get_layer("it").get_config()
    x = input_of()
    np.testing.assert_array_equal(array(loaded(x)), array(model(x)))
    check_value(family, loaded.predict(x, verbose=0), x, "channels_last")


@by_random
def test_each_call_draws_taps_anew_and_a_loaded_model_goes_on(make, tmp_path):
    x = input_of(sizes=MANY)
    model = keras.Sequential([keras.Input(x.shape[1:]), make(seed=7)])
    draws = [array(model(x, training=True)) for _ in range(2)]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    draws.append(array(model(x, training=True)))
    np.testing.assert_array_equal(array(loaded(x, training=True)), draws[-1])
    assert len({draw.tobytes() for draw in draws}) == 3
    for draw in draws:
        assert np.isin(draw, x).all()
    again = make(seed=7)
    np.testing.assert_array_equal(array(again(x, training=True)), draws[0])


FIXED = {name: RANDOM[name] for name in ("fractional", "random regions")}
by_fixed = pytest.mark.parametrize("make", FIXED.values(), ids=FIXED)


@by_fixed
def test_fixed_regions_are_the_same_at_every_call(make, tmp_path):
    x = input_of(sizes=MANY)
    model = keras.Sequential([keras.Input(x.shape[1:]), make(seed=7), make()])
    y = array(model(x))
    model.compile("sgd", "mse")
    for _ in range(2):
        np.testing.assert_array_equal(model.predict(x, verbose=0), y)
        model.fit(x, np.zeros_like(y), verbose=0)  # no weights: the seeds move alone
        np.testing.assert_array_equal(array(model(x)), y)
    np.testing.assert_array_equal(array(compiled(model)(x)), y)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(loaded(x)), y)
    model.save_weights(tmp_path / "model.weights.h5")
    other = keras.Sequential([keras.Input(x.shape[1:]), make(seed=8), make()])
    other.predict(x, verbose=0)
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), y)


@by_fixed
def test_fixed_regions_differ_between_layers_and_axes(make):
    x = input_of(sizes=MANY)
    outputs = {array(make()(x)).tobytes() for _ in range(4)}
    assert len(outputs) > 1
    across = np.swapaxes(x, 1, 2)
    layers = [make(seed=seed) for seed in range(4)]
    assert len({array(layer(x)).tobytes() for layer in layers}) > 1
    turned = [np.swapaxes(array(layer(across)), 1, 2) for layer in layers]
    assert any((array(f(x)) != y).any() for f, y in zip(layers, turned, strict=True))


@pytest.mark.parametrize("regions_per", ["batch", "sample", "channel"])
@pytest.mark.parametrize("inference", ["fixed", "central"])
def test_what_is_not_drawn_is_shared_by_the_batch(inference, regions_per):
    layer = kp.FractionalMaxPool2D(
        1.29, inference=inference, regions_per=regions_per, seed=7
    )
    one = input_of(sizes=MANY)[:1, :, :, :1]
    y = array(layer(np.tile(one, (3, 1, 1, 4))))
    np.testing.assert_array_equal(y, np.tile(array(layer(one)), (3, 1, 1, 4)))
    assert array(layer.seed_generator.state.value).tolist() == [7, 0]


@pytest.mark.parametrize("word", [5, 2**31 + 7, 2**32 - 1])
@pytest.mark.parametrize("pseudo_random", [True, False])
def test_fixed_regions_are_those_of_the_first_word_of_the_state(word, pseudo_random):
    x = input_of(sizes=MANY)
    layer = kp.FractionalAvgPool2D(1.29, pseudo_random=pseudo_random, seed=1)
    edges = [
        array(portable.fixed_regions(40, 31, word, pseudo_random, axis))[0]
        for axis in range(2)
    ]
    expected = array(kp.ops.fractional_avg_pool(x, regions=edges))
    for counter in (0, 99):
        layer.load_own_variables({"seed_state": np.array([word, counter])})
        np.testing.assert_array_equal(array(layer(x)), expected)
        np.testing.assert_array_equal(array(compiled(layer)(x)), expected)


@by_family
def test_trains_the_layer_before_it(family):
    x = data.generator("train").standard_normal((32, *SIZES, 2)).astype("float32")
    y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
    keras.utils.set_random_seed(0)
    first = keras.layers.Dense(3)
    layers = [first, family.make(), keras.layers.Flatten()]
    layers = [keras.Input(x.shape[1:]), *layers, keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    assert_fit_trains(first, model, x, y)
