"""Pools that learn a parameter, on the Keras backend that is in use: all derivatives,
compiled, saved, trained.
"""

import functools

import data
import keras
import numpy as np
import pytest
import reference
import reference_learned
import tolerances
from hosts import array, compiled, value_and_gradient
from training import assert_fit_trains

import keras_pooling as kp

SIZES = (6, 8)
SLIDING = reference.sliding(SIZES, 3, 2, "same")
PLANE = reference.adaptive(SIZES, 1)
POOLS = {
    "GeM": (reference_learned.gem, kp.ops.gem_pool, "p", SLIDING, (3, 2, "same")),
    "global GeM": (reference_learned.gem, kp.ops.global_gem_pool, "p", PLANE, ()),
    "soft": (reference_learned.soft, kp.ops.soft_pool, "beta", SLIDING, (3, 2, "same")),
    "mixed": (
        reference_learned.mixed,
        *(kp.ops.mixed_pool, "alpha", SLIDING, (3, 2, "same")),
    ),
    "mixed, wide": (
        reference_learned.mixed,
        *(kp.ops.mixed_pool, "alpha", reference.sliding(SIZES, 9, 2, "same")),
        (9, 2, "same"),
    ),
}
PARAMETERS = {
    "one number": 2.5,
    "below 1": 0.25,
    "nearly 0": 0.02,
    "large": 8.0,
    "one for each channel": [3.0, 0.7, 1.5],
}
LAYERS = {
    "GeM": (kp.GeMPool, "p", True),
    "GeM per channel": (functools.partial(kp.GeMPool, per_channel=True), "p", True),
    "global GeM": (kp.GlobalGeMPool, "p", True),
    "soft": (functools.partial(kp.SoftPool, trainable_beta=True), "beta", True),
    "soft per channel": (
        functools.partial(kp.SoftPool, trainable_beta=True, per_channel=True),
        "beta",
        True,
    ),
    "fixed GeM": (functools.partial(kp.GeMPool, trainable_p=False), "p", False),
    "fixed soft": (kp.SoftPool, "beta", False),
}
by_pool = pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
by_format = pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
by_parameter = pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS)
by_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def input_of(data_format="channels_last") -> np.ndarray:
    x = data.generator("learned").uniform(-1, 4, (2, *SIZES, 3))
    return reference.from_channels_last(x, data_format).astype("float32")


@by_pool
@by_format
@by_parameter
def test_values_and_both_gradients(pool, data_format, parameter):
    reduction, function, name, windows, given = pool
    if function is kp.ops.global_gem_pool:
        function = functools.partial(function, keepdims=True)
    x, parameter = input_of(data_format), np.array(parameter, "float32")
    if name == "alpha":
        parameter = parameter / np.float32(8)  # from 0 to 1
    shape = function(x, *given, data_format=data_format).shape
    dy = data.generator("dy").standard_normal(tuple(shape)).astype("float32")
    exact = reference_learned.pool(reduction, x, dy, windows, data_format, parameter)

    def of_x(x):
        return function(x, *given, data_format=data_format, **{name: parameter})

    def of_parameter(parameter):
        x = keras.ops.convert_to_tensor(input_of(data_format))
        return function(x, *given, data_format=data_format, **{name: parameter})

    y, dx = value_and_gradient(of_x, x, dy)
    again, through = value_and_gradient(of_parameter, parameter, dy)
    # Composed, two programs may round otherwise: powers, a sum, a root.
    roundings = 0 if kp.build_info()["compiled"] else 16
    eps = float(np.finfo("float32").eps)
    np.testing.assert_allclose(again, y, rtol=roundings * eps, atol=0)
    assert through.shape == parameter.shape and through.dtype == parameter.dtype
    by_parameter = exact.by_parameter(dy, parameter, data_format)
    steps = reference_learned.steps(windows, parameter)
    for given, wanted, magnitude, terms in (
        (y, exact.y, exact.y_magnitude, steps),
        (dx, exact.dx, exact.dx_magnitude, steps),
        (through, *by_parameter, steps + dy.size),
    ):
        bound = tolerances.of_sum("float32", terms, wanted, magnitude)
        tolerances.assert_within(given, wanted, bound)


@pytest.mark.parametrize("parameter", [1.0, [1.0, 2.0, 3.0]], ids=str)
@by_pool
def test_compiled_with_a_parameter_that_is_an_input(pool, parameter):
    _, function, name, _, given = pool
    x = keras.ops.convert_to_tensor(input_of())
    parameter = keras.ops.convert_to_tensor(parameter, "float32")

    def of_both(x, parameter):
        return function(x, *given, **{name: parameter})

    y = array(of_both(x, parameter))
    # Another order of the operations that the portable path is composed of.
    np.testing.assert_allclose(array(compiled(of_both)(x, parameter)), y, rtol=1e-5)


@by_layer
def test_the_weight_is_there_if_it_is_learned(layer):
    make, name, learns = layer
    it = make()
    it.build((None, *SIZES, 3))
    assert [weight.name for weight in it.trainable_weights] == [name] * learns
    if learns:
        assert getattr(it, name) is it.trainable_weights[0]
        value = array(it.trainable_weights[0].value)
        np.testing.assert_array_equal(value, np.full_like(value, it.get_config()[name]))
        it.trainable = False
        assert not it.trainable_weights and len(it.weights) == 1


@by_layer
def test_saved_with_what_it_has_learned(layer, tmp_path):
    make, name, learns = layer
    model = keras.Sequential([keras.Input((*SIZES, 3)), make(name="it")])
    if learns:
        weight = model.get_layer("it").weights[0]
        weight.assign(np.full(weight.shape, 1.75, "float32"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    config = model.get_layer("it").get_config()
    assert loaded.get_layer("it").get_config() == config
    assert config[name] == (3.0 if name == "p" else 1.0)
    x = input_of()
    np.testing.assert_array_equal(array(loaded(x)), array(model(x)))


def model_of(layer: keras.Layer) -> keras.Sequential:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(3), layer, keras.layers.Flatten()]
    layers = [keras.Input((*SIZES, 2)), *layers, keras.layers.Dense(1, "sigmoid")]
    return keras.Sequential(layers)


@by_layer
def test_trains_its_weight_and_the_layer_before_it(layer):
    make, _, learns = layer
    x = data.generator("train").standard_normal((32, *SIZES, 2)).astype("float32")
    y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
    model = model_of(make())
    first, pool = model.layers[:2]
    before = pool.get_weights()
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    assert_fit_trains(first, model, x, y)
    assert len(before) == learns
    for one, other in zip(before, pool.get_weights(), strict=True):
        assert (one != other).all() and np.isfinite(other).all()


def test_p_is_held_above_0():
    x = data.generator("held").uniform(0.1, 1, (4, *SIZES, 2)).astype("float32")
    model = model_of(kp.GeMPool(2))
    model.compile(keras.optimizers.SGD(1e6), "mse")
    model.fit(x, np.ones((4, 1)), epochs=3, verbose=0)
    (p,) = model.layers[1].get_weights()
    assert p >= np.float32(0.01)


@by_layer
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_weight_stays_float32_in_mixed_precision(layer, policy):
    make, name, learns = layer
    it, x = make(dtype=policy), input_of()
    y = it(x)
    half = policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(y.dtype) == half
    if not learns:
        return
    weight = it.weights[0]
    assert keras.backend.standardize_dtype(weight.dtype) == "float32"
    # A step that a half would lose has its effect.
    value = np.float32(3 * (1 + 2**-13))
    weight.assign(np.full(weight.shape, value))
    other = make(**{name: float(value)}, dtype=policy)
    np.testing.assert_array_equal(array(it(x)), array(other(x)))
    function = kp.ops.gem_pool if name == "p" else kp.ops.soft_pool
    inputs = keras.ops.cast(np.linspace(0, 4, 2**12).reshape(1, -1, 1), half)
    window = inputs.shape[1]

    def slope(parameter):
        return function(inputs, window, **{name: parameter})

    wide = keras.ops.convert_to_tensor(value)
    dy = array(keras.ops.ones((1, 1, 1), half))
    assert value_and_gradient(slope, wide, dy)[1].dtype == np.float32


LARGE = 1e4  # a power so large costs as many roundings
ROUNDINGS = LARGE * float(np.finfo("float32").eps)
LIMITS = {
    "GeM, p 1": (lambda x: kp.ops.gem_pool(x, 2, p=1.0), kp.ops.avg_pool),
    "GeM, large p": (lambda x: kp.ops.gem_pool(x, 2, p=LARGE), kp.ops.max_pool),
    "soft, β 0": (lambda x: kp.ops.soft_pool(x, 2, beta=0.0), kp.ops.avg_pool),
    "soft, large β": (lambda x: kp.ops.soft_pool(x, 2, beta=1e6), kp.ops.max_pool),
    "soft, far below 0": (
        lambda x: kp.ops.soft_pool(x, 2, beta=-1e6),
        lambda x, size: -kp.ops.max_pool(-x, size),
    ),
}


@pytest.mark.parametrize("pool, limit", LIMITS.values(), ids=LIMITS)
def test_limits(pool, limit):
    x = data.distinct((2, *SIZES, 3), "float32", data.generator("limits")) / 8 + 1
    dy = data.generator("dy").standard_normal((2, 3, 4, 3)).astype("float32")
    for given, wanted in zip(
        value_and_gradient(pool, x, dy),
        value_and_gradient(lambda x: limit(x, 2), x, dy),
        strict=True,
    ):
        # Of four taps, one to the power p is 1/4 of the mean: the root says so.
        rtol = np.log(4) / LARGE + 4 * ROUNDINGS
        np.testing.assert_allclose(given, wanted, rtol=rtol, atol=1e-6)


INFINITY = np.inf
EXTREMES = {  # taps, β, what soft pooling gives of them
    "+inf wins": ([INFINITY, 3.0, 0.0, -INFINITY], 1.0, INFINITY),
    "-inf has no weight": ([-INFINITY, 1.0, 1.0, -INFINITY], 1.0, 1.0),
    "nothing else": ([-INFINITY] * 4, 1.0, -INFINITY),
    "the least wins": ([-INFINITY, 3.0, 0.0, INFINITY], -1.0, -INFINITY),
    "an average holds all": ([-INFINITY, 3.0, 0.0, 1.0], 0.0, -INFINITY),
    "the greatest numbers": ([3e38, 3e38, 3e38, 3e38], 1.0, 3e38),
    "far apart": ([3e38, -3e38, 3e38, -3e38], 1.0, 3e38),
    "far apart, averaged": ([3e38, -3e38, -3e38, -3e38], 0.0, -1.5e38),
    "a NaN": ([1.0, np.nan, INFINITY, 2.0], 1.0, np.nan),
}


@pytest.mark.parametrize("taps, beta, wanted", EXTREMES.values(), ids=EXTREMES)
def test_soft_extremes(taps, beta, wanted):
    x = np.array(taps, "float32").reshape(1, 4, 1)
    y = array(kp.ops.soft_pool(x, 4, beta=beta)).item()
    np.testing.assert_allclose(y, np.float32(wanted), rtol=1e-6)


def test_a_window_of_minus_infinity_alone_has_no_gradient():
    x = np.full((1, 4, 1), -INFINITY, "float32")
    pool = functools.partial(kp.ops.soft_pool, pool_size=4)
    _, dx = value_and_gradient(pool, x, np.ones((1, 1, 1), "float32"))
    np.testing.assert_array_equal(dx, np.zeros_like(x))


@pytest.mark.parametrize("taps, first", [([2, 5, 5, 1], 1), ([0, -1, 0, 0], 0)])
def test_the_first_maximum_of_a_mixture_has_its_gradient(taps, first):
    x = np.array(taps, "float32").reshape(1, 4, 1)
    pool = functools.partial(kp.ops.mixed_pool, pool_size=4, alpha=0.75)
    _, dx = value_and_gradient(pool, x, np.ones((1, 1, 1), "float32"))
    np.testing.assert_array_equal(dx.ravel(), 1 / 16 + 0.75 * (np.arange(4) == first))


def test_a_nan_is_in_the_mixture():
    x = np.array([1.0, np.nan, INFINITY, 2.0], "float32").reshape(1, 4, 1)
    for alpha in (0.0, 0.5, 1.0):
        assert np.isnan(array(kp.ops.mixed_pool(x, 4, alpha=alpha)).item())


def test_gem_extremes():
    for taps, wanted in (
        ([1e30, 2e30, 1e30, 1e30], 1e30 * 2.75 ** (1 / 3)),
        ([-5.0, -1.0, 0.0, -INFINITY], 1e-6),
        ([INFINITY, 1.0, 1.0, 1.0], INFINITY),
        ([1.0, np.nan, INFINITY, 2.0], np.nan),
    ):
        x = np.array(taps, "float32").reshape(1, 4, 1)
        y = array(kp.ops.gem_pool(x, 4)).item()
        np.testing.assert_allclose(y, wanted, rtol=1e-6)


def test_epsilon_replaces_what_is_below_it():
    x = np.array([0.5, -3.0, 0.0, 2.0], "float32").reshape(1, 4, 1)
    y, dx = value_and_gradient(
        lambda x: kp.ops.gem_pool(x, 4, p=1.0, epsilon=1.0),
        x,
        np.ones((1, 1, 1), "float32"),
    )
    np.testing.assert_allclose(y.item(), 5 / 4, rtol=1e-6)
    np.testing.assert_allclose(dx.ravel(), [0, 0, 0, 1 / 4], rtol=1e-6)


def test_empty_batches():
    x = np.zeros((0, *SIZES, 3), "float32")
    for pool in (kp.ops.gem_pool, kp.ops.mixed_pool, kp.ops.soft_pool):
        assert tuple(pool(x, 2).shape) == (0, 3, 4, 3)
